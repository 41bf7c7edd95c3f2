"""Writes of reporting: statements of one account, of a month, and their download."""

from .download import StatementFile, download_statement
from .monthly import Progress, due_accounts, last_month, month_bounds, report_failure, state_month
from .statements import UnableToMakeStatement, make_statement

__all__ = [
    "Progress",
    "StatementFile",
    "UnableToMakeStatement",
    "download_statement",
    "due_accounts",
    "last_month",
    "make_statement",
    "month_bounds",
    "report_failure",
    "state_month",
]
