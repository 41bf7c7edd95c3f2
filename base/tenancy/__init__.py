"""Firm isolation: the firm a transaction works for, and what the database does to hold it to that.

Entry points: `firm(...)` opens a tenancy block, `TenantModel` makes a table isolated, `tables` tells what every table is.
Invariants: 1 no firm set, no rows (I9); 2 a block never changes firm inside another; 3 the setting ends with its transaction.
"""

from .context import FirmMismatch, current_firm, firm, person

__all__ = ["FirmMismatch", "current_firm", "firm", "person"]
