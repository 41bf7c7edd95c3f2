"""Which differences are breaks, and which of them are material (REC-2, REC-3).

Entry points: `Tolerances`, `judge`.
Invariants: 1. figures are compared as exact rationals; floats only leave out what cannot possibly count (a margin of 10⁻⁶, terms of one
sign); 2. a difference that cannot be valued (no price, no rate) is material (CON-5); 3. the same money is not counted twice: the sum
over an account is taken per view: holdings (positions and trade-date cash), settled cash, trades, fees, margin, and each view must keep
to the tolerance; 4. timing breaks are logged, and neither material nor summed before their date (REC-4).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

import numpy as np

from base.core.money import round_money

from ..enums import BreakType, ItemKind, MarginKind, MovementKind
from .breaks import ITEMS, TYPE_CODE, TYPES, Break, Differences, Policy
from .directory import Directory
from .fixed import NO_PRICE, SCALE, Bools, Ints, from_day, from_fixed
from .snapshot import take

_VIEW = {ItemKind.POSITION: 0, ItemKind.CASH_TD: 0, ItemKind.CASH_SD: 1, ItemKind.TRADE: 2, ItemKind.FEE: 3, ItemKind.MARGIN: 4}
_VIEW_OF_ITEM = np.array([_VIEW[item] for item in ITEMS])
_VIEWS = 5
_MARGIN = 1 - 1e-6
_CASH = TYPE_CODE[BreakType.CASH]  # an amount of money: no contract size
_KINDS: dict[ItemKind, tuple[str, ...]] = {ItemKind.FEE: tuple(MovementKind), ItemKind.MARGIN: tuple(MarginKind)}
Rates = Mapping[tuple[str, str], Decimal]


@dataclass(frozen=True, slots=True)
class Tolerances:
    """REC-2: material above `material_rate` × equity. REC-3: a fee breaks above max(`fee_amount`, `fee_rate` × expected fee), account
    currency.
    """

    material_rate: Fraction = Fraction(5, 10_000)
    fee_amount: Fraction = Fraction(1)
    fee_rate: Fraction = Fraction(1, 100)


@dataclass(frozen=True, slots=True, eq=False)
class Accounts:
    """equity: int64[n], 10⁻⁸ of the base currency; base_currency: int64[n] codes; rates: (currency, base) → price of one unit, 1 for
    itself.
    """

    equity: Ints
    base_currency: Ints
    rates: Rates


@dataclass(frozen=True, slots=True)
class _Valued:
    row: int
    value: Fraction | None
    over_tolerance: bool


def judge(found: Differences, directory: Directory, accounts: Accounts, tolerances: Tolerances) -> list[Break]:
    """Return the breaks among candidate differences, sorted by their keys.

    125.00 on an equity of 250,000.00 passes, 125.01 is material (REC-2); a fee of 100.00 may differ by 1.00 (REC-3). Quantity differences,
    missing and extra fills, duplicates, symbol and timing breaks are always logged.
    """
    suspects = np.flatnonzero(_suspicious(found, directory, accounts, tolerances))
    few = take(found, suspects)
    unit = _Units(directory, accounts)
    valued: list[_Valued] = []
    sums: defaultdict[tuple[int, int], Fraction] = defaultdict(Fraction)
    views = _VIEW_OF_ITEM[few.item]
    for row in range(len(few)):
        value = _value(few, row, unit)
        limit = tolerances.material_rate * max(Fraction(int(accounts.equity[few.account[row]]), SCALE), Fraction(0))
        valued.append(_Valued(row, value, value is None or abs(value) > limit))
        if few.policy[row] != Policy.TIMING and value is not None:
            sums[int(few.account[row]), int(views[row])] += abs(value)
    breaks = []
    for entry in valued:
        account = int(few.account[entry.row])
        limit = tolerances.material_rate * max(Fraction(int(accounts.equity[account]), SCALE), Fraction(0))
        rule, material = _verdict(few, entry, sums[account, int(views[entry.row])] > limit, unit, tolerances)
        if rule:
            breaks.append(_break(few, entry, rule, material, directory, accounts))
    return sorted(breaks, key=_order)


def _verdict(few: Differences, entry: _Valued, sum_over: bool, unit: _Units, tolerances: Tolerances) -> tuple[str, bool]:
    policy = Policy(int(few.policy[entry.row]))
    if policy is Policy.TIMING:
        return "REC-4", False
    if entry.value is None:
        return "CON-5", True
    if entry.over_tolerance:
        return "REC-2", True
    if sum_over:
        return "REC-2 summed", True
    if policy is Policy.ALWAYS:
        return "REC-2 logged", False
    if policy is Policy.FEE and abs(entry.value) > _fee_tolerance(few, entry.row, unit, tolerances):
        return "REC-3", False
    return "", False


def _fee_tolerance(few: Differences, row: int, unit: _Units, tolerances: Tolerances) -> Fraction:
    rate = unit(int(few.account[row]), -1, int(few.currency[row]))
    expected = abs(Fraction(int(few.ours[row]), SCALE)) * (rate or 0)
    return max(tolerances.fee_amount, tolerances.fee_rate * expected)


class _Units:
    """Contract size × FX rate into the account's currency, remembered per combination; None where the rate is unknown."""

    def __init__(self, directory: Directory, accounts: Accounts) -> None:
        self._directory, self._accounts = directory, accounts
        self._known: dict[tuple[int, int, int], Fraction | None] = {}

    def __call__(self, account: int, instrument: int, currency: int) -> Fraction | None:
        base = int(self._accounts.base_currency[account])
        key = (instrument, currency, base)
        if key not in self._known:
            rate = _rate(self._directory, self._accounts.rates, currency, base)
            size = Fraction(self._directory.multiplier[instrument]) if instrument >= 0 else Fraction(1)
            self._known[key] = None if rate is None else Fraction(rate) * size
        return self._known[key]


