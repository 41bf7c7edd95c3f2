"""Write the figures' rows, one an account, in one statement.

Entry point: `write_rows`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from accounts.core.scaled import EXPONENT
from accounts.queries.columns import Ints
from accounts.queries.valuation import MISSING
from base import bulk
from base.core.money import minor_exponent

from ..models import AccountFigures
from ..queries.figure_history import History
from ..queries.figure_inputs import GROUP_KINDS
from .figure_work import UNIT, Floats, Work, micros

_NULLABLE = f"(NULLIF({{}}, {MISSING})::numeric / 100000000)"
_INSTANT = f"to_timestamp(NULLIF({{}}, {MISSING})::numeric / 1000000)"
_DATE = f"(DATE '1970-01-01' + NULLIF({{}}, {MISSING})::int)"


def write_rows(work: Work, history: History | None) -> None:
    """Write every account's row; curves only where they were taken anew."""
    c, accounts, facts = work.columns, work.accounts, work.facts
    to_scale = 10 ** (EXPONENT - minor_exponent(work.currency))
    own, activity = ("equity", "day_start", "margin_used", "open_pnl_own", "open_risk"), c["activity"]
    to = ("equity_to", "start_to", "flow_to", "day_pnl", "day_loss", "open_pnl", "realised", "gross", "net", "open_risk_to")
    ratios = ("day_rate", "margin_rate", "drawdown", "loss_use")
    at, place = [None if one is None else micros(one) for one in work.rates.as_of], accounts.currency
    rate_at = np.array([MISSING if one is None else one for one in at], np.int64)
    rate = np.array(
        [
            MISSING if m else round(int(n) * UNIT / int(d))
            for n, d, m in zip(work.rates.num, work.rates.den, work.rates.missing, strict=True)
        ],
        np.int64,
    )
    columns: dict[str, Any] = {
        "account_id": bulk.Uuids(accounts.ids),
        "code": _texts(facts.codes),
        "name": _texts(facts.names),
        **{kind: _texts(facts.labels[kind]) for kind in GROUP_KINDS},
        "connection_id": bulk.Uuids(facts.connections),
        "custodian_id": bulk.Uuids(facts.custodians),
        "currency_to": work.currency,
        "rate": bulk.Integers(rate[place], _NULLABLE),
        "rate_label": _texts([work.rates.labels[i][:120] for i in place.tolist()]),
        "rate_as_of": bulk.Integers(rate_at[place], _INSTANT),
        **{name: _scaled(c[name], c["scale"]) for name in own},
        **{name: _scaled(c[name], to_scale) for name in to},
        **{name: bulk.Integers(c[name], _NULLABLE) for name in ratios},
        "margin_reason": _texts([one[:80] for one in c["margin_reason"]]),
        "risk_reason": _texts([one[:80] for one in c["risk_reason"]]),
        "positions": bulk.Integers(c["positions"]),
        "orders": bulk.Integers(activity.orders),
        "fills": bulk.Integers(activity.fills),
        "working": bulk.Integers(activity.working),
        "breaks": bulk.Integers(c["breaks"]),
        "block": _texts([mode for mode, _ in c["block"]]),
        "block_reason": _texts([reason for _, reason in c["block"]]),
        "authority": _texts(c["authority"]),
        "attention": bulk.Integers(c["attention"]),
        "is_short_of_cash": bulk.Booleans(c["is_short_of_cash"]),
        "reason": _texts(c["reason"]),
        "priced_at": bulk.Integers(c["priced_at"], _INSTANT),
        "computed_at": work.now,
    }
    if history is not None:
        columns["points"] = bulk.IntegerArrays(history.points)
        columns["unit"] = bulk.Integers(_ratios(history.accounts.unit), _NULLABLE)
        columns["peak"] = bulk.Integers(_ratios(history.accounts.peak), _NULLABLE)
        columns["history_on"] = bulk.Integers(history.until, _DATE)
    fields = {field.attname: field.column for field in AccountFigures._meta.local_concrete_fields}
    again = ", ".join(f"{fields[name]} = excluded.{fields[name]}" for name in columns if name != "account_id")
    bulk.insert(AccountFigures, work.n, columns, on_conflict=f"ON CONFLICT (firm_id, account_id) DO UPDATE SET {again}")


def _scaled(minor: Ints, scale: Any) -> bulk.Integers:
    known = minor != MISSING
    return bulk.Integers(np.where(known, np.where(known, minor, 0) * scale, MISSING), _NULLABLE)


def _texts(values: Sequence[str]) -> bulk.Texts:
    return bulk.Texts(np.array([value.replace("\0", "").encode() for value in values], dtype=np.bytes_))


def _ratios(values: Floats) -> Ints:
    return np.rint(np.minimum(values, 1e9) * UNIT).astype(np.int64)
