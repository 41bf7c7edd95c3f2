"""Equity at the end of a day, kept (ACC-3): what performance and statements are made from."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from uuid import UUID

import numpy as np

from base import bulk
from base.core.money import minor_exponent
from market.queries import instruments

from ..models import Account, EquitySnapshot
from ..queries import account_arrays
from ..queries.columns import fetch_rows, uuid_literal

MISSING = -(2**63)
_NO_SLEEVE = UUID(int=0)
_FLOWS = """
SELECT e.account_id, e.currency, (-sum(e.amount) * 100000000)::bigint FROM accounts_ledgerentry e
JOIN accounts_ledgertransaction t ON t.id = e.transaction_id
WHERE e.book = 'CAPITAL' AND e.currency <> '' AND t.entry_type IN ('FLOW', 'TRANSFER') AND t.trade_date = %(day)s
AND e.account_id = ANY(%(accounts)s::uuid[]) GROUP BY 1, 2"""


def snapshot_equity(*, as_of: date, now: datetime, account_ids: Sequence[UUID] | None = None) -> int:
    """Keep equity, cash, market value and external flow of every open account as of `now` under the date; again replaces nothing.

    An account whose equity is not known (a price or rate is missing) has no snapshot. Returns how many were written. Source: ACC-3, PRF-1.
    """
    rows = Account.objects.filter(is_clearing=False, closed_on=None)
    ids = list((rows.filter(pk__in=account_ids) if account_ids is not None else rows).values_list("id", flat=True))
    known = next(iter(instruments().values()), None)
    if not ids or known is None:
        return 0
    arrays = account_arrays(account_ids=ids, sleeve_id=_NO_SLEEVE, instrument=known, now=now)
    at = np.flatnonzero(arrays.equity != MISSING)
    scale = np.array([10 ** (8 - minor_exponent(code)) for code in arrays.currencies], dtype=np.int64)[arrays.currency]
    flows = _flows(arrays.ids, arrays.currencies, arrays.currency, as_of)
    equity, cash = arrays.equity[at] * scale[at], arrays.balance[at] * scale[at]
    columns = {
        "account_id": bulk.Uuids(arrays.ids[at]),
        "as_of": as_of,
        "cash": bulk.Decimals(cash),
        "market_value": bulk.Decimals(equity - cash),
        "equity": bulk.Decimals(equity),
        "external_flow": bulk.Decimals(flows[at]),
    }
    return bulk.insert(EquitySnapshot, len(at), columns, on_conflict="ON CONFLICT (firm_id, account_id, as_of) DO NOTHING")


def _flows(ids: bulk.Uuids, currencies: Sequence[str], currency: object, day: date) -> np.ndarray:  # type: ignore[type-arg]
    """Return the day's external flows in base currency, 10⁻⁸; flows in another currency are converted when statements are made."""
    place = {raw: i for i, raw in enumerate(ids.tolist())}  # type: ignore[attr-defined]
    found = np.zeros(len(place), dtype=np.int64)
    lanes = currency.tolist()  # type: ignore[attr-defined]
    for account, code, amount in fetch_rows(_FLOWS, {"day": day, "accounts": uuid_literal(ids)}):  # type: ignore[arg-type]
        i = place[account.bytes]
        if currencies[lanes[i]] == code:
            found[i] += amount
    return found
