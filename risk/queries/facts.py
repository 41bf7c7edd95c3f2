"""What risk asks of the apps below it; the one place where their answers become risk's own.

Entry points: `rates`, `rate_tables`, `price_of`, `marks`, `instruments`, `account_facts` and `AccountFacts`.
Invariant: what a lower app does not know is left out or marked, never filled in (CON-5).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING, Any
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from accounts import queries as accounts
from base.errors import NotFound
from market import queries as market
from risk.core.exact import Bools, Ints

from . import books

if TYPE_CHECKING:
    from market.queries import InstrumentFacts, QuoteFacts

MISSING = -(2**63)
_NO_SLEEVE = UUID(int=0)


def rates(
    *, currencies: Sequence[str], to: str, now: datetime, max_age: timedelta = market.FIXING_MAX_AGE
) -> tuple[dict[str, Fraction], tuple[str, ...]]:
    """Return the value of one unit of each currency in `to`, missing ones left out, and the ids of the rates used (ACC-11)."""
    found = market.fx_ratios(currencies=currencies, to=to, now=now, max_age=max_age)
    known = [index for index in range(len(currencies)) if not found.missing[index]]
    values = {currencies[index]: Fraction(int(found.num[index]), int(found.den[index])) for index in known}
    return values, tuple(sorted({found.rate_ids[index] for index in known}))


def price_of(quote: QuoteFacts) -> Decimal | None:
    """Return what a quote says a unit is worth: the last trade where it lies within bid and ask, as sizing takes it, else the middle.

    None where a side is missing or the two are crossed: then nothing is known that one could trade at.
    """
    if quote.bid is None or quote.ask is None or quote.crossed:
        return None
    return quote.last if quote.last is not None and quote.bid <= quote.last <= quote.ask else quote.mid


def marks(*, instrument_ids: Sequence[int], now: datetime, max_age: timedelta) -> dict[int, Decimal]:
    """Return what each instrument is valued at: its last quote, or the close of its last bar; neither older than `max_age`."""
    quotes = market.latest_quotes(instrument_ids=instrument_ids, now=now)
    priced = {key: price_of(quote) for key, quote in quotes.items() if quote.age(now) <= max_age}
    found = {key: price for key, price in priced.items() if price is not None}
    rest = [key for key in instrument_ids if key not in found]
    return {**books.last_closes(instrument_ids=rest, now=now, max_age=max_age), **found} if rest else found


def rate_tables(*, from_: Sequence[str], to: Sequence[str], now: datetime, max_age: timedelta) -> tuple[Ints, Ints, Bools]:
    """Return exact rates as tables [to, from]: numerators, denominators (1 where missing), and what is missing. One statement a row."""
    found = [market.fx_ratios(currencies=from_, to=currency, now=now, max_age=max_age) for currency in to]
    shape = (len(to), len(from_))
    num = np.array([row.num for row in found], np.int64).reshape(shape)
    den = np.array([row.den for row in found], np.int64).reshape(shape)
    return num, np.maximum(den, 1), np.array([row.missing for row in found], np.bool_).reshape(shape)


def instruments(ids: Sequence[int]) -> dict[int, InstrumentFacts]:
    """Return the instruments and their underlyings. Raises NotFound for an unknown one."""
    found = market.instruments(list(dict.fromkeys(ids)))
    if any(key not in found for key in ids):
        raise NotFound("instrument")
    beneath = [row.underlying_id for row in found.values() if row.underlying_id is not None and row.underlying_id not in found]
    return {**found, **market.instruments(beneath)} if beneath else found


@dataclass(frozen=True, slots=True, eq=False)
class AccountFacts:
    """Money and limits of m accounts in the order asked for.

    equity, available: int64[m], minor units of the account's currency; class_cap: int64[m], 1/10^8; MISSING where not known. currency:
    int[m], position in `currencies`; exponent: int64[m], decimals of its minor unit. known: bool[m], the account exists.
    """

    ids: list[UUID]
    classes: list[str]
    currencies: tuple[str, ...]
    currency: NDArray[Any]
    exponent: Ints
    equity: Ints
    available: Ints
    class_cap: Ints
    mandates: list[UUID | None]
    known: Bools


def account_facts(*, ids: NDArray[Any], now: datetime, instrument: InstrumentFacts) -> AccountFacts:
    """Return equity, available cash, caps and mandates of accounts; ids: V16[m], ascending, once each.

    instrument: any one; what is asked of it is not used, since positions of a whole batch come from `batch_books.held`.
    """
    asked = [UUID(bytes=value) for value in ids.tolist()]
    found = accounts.account_arrays(account_ids=asked, sleeve_id=_NO_SLEEVE, instrument=instrument, now=now)
    place = np.minimum(np.searchsorted(found.ids, ids), max(len(found.ids) - 1, 0))
    known = found.ids[place] == ids if len(found.ids) else np.zeros(len(ids), np.bool_)
    at = place[known]

    def spread(values: NDArray[Any], absent: int) -> Ints:
        column = np.full(len(ids), absent, np.int64)
        column[known] = values[at]
        return column

    mandates: list[UUID | None] = [None] * len(ids)
    classes = [""] * len(ids)
    names, signed = found.class_names, found.mandate_ids
    for target, source in zip(np.flatnonzero(known).tolist(), at.tolist(), strict=True):
        mandates[target], classes[target] = signed[source], str(names[source])
    return AccountFacts(
        ids=asked,
        classes=classes,
        currencies=tuple(found.currencies) or ("USD",),
        currency=spread(found.currency, 0),
        exponent=spread(np.array(found.exponents, np.int64)[found.currency], 0),
        equity=spread(found.equity, MISSING),
        available=spread(found.available, MISSING),
        class_cap=spread(found.class_cap, MISSING),
        mandates=mandates,
        known=known,
    )
