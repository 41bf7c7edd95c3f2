"""The margin we expect a custodian to require, from holdings and recorded rates (ACC-7, ACC-10).

Entry points: `MarginRates`, `rates_on`, `expected_margins`.
Invariants: 1. rates are data with a first day, never constants (they are law and house rules); 2. sums are exact and rounded once, half-up,
per account and kind (CON-1); 3. an account with a holding the rates say nothing of has no expectation at all, rather than half of one.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import date
from decimal import Decimal, InvalidOperation
from fractions import Fraction

import numpy as np

from base.core.money import round_money

from ..enums import MarginKind
from .directory import Directory
from .fixed import NO_PRICE, SCALE, Bools, Ints, to_fixed
from .materiality import Rates
from .snapshot import AmountTable, PositionTable, make_table

_KINDS = tuple(MarginKind)


@dataclass(frozen=True, slots=True)
class MarginRates:
    """Rates of market value from a day on (0.50 = 50%), short ones besides the proceeds; short_per_share: least maintenance of a short
    share, in its currency; leverage: notional ÷ margin of FX, None where the connection trades none."""

    since: date
    long_initial: Decimal
    long_maintenance: Decimal
    short_initial: Decimal
    short_maintenance: Decimal
    short_per_share: Decimal
    leverage: Decimal | None = None


def rates_on(rows: Sequence[Mapping[str, str]], day: date) -> MarginRates | None:
    """Return the rates that hold on a day, from the rows of a connection's settings; None before the first.

    >>> row = dict.fromkeys(["long_initial", "long_maintenance", "short_initial", "short_maintenance", "short_per_share"], "0.5")
    >>> rates_on([{"since": "2026-01-01", **row}], date(2026, 1, 5)).long_initial
    Decimal('0.5')

    Raises ValueError for a row that cannot be read: a name unknown or absent, a number that is none or below zero.
    """
    known = [_row(row) for row in rows]
    return max((one for one in known if one.since <= day), key=lambda one: one.since, default=None)


def _row(row: Mapping[str, str]) -> MarginRates:
    names = [field.name for field in fields(MarginRates)]
    if unknown := sorted(set(row) - set(names)):
        raise ValueError(f"margin rates: {unknown[0]} is not one of {', '.join(names)}")
    if missing := [name for name in names[:-1] if name not in row]:
        raise ValueError(f"margin rates: {missing[0]} is missing")
    return MarginRates(date.fromisoformat(row["since"]), **{name: _number(name, row[name]) for name in names[1:] if name in row})


def _number(name: str, text: str) -> Decimal:
    try:
        value = Decimal(text)
    except InvalidOperation as error:
        raise ValueError(f"margin rates: {name} {text!r} is not a number") from error
    if not value.is_finite() or value < 0 or (name == "leverage" and value == 0):
        raise ValueError(f"margin rates: {name} {text!r} is not a rate")
    return value


def expected_margins(
    positions: PositionTable,
    models: Mapping[int, MarginRates],
    directory: Directory,
    *,
    base_currency: Ints,
    fx: Rates,
    is_share: Bools,
    is_fx: Bools,
) -> tuple[AmountTable, frozenset[int]]:
    """Return expected INITIAL and MAINTENANCE margin in base currency, and the account codes it could be worked out for.

    models: rates by account code; other accounts are left out. is_share, is_fx: bool[n_instruments]. An account with any other holding,
    with one that has no price or rate, or with a short below `short_per_share` (of which ACC-7 says nothing) is left out.
    Source: ACC-7, ACC-10.
    """
    totals: defaultdict[tuple[int, int], Fraction] = defaultdict(Fraction)
    left_out: set[int] = set()
    rows = np.flatnonzero(np.isin(positions.account, np.array(sorted(models), np.int64)))
    for row in rows.tolist():
        account, instrument = int(positions.account[row]), int(positions.instrument[row])
        base = directory.currencies[base_currency[account]]
        currency = directory.currencies[positions.currency[row]]
        rate = Decimal(1) if currency == base else fx.get((currency, base))
        price = int(positions.price[row])
        need = None
        if rate is not None and price != NO_PRICE:
            quantity, unit = Fraction(int(positions.quantity[row]), SCALE), Fraction(price, SCALE)
            size = Fraction(directory.multiplier[instrument])
            if is_share[instrument]:
                need = _of_share(quantity * size, unit, models[account])
            elif is_fx[instrument]:
                need = _of_fx(quantity * size * unit, models[account])
        if need is None or rate is None:
            left_out.add(account)
            continue
        for kind, amount in zip(_KINDS, need, strict=True):
            totals[account, kind_code(kind)] += amount * Fraction(rate)
    known = frozenset(models) - left_out
    table = [
        (account, kind, int(base_currency[account]), 0, to_fixed(round_money(amount, directory.currencies[base_currency[account]])))
        for (account, kind), amount in sorted(totals.items())
        if account in known and amount
    ]
    return make_table(AmountTable, table), known


def kind_code(kind: MarginKind) -> int:
    """Return the code of a kind of margin."""
    return _KINDS.index(kind)


def _of_share(quantity: Fraction, price: Fraction, rates: MarginRates) -> tuple[Fraction, Fraction] | None:
    value = abs(quantity) * price
    if quantity >= 0:
        return value * Fraction(rates.long_initial), value * Fraction(rates.long_maintenance)
    if price < Fraction(rates.short_per_share):
        return None
    least = abs(quantity) * Fraction(rates.short_per_share)
    return value * Fraction(rates.short_initial), max(value * Fraction(rates.short_maintenance), least)


def _of_fx(notional: Fraction, rates: MarginRates) -> tuple[Fraction, Fraction] | None:
    if rates.leverage is None:
        return None
    need = abs(notional) / Fraction(rates.leverage)
    return need, need
