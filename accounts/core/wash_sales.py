"""Wash sales of one tax unit in one identity group, replayed from nothing (WASH-1 to WASH-15; IRC 1091, Reg. 1.1091-1 and -2).

Entry point: `replay_wash_sales`; its values are in `wash_values`, the law's reach in `wash_scope`.
One replay takes lots of one side: long ones, or short ones (`is_short`, WASH-14), where "bought" reads "sold short" and "sold" reads "covered".
Which lots a sale closed is the books' word (TAX-1) and is not decided anew; WASH-12 (options) is not judged.

Invariants:
1. The same acquisitions and disposals, in whatever order they are given, make the same replay (WASH-15).
2. Each share replaces at most one share sold at a loss, and each share sold at a loss is replaced at most once (WASH-7).
3. loss = deferred + permanent + allowed, to the minor unit.
4. What is deferred is in the basis of shares, open or since sold: without permanent losses, allowed + unrealised = economic result (WASH-15).
5. Shares of one purchase never replace each other (WASH-5); shares gone by the end of the sale do not replace what it sold.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from itertools import groupby
from typing import Any

from accounts.enums import BasisMode, WashFate
from base.core.money import from_minor, round_money, to_minor

from .ledger import Id
from .scaled import to_scaled
from .wash_scope import WINDOW_DAYS
from .wash_values import Acquisition, ClosedPart, Disposal, LotPart, Match, Replay, UnitAccount

ZERO = Decimal(0)


@dataclass(slots=True)
class _Part:
    quantity: Decimal
    start: date
    carried: Decimal = ZERO
    is_replacement: bool = False


class _Lot:
    """A lot while the replay goes on: its parts, earliest deemed start first (TAX-3)."""

    __slots__ = ("account", "cost", "parts", "terms")

    def __init__(self, terms: Acquisition, account: UnitAccount) -> None:
        if terms.quantity <= 0:
            raise ValueError(f"lot {terms.lot_id} has no quantity")
        self.terms, self.account, self.cost = terms, account, terms.cost
        self.parts = [_Part(terms.quantity, terms.holding_start or terms.acquired_date)]

    def take(self, quantity: Decimal, currency: str) -> list[_Part]:
        """Take shares out, earliest start first, each with its share of what it carries."""
        taken, left = [], quantity
        while left:
            if not self.parts:
                raise ValueError(f"lot {self.terms.lot_id} holds {quantity - left} of the {quantity} sold")
            part = self.parts[0]
            size = min(part.quantity, left)
            carried = part.carried
            if size < part.quantity and carried:
                carried = round_money(Fraction(carried) * Fraction(size) / Fraction(part.quantity), currency)
            taken.append(_Part(size, part.start, carried, part.is_replacement))
            part.quantity, part.carried, left = part.quantity - size, part.carried - carried, left - size
            if not part.quantity:
                del self.parts[0]
        return taken

    @property
    def free(self) -> Decimal:
        """Return the shares that replace nothing yet."""
        return sum((part.quantity for part in self.parts if not part.is_replacement), ZERO)

    def replace(self, quantity: Decimal, carried: Decimal, start: date) -> None:
        """Make shares that are free replacements: they carry a deferred loss, and have another start."""
        left, made = quantity, _Part(quantity, start, carried, is_replacement=True)
        for part in self.parts:
            size = ZERO if part.is_replacement else min(part.quantity, left)
            part.quantity, left = part.quantity - size, left - size
        self.parts = sorted([*(part for part in self.parts if part.quantity), made], key=lambda part: part.start)


def replay_wash_sales(
    accounts: Mapping[Id, UnitAccount],
    acquisitions: Sequence[Acquisition],
    disposals: Sequence[Disposal],
    *,
    currency: str,
    basis_mode: BasisMode = BasisMode.CARRY,
    is_short: bool = False,
) -> Replay:
    """Judge every disposal of one tax unit in one identity group, long lots or short ones.

    accounts: by account id, every account of `acquisitions`. All amounts are in `currency`. basis_mode: WASH-11.

    Raises ValueError for a lot id used twice, a disposal of a lot that is not there or holds less, or amounts finer than the minor unit.
    """
    ordered = sorted(acquisitions, key=lambda one: _earliest_first(one, accounts))
    lots = {one.lot_id: _Lot(one, accounts[one.account_id]) for one in ordered}
    if len(lots) < len(ordered):
        raise ValueError("a lot id occurs twice")
    market = _Market([lot for lot in lots.values() if lot.terms.counts], basis_mode, is_short, currency)
    rank = {lot_id: i for i, lot_id in enumerate(lots)}
    closed: list[ClosedPart] = []
    in_order = sorted(disposals, key=lambda one: _in_order(one, rank))
    for _, sale in groupby(in_order, key=lambda one: (one.sale_date, one.sequence)):
        gone = list(_sold(list(sale), lots, currency, is_short=is_short))
        closed += [market.judge(part) for part in gone]
    return Replay(tuple(closed), tuple(open_ for lot in lots.values() for open_ in _still_open(lot, currency)))


def _earliest_first(one: Acquisition, accounts: Mapping[Id, UnitAccount]) -> tuple[Any, ...]:
    return one.acquired_date, one.sequence, not accounts[one.account_id].is_sheltered, one.lot_id


def _in_order(one: Disposal, rank: Mapping[Id, int]) -> tuple[Any, ...]:
    return one.sale_date, one.sequence, rank.get(one.lot_id, -1), one.sale_id, one.quantity, one.proceeds


@dataclass(slots=True)
class _Gone:
    lot: _Lot
    closed: ClosedPart


def _sold(sale: Sequence[Disposal], lots: Mapping[Id, _Lot], currency: str, *, is_short: bool) -> Iterator[_Gone]:
    """Take what one sale closed out of its lots before any of it is judged (invariant 5), and yield what a taxpayer reports."""
    for one in sale:
        lot = lots.get(one.lot_id)
        if lot is None:
            raise ValueError(f"a sale of {one.sale_date} closes lot {one.lot_id}, which is not there")
        parts = lot.take(one.quantity, currency)
        lot.cost -= one.proceeds if is_short else one.basis
        gains = _split(one.proceeds - one.basis, [part.quantity for part in parts], currency)
        for part, gain in zip(parts, gains, strict=True):
            closed = ClosedPart(one, lot.account.account_id, part.quantity, part.start, part.carried, gain - part.carried)
            if not lot.account.is_sheltered:
                yield _Gone(lot, closed)


class _Market:
    """What could replace: counting lots, earliest first (WASH-7), simultaneous ones sheltered first (WASH-10)."""

    def __init__(self, lots: Sequence[_Lot], basis_mode: BasisMode, is_short: bool, currency: str) -> None:
        self._lots, self._dates = lots, [lot.terms.acquired_date for lot in lots]
        self._basis_mode, self._is_short, self._currency = basis_mode, is_short, currency

    def judge(self, gone: _Gone) -> ClosedPart:
        """Return the part with what its loss was matched against, having marked those shares."""
        closed = gone.closed
        found = list(self._replacements(gone)) if closed.gain < 0 else []
        if not found:
            return closed
        rest = closed.quantity - sum((size for _, size in found), ZERO)
        amounts = _split(closed.loss, [*(size for _, size in found), rest], self._currency)
        matches = tuple(self._match(gone, lot, size, amount) for (lot, size), amount in zip(found, amounts, strict=False))
        return ClosedPart(closed.disposal, closed.account_id, closed.quantity, closed.holding_start, closed.carried, closed.gain, matches)

    def _replacements(self, gone: _Gone) -> Iterator[tuple[_Lot, Decimal]]:
        sold, left = gone.closed.disposal.sale_date, gone.closed.quantity
        window = timedelta(days=WINDOW_DAYS)
        for lot in self._lots[bisect_left(self._dates, sold - window) : bisect_right(self._dates, sold + window)]:
            if lot.terms.purchase_id == gone.lot.terms.purchase_id:
                continue
            size = min(lot.free, left)
            if size:
                left -= size
                yield lot, size
            if not left:
                return

    def _match(self, gone: _Gone, lot: _Lot, size: Decimal, amount: Decimal) -> Match:
        bought, closed = lot.terms.acquired_date, gone.closed
        linked = lot.account.taxpayer != gone.lot.account.taxpayer
        forfeited = lot.account.is_sheltered or (linked and self._basis_mode is BasisMode.PERMANENT)
        start = bought if forfeited or self._is_short else bought - (closed.disposal.sale_date - closed.holding_start)
        lot.replace(size, ZERO if forfeited else amount, start)
        fate = WashFate.PERMANENT if forfeited else WashFate.DEFERRED
        return Match(lot.terms.lot_id, lot.account.account_id, bought, size, amount, fate, start)


def _still_open(lot: _Lot, currency: str) -> Iterator[LotPart]:
    costs = _split(lot.cost, [part.quantity for part in lot.parts], currency) if lot.parts else []
    for part, cost in zip(lot.parts, costs, strict=True):
        yield LotPart(lot.terms.lot_id, part.quantity, cost, part.carried, part.start, part.is_replacement)


def _split(amount: Decimal, quantities: Sequence[Decimal], currency: str) -> list[Decimal]:
    """Split whole minor units in proportion to quantities by largest remainder (CON-2), in integers: a firm's replay splits by the ten thousand."""
    if len(quantities) == 1:
        return [amount]
    weights = [to_scaled(quantity) for quantity in quantities]
    if sum(map(bool, weights)) == 1:
        return [amount if weight else ZERO for weight in weights]
    total, whole = to_minor(amount, currency), sum(weights)
    if from_minor(total, currency) != amount:
        raise ValueError(f"amount {amount} is finer than the minor unit of {currency}")
    shares = [divmod(abs(total) * weight, whole) for weight in weights]
    parts = [share for share, _ in shares]
    for i in sorted(range(len(parts)), key=lambda i: (-shares[i][1], -weights[i], i))[: abs(total) - sum(parts)]:
        parts[i] += 1
    return [from_minor(part if total > 0 else -part, currency) for part in parts]
