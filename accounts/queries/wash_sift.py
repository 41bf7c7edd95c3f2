"""Which tax units and instruments can hold a wash sale at all, by column: most of a firm's books never need a replay.

Entry point: `sift` → `Sifted` of `Loss`. Inside the caller's tenancy block.
Invariant: what is left out cannot change a figure. A group (tax unit, identity group) in which no loss has a purchase of another lot within 30 days
has no match, so nothing in it carries a deferred loss either.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

import numpy as np

from ..core.tax_units import UnitMember
from ..core.wash_scope import WINDOW_DAYS
from .columns import DAY, as_integers, as_uuids, fetch_row, places, raw_ids, to_uuids

_EPOCH = date(1970, 1, 1).toordinal()
_DAYS = 1 << 20
_BOUGHT = f"""
SELECT string_agg(uuid_send(id), ''), string_agg(uuid_send(account_id), ''), string_agg(int8send(instrument_id), ''),
    string_agg({DAY.format("acquired_on")}, '')
FROM accounts_taxlot WHERE account_id = ANY(%(ids)s::uuid[]) AND instrument_id = ANY(%(instruments)s::bigint[])
"""
_LOST = f"""
SELECT string_agg(uuid_send(lot_id), ''), string_agg({DAY.format("closed_on")}, ''), string_agg(uuid_send(transaction_id), '')
FROM accounts_lotclosure WHERE account_id = ANY(%(ids)s::uuid[]) AND proceeds < basis
"""


@dataclass(frozen=True, slots=True)
class Loss:
    """A loss with no purchase near it, as the books have it."""

    account_id: str
    instrument_id: int
    sale_id: UUID
    sale_date: date


@dataclass(frozen=True, slots=True)
class Sifted:
    """washable: (unit, identity) worth a replay. alone: the losses of the others since the day asked for."""

    washable: frozenset[tuple[int, str]]
    alone: tuple[Loss, ...]


def sift(
    *, wanted: Collection[tuple[int, str]], units: Mapping[Any, UnitMember], identities: Mapping[int, str], alone_since: date
) -> Sifted:
    """Return which of the wanted (unit, identity) need a replay; two statements.

    units: by account id as text. identities: by instrument id, of every instrument of a wanted identity group.
    """
    in_wanted = {unit for unit, _ in wanted}
    ids = [pk for pk, member in units.items() if member.unit in in_wanted]
    names = sorted({identity for _, identity in wanted})
    instruments = np.array(sorted(identities), np.int64)
    identity_of = np.array([names.index(identities[one]) for one in instruments.tolist()], np.int64)
    raw = raw_ids(UUID(pk) for pk in ids)
    order = np.argsort(raw)
    known, unit_of = raw[order], np.array([units[pk].unit for pk in ids], np.int64)[order]
    terms = {"ids": ids, "instruments": instruments.tolist()}

    bought, lost = fetch_row(_BOUGHT, terms), fetch_row(_LOST, terms)
    account, held, opened = as_uuids(bought[1]), as_integers(bought[2]), as_integers(bought[3])
    group_of = unit_of[places(known, account)[0]] * len(names) + identity_of[np.searchsorted(instruments, held)]
    lots = as_uuids(bought[0])
    by_id = np.argsort(lots)
    at, found = places(lots[by_id], as_uuids(lost[0]))
    lot, closed, sale = by_id[at[found]], as_integers(lost[1])[found], as_uuids(lost[2])[found]
    group = group_of[lot]
    purchases = np.sort(group_of * _DAYS + opened)
    near = np.searchsorted(purchases, group * _DAYS + closed + WINDOW_DAYS, "right")
    near -= np.searchsorted(purchases, group * _DAYS + closed - WINDOW_DAYS, "left")
    wash = np.unique(group[near > (np.abs(closed - opened[lot]) <= WINDOW_DAYS)])
    asked = np.array([unit * len(names) + names.index(identity) for unit, identity in wanted], np.int64)
    washable = frozenset((one // len(names), names[one % len(names)]) for one in np.intersect1d(wash, asked).tolist())
    rows = np.flatnonzero(np.isin(group, np.setdiff1d(asked, wash)) & (closed >= alone_since.toordinal() - _EPOCH))
    alone = zip(to_uuids(account[lot[rows]]), held[lot[rows]].tolist(), to_uuids(sale[rows]), closed[rows].tolist(), strict=True)
    return Sifted(washable, tuple(Loss(str(one), what, sold, date.fromordinal(day + _EPOCH)) for one, what, sold, day in alone))
