"""Write the figures' rows, one an account, in one statement.

Entry point: `write_rows`.
Invariant: a row is written where it says something else than it did, or was not written for `REWRITTEN`; `computed_at` is when it was.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from accounts.queries.columns import Ints
from accounts.queries.valuation import MISSING, beyond
from base import bulk
from base.core.money import minor_exponent

from ..models import AccountFigures
from ..queries.figure_history import History
from ..queries.figure_inputs import GROUP_KINDS
from .figure_work import UNIT, Floats, Work, micros

REWRITTEN = "10 minutes"  # a row that says the same is left as it is for so long: of ten thousand most do
_NULLABLE = f"(NULLIF({{}}, {MISSING})::numeric / 100000000)"
_INSTANT = f"to_timestamp(NULLIF({{}}, {MISSING})::numeric / 1000000)"
_DATE = f"(DATE '1970-01-01' + NULLIF({{}}, {MISSING})::int)"


def write_rows(work: Work, history: History | None) -> None:
    """Write every account's row; curves only where they were taken anew."""
    c, accounts, facts = work.columns, work.accounts, work.facts
    whole = f"(NULLIF({{}}, {MISSING})::numeric / {10 ** minor_exponent(work.currency)})"
    own, activity = ("equity", "day_start", "margin_used", "open_pnl_own", "open_risk"), c["activity"]
    to = ("equity_to", "start_to", "flow_to", "day_pnl", "day_loss", "open_pnl", "realised", "gross", "net", "open_risk_to")
    ratios = ("day_rate", "margin_rate", "drawdown", "loss_use")
    place = accounts.currency
    # A currency in itself needs no rate, so none is of any instant: a row changes only with what it is made of.
    needed = [None if name == work.currency else at for name, at in zip(accounts.currencies, work.rates.as_of, strict=True)]
    rate_at = np.array([MISSING if at is None else micros(at) for at in needed], np.int64)
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
        **{name: bulk.Integers(c[name], whole) for name in to},
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
    written = [fields[name] for name in columns if name != "account_id"]
    again = ", ".join(f"{name} = excluded.{name}" for name in written)
    told = [name for name in written if name != "computed_at"]
    table = AccountFigures._meta.db_table
    differs = f"({', '.join(f'{table}.{name}' for name in told)}) IS DISTINCT FROM ({', '.join(f'excluded.{name}' for name in told)})"
    is_old = f"excluded.computed_at - {table}.computed_at > '{REWRITTEN}'"
    on_conflict = f"ON CONFLICT (firm_id, account_id) DO UPDATE SET {again} WHERE {differs} OR {is_old}"
    bulk.insert(AccountFigures, work.n, columns, on_conflict=on_conflict)


def _scaled(minor: Ints, scale: Ints) -> bulk.Integers:
    known = (minor != MISSING) & ~beyond(minor, scale)
    return bulk.Integers(np.where(known, np.where(known, minor, 0) * scale, MISSING), _NULLABLE)


def _texts(values: Sequence[str]) -> bulk.Texts:
    written = {value: value.replace("\0", "").encode() for value in set(values)}  # most say what others say
    return bulk.Texts(np.array([written[value] for value in values], dtype=np.bytes_))


def _ratios(values: Floats) -> Ints:
    return np.rint(np.minimum(values, 1e9) * UNIT).astype(np.int64)
