"""What governance says of every row of a batch: kill switch, authority, restricted list, mandate.

Entry points: `ask`, `Said`.
Invariants: 1. an account that does not exist has no authority. 2. an account with several rows in one instrument is asked about once, for
the most that any of them does. 3. the tightest of all figures stays with the row; reasons are made only for rows that are refused.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from governance import queries as governance
from governance.core.authority_check import AuthorityAsk
from governance.core.mandates import MandatedInstrument
from governance.enums import KillScope
from risk.core.exact import Bools, Ints
from risk.enums import GateCode, Missing, Restriction

from .facts import MISSING, AccountFacts
from .rows import Gate2Rows

if TYPE_CHECKING:
    from market.queries import InstrumentFacts

_LONG_ONLY = "the mandate is long only"
_UNKNOWN = Missing.PRICE | Missing.FX
Reason = Callable[[int], str]


@dataclass(slots=True, eq=False)
class Said:
    """By row: the mandate's cap (int64[n], 1/10^8, MISSING = none), whether it forbids opening, authority, restricted list, kill switch."""

    cap: Ints
    forbidden: Bools
    authorised: Bools
    restriction: NDArray[np.int8]
    killed: Bools
    reasons: dict[GateCode, dict[int, tuple[Reason, int]]] = field(default_factory=dict)

    def reason(self, row: int, code: GateCode) -> str:
        """Return what governance said of a row that was refused for this, "" where it says no more."""
        found = self.reasons.get(code, {}).get(row)
        return "" if found is None else found[0](found[1])

    def note(self, code: GateCode, rows: NDArray[Any], places: NDArray[Any], reason: Reason) -> None:
        self.reasons.setdefault(code, {}).update({row: (reason, place) for row, place in zip(rows.tolist(), places.tolist(), strict=True)})


def ask(
    *,
    rows: Gate2Rows,
    instruments: Mapping[int, InstrumentFacts],
    accounts: AccountFacts,
    at: NDArray[Any],
    position: Ints,
    notional: Ints,
    missing: NDArray[np.uint8],
    now: datetime,
) -> Said:
    """Ask governance about every row. at: int[n], each row's place in `accounts`; position: int64[n], signed, before the lot, 1/10^8;
    notional: int64[n], minor units of the account's currency.
    """
    size = len(rows)
    said = Said(
        np.full(size, MISSING, np.int64),
        np.zeros(size, np.bool_),
        np.zeros(size, np.bool_),
        np.zeros(size, np.int8),
        _killed(rows, accounts, at, position),
    )
    ids = rows.of_orders([order.instrument_id for order in rows.orders])
    for instrument_id in dict.fromkeys(order.instrument_id for order in rows.orders):
        of_it = np.flatnonzero(ids == instrument_id)
        if len(of_it):
            _ask_about(instruments[instrument_id], instruments, of_it, rows, accounts, at, position, notional, missing, now, said)
    return said


def _ask_about(
    instrument: InstrumentFacts,
    instruments: Mapping[int, InstrumentFacts],
    of_it: NDArray[Any],
    rows: Gate2Rows,
    accounts: AccountFacts,
    at: NDArray[Any],
    position: Ints,
    notional: Ints,
    missing: NDArray[np.uint8],
    now: datetime,
    said: Said,
) -> None:
    beneath = None if instrument.underlying_id is None else instruments[instrument.underlying_id]
    both = [row for row in (instrument, beneath) if row is not None]
    state = governance.restriction_state(
        instrument_id=instrument.id, issuer_id=instrument.issuer_id, underlying_id=instrument.underlying_id, now=now
    )
    said.restriction[of_it] = Restriction[str(state)].value
    delta, before = rows.delta[of_it], position[of_it]
    after = before + delta
    opens = ~((np.sign(delta) * np.sign(before) < 0) & (np.abs(delta) <= np.abs(before)))
    short = opens & (after < 0)
    places, place = np.unique(at[of_it], return_inverse=True)
    who = places.tolist()

    limits = governance.mandate_limits(
        mandate_ids=[accounts.mandates[i] for i in who],
        instrument=MandatedInstrument(
            str(instrument.id),
            instrument.kind,
            frozenset(str(row.issuer_id) for row in both if row.issuer_id is not None),
            frozenset(row.sector for row in both if row.sector),
        ),
        now=now,
    )
    said.cap[of_it] = limits.cap[place]
    said.forbidden[of_it] = (limits.allowed[place] == 0) | ((limits.long_only[place] == 1) & short)
    barred = said.forbidden[of_it]
    said.note(GateCode.MANDATE, of_it[barred], place[barred], lambda at: limits.clause(at) if not limits.allowed[at] else _LONG_ONLY)

    unknown = (missing[of_it] & _UNKNOWN.value) != 0
    verdict = governance.authority_verdict(
        account_ids=[accounts.ids[i] for i in who],
        account_classes=[accounts.classes[i] for i in who],
        base_currencies=[accounts.currencies[int(accounts.currency[i])] for i in who],
        ask=AuthorityAsk(
            instrument_kind=instrument.kind,
            symbols=tuple(row.symbol for row in both),
            opens=_any(opens, place, len(who)),
            short=_any(short, place, len(who)),
            margin=np.zeros(len(who), np.bool_),
            notional=_most(np.where(unknown, np.iinfo(np.int64).max, notional[of_it]), place, len(who)),
        ),
        now=now,
    )
    said.authorised[of_it] = (verdict.codes == 0)[place] & accounts.known[at[of_it]]
    refused = ~said.authorised[of_it]
    said.note(GateCode.AUTHORITY, of_it[refused], place[refused], verdict.reason)


def _killed(rows: Gate2Rows, accounts: AccountFacts, at: NDArray[Any], position: Ints) -> Bools:
    """Return the rows that a tripped switch stops.

    Lots of flattening orders pass a switch whose flattening was confirmed, as long as they still only reduce (GOV-10).
    """
    killed = np.zeros(len(rows), np.bool_)
    flattens = rows.of_orders([int(order.flattens) for order in rows.orders]).astype(np.bool_)
    flattens &= (np.sign(rows.delta) * np.sign(position) < 0) & (np.abs(rows.delta) <= np.abs(position))
    for (scope, subject), switch in governance.kill_index().tripped.items():
        if scope is KillScope.ACCOUNT:
            hit = np.array([str(account) == subject for account in accounts.ids], np.bool_)[at]
        elif scope is KillScope.FIRM:
            hit = np.ones(len(rows), np.bool_)
        else:
            hit = rows.of_orders([int(_subject(scope, order) == subject) for order in rows.orders]).astype(np.bool_)
        killed |= hit & ~(flattens & (switch.flatten_confirmed_at is not None))
    return killed


def _subject(scope: KillScope, order: Any) -> str:
    subjects = {KillScope.BROKER: order.connection_id, KillScope.STRATEGY: order.strategy_id, KillScope.INSTRUMENT: order.instrument_id}
    return str(subjects[scope])


def _any(values: Bools, place: NDArray[Any], size: int) -> Bools:
    return np.bincount(place, weights=values, minlength=size) > 0


def _most(values: Ints, place: NDArray[Any], size: int) -> Ints:
    most = np.zeros(size, np.int64)
    np.maximum.at(most, place, values)
    return most