def _rate(directory: Directory, rates: Rates, currency: int, base: int) -> Decimal | None:
    if currency == base:
        return Decimal(1)
    return rates.get((directory.currencies[currency], directory.currencies[base]))


def _value(few: Differences, row: int, unit: _Units) -> Fraction | None:
    delta, factor = int(few.delta[row]), int(few.factor[row])
    if delta == 0:
        return Fraction(0)
    instrument = -1 if few.type[row] == _CASH else int(few.instrument[row])
    per_unit = unit(int(few.account[row]), instrument, int(few.currency[row]))
    if factor == NO_PRICE or per_unit is None:
        return None
    return Fraction(delta * factor, SCALE * SCALE) * per_unit


def _suspicious(found: Differences, directory: Directory, accounts: Accounts, tolerances: Tolerances) -> Bools:
    estimate = _estimate(found, directory, accounts)
    unknown = np.isnan(estimate)
    counted = np.where(unknown | (found.policy == Policy.TIMING), 0.0, estimate)
    bucket = found.account * _VIEWS + _VIEW_OF_ITEM[found.item]
    sums = np.bincount(bucket, counted, minlength=len(accounts.equity) * _VIEWS)
    limit = np.maximum(accounts.equity, 0) / SCALE * float(tolerances.material_rate) * _MARGIN
    fee = (found.policy == Policy.FEE) & (counted >= float(tolerances.fee_amount) * _MARGIN)
    always = (found.policy == Policy.ALWAYS) | (found.policy == Policy.TIMING)
    suspicious: Bools = always | unknown | fee | (sums[bucket] > limit[found.account])
    return suspicious


def _estimate(found: Differences, directory: Directory, accounts: Accounts) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    count = len(directory.currencies)
    table = np.full((count, count), np.nan)
    for base in set(accounts.base_currency.tolist()):
        for currency in range(count):
            rate = _rate(directory, accounts.rates, currency, base)
            table[currency, base] = np.nan if rate is None else float(rate)
    sizes = np.array([*map(float, directory.multiplier), 1.0])
    value = (
        np.abs(found.delta.astype(np.float64) * found.factor)
        / SCALE
        / SCALE
        * np.abs(sizes[np.where(found.type == _CASH, -1, found.instrument)])
    )
    value = value * table[found.currency, accounts.base_currency[found.account]]
    return np.where(found.delta == 0, 0.0, np.where(found.factor == NO_PRICE, np.nan, value))


def _break(few: Differences, entry: _Valued, rule: str, material: bool, directory: Directory, accounts: Accounts) -> Break:
    row = entry.row
    item, kind = ITEMS[few.item[row]], TYPES[few.type[row]]
    account, currency, instrument, other = (
        int(few.account[row]),
        int(few.currency[row]),
        int(few.instrument[row]),
        int(few.their_instrument[row]),
    )
    dated = kind is BreakType.SETTLE_DATE_TIMING and item is ItemKind.TRADE
    read = from_day if dated else from_fixed
    base = directory.currencies[accounts.base_currency[account]]
    fill = item is ItemKind.TRADE
    return Break(
        item=item,
        type=kind,
        account=directory.accounts[account],
        symbol=directory.symbols[instrument] if instrument >= 0 else "",
        currency=directory.currencies[currency],
        kind=_KINDS[item][few.kind[row]] if few.kind[row] >= 0 else "",
        booked_on=from_day(int(few.day[row])) if few.day[row] >= 0 else None,
        exec_id=few.exec_id[row].decode(),
        ours=read(int(few.ours[row])) if few.has_ours[row] else None,
        theirs=read(int(few.theirs[row])) if few.has_theirs[row] else None,
        difference=None if dated else from_fixed(int(few.delta[row])),
        value_difference=None if entry.value is None else round_money(entry.value, base),
        value_currency=base,
        material=material,
        rule=rule,
        price=from_fixed(int(few.price[row])) if fill and few.price[row] != NO_PRICE else None,
        cash_difference=from_fixed(int(few.cash[row])) if fill and not dated else None,
        self_matches_on=from_day(int(few.self_day[row])) if few.self_day[row] >= 0 else None,
        settles_on=from_day(int(few.settle_day[row])) if few.settle_day[row] >= 0 else None,
        their_symbol=directory.symbols[other] if other >= 0 else "",
    )


def _order(found: Break) -> tuple[tuple[str, ...], str, str]:
    return found.key, str(found.ours), str(found.theirs)
