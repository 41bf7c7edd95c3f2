"""Whether the books of a day have moved since a run looked at them.

Entry point: `booked_since`.
Invariant: the order of ids is the order of the ledger and of the runs, whatever the clocks say.
"""

from __future__ import annotations

from datetime import date
from uuid import UUID

from .columns import execute

_SQL = """
SELECT EXISTS (
    SELECT 1 FROM accounts_ledgertransaction t JOIN accounts_ledgerentry e ON e.transaction_id = t.id
    JOIN accounts_account a ON a.id = e.account_id
    WHERE t.id > %(run)s AND t.trade_date <= %(as_of)s AND {which})
"""


def booked_since(run_id: UUID, as_of: date, *, account_id: UUID | None = None, custodian_id: UUID | None = None) -> bool:
    """Return whether anything of that day or before was booked after the run, in an account or in any of a custodian."""
    which = "a.id = %(account)s" if account_id is not None else "a.custodian_id = %(custodian)s"
    given = {"run": run_id, "as_of": as_of, "account": account_id, "custodian": custodian_id}
    return execute(_SQL.format(which=which), given).fetchone() == (True,)
