"""Record every account's equity at the end of a day (ACC-3): what performance is computed from.

Entry points: `snapshot_equity`, `SnapshotFacts`.
Invariants: 1. one row an account and day, written again it is replaced, and its account told of; 2. an account that cannot be valued gets no
row, and is named.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

import numpy as np
from django.db import transaction as database

from base import bulk
from base.live import Topic, announce

from ..core.scaled import EXPONENT
from ..models import EquitySnapshot
from ..queries.arrays import open_accounts_on
from ..queries.columns import NO_ID, Ints, to_uuids
from ..queries.flows import flows_until
from ..queries.standing import exponents_of, standing_of
from ..queries.valuation import MISSING, beyond


@dataclass(frozen=True, slots=True)
class SnapshotFacts:
    """written: how many accounts have a row now. unknown: accounts that could not be valued, for want of a price or rate (CON-5), or for being
    larger than the books can hold."""

    written: int
    unknown: tuple[UUID, ...]


@database.atomic
def snapshot_equity(*, as_of: date, now: datetime, account_ids: Sequence[UUID] | None = None) -> SnapshotFacts:
    """Value these accounts (None: all that are open on the day, clearing left out) by today's books and prices at `now`.

    external_flow: what came in as capital since the account's snapshot before, money and assets in kind at their worth at `now`; what was booked
    late, for a day that had been valued by then, comes with the day that first holds it.
    """
    accounts = open_accounts_on(account_ids=account_ids, on=as_of)
    if not len(accounts.ids):
        return SnapshotFacts(0, ())
    flows = flows_until(accounts=accounts, as_of=as_of)
    standing = standing_of(accounts=accounts, sleeve_id=UUID(bytes=NO_ID), also=flows.instruments, now=now)
    flow, unknown_flow = flows.worth(accounts, now)
    scale = 10 ** (EXPONENT - exponents_of(accounts.currencies))[accounts.currency]
    unknown = (standing.equity == MISSING) | unknown_flow
    for written in (standing.balance, standing.market_value, standing.equity, flow):
        unknown |= beyond(written, scale)
    kept = np.flatnonzero(~unknown)

    def amounts(minor: Ints) -> bulk.Decimals:
        return bulk.Decimals(minor[kept] * scale[kept])

    columns = {
        "account_id": bulk.Uuids(accounts.ids[kept]),
        "as_of": as_of,
        "valued_at": now,
        "cash": amounts(standing.balance),
        "market_value": amounts(standing.market_value),
        "equity": amounts(standing.equity),
        "external_flow": amounts(flow),
    }
    again = ", ".join(f"{name} = excluded.{name}" for name in ("valued_at", "cash", "market_value", "equity", "external_flow"))
    bulk.insert(EquitySnapshot, len(kept), columns, on_conflict=f"ON CONFLICT (firm_id, account_id, as_of) DO UPDATE SET {again}")
    announce(Topic.EVENINGS, accounts.ids[kept], accounts=accounts.ids[kept])
    return SnapshotFacts(len(kept), tuple(to_uuids(accounts.ids[np.flatnonzero(unknown)])))
