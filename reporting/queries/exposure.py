"""Consolidated exposure of the accounts a person sees, by instrument, currency, sector, custodian and strategy.

Entry points: `consolidated`, `Consolidated`. Inside the caller's tenancy block; a fixed number of statements.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from fractions import Fraction

from accounts.queries.consolidated import GroupedPosition, grouped_cash, grouped_positions, last_evening
from governance import queries as governance
from governance.core.subjects import Viewer
from market import queries as market
from market.enums import InstrumentKind
from market.queries import InstrumentFacts
from risk.core.consolidated import Bar, Piece, consolidate
from risk.queries import facts
from risk.queries.firm import MARK_MAX_AGE

DIMENSIONS = ("sector", "currency", "custodian", "strategy")
CASH = "Cash"


@dataclass(frozen=True, slots=True)
class Line:
    """An instrument over all accounts in sight."""

    instrument: InstrumentFacts
    long: Decimal
    short: Decimal
    bar: Bar

    @property
    def sector(self) -> str:
        """Return under which sector it stands."""
        return _sector(self.instrument)

    @property
    def net_quantity(self) -> Decimal:
        """Return long and short together, in units."""
        return self.long + self.short


@dataclass(frozen=True, slots=True)
class Consolidated:
    """currency: the reporting currency all values are in. equity: of the last evenings, None where a rate is missing.

    listed: the lines of one place alone, with what is held there; all lines where no place was asked for.
    """

    currency: str
    lines: tuple[Line, ...]
    listed: tuple[Line, ...]
    dimensions: dict[str, list[Bar]]
    total: Bar
    equity: Fraction | None

    def of_equity(self, value: Fraction | None) -> Fraction | None:
        """Return a value as a share of equity."""
        return None if value is None or not self.equity or self.equity <= 0 else value / self.equity


def consolidated(viewer: Viewer, *, now: datetime, within: tuple[str, str] | None = None) -> Consolidated:
    """Return what the accounts in sight hold together, valued at `now`. within: a dimension and the label of a place in it."""
    currency = governance.firm_settings().reporting_currency
    rows = grouped_positions(viewer)
    known = market.instruments({row.instrument_id for row in rows}) if rows else {}
    cash, evening = grouped_cash(viewer), last_evening(viewer, until=now.date())
    codes = {currency, *cash, *evening, *(one.currency for one in known.values())}
    rates, _ = facts.rates(currencies=sorted(codes), to=currency, now=now)
    marks = facts.marks(instrument_ids=sorted(known), now=now, max_age=MARK_MAX_AGE)
    pieces = [_piece(row, known[row.instrument_id], marks, rates) for row in rows]
    dimensions = {name: consolidate(pieces, lambda piece, name=name: piece.label(name)) for name in DIMENSIONS}  # type: ignore[misc]
    dimensions["currency"] = consolidate([*_currency_pieces(rows, known, marks, rates), *_cash_pieces(cash, rates)], lambda p: p.name)
    totals = consolidate(pieces, lambda piece: "All")
    lines = tuple(_lines(rows, known, pieces))
    inside = [place for place, row in enumerate(rows) if within and within[1] in _places(row, known[row.instrument_id])[within[0]]]
    equity = [(amount, rates.get(code)) for code, amount in evening.items()]
    return Consolidated(
        currency,
        lines,
        tuple(_lines([rows[n] for n in inside], known, [pieces[n] for n in inside])) if within else lines,
        dimensions,
        totals[0] if totals else Bar("All", Fraction(0), Fraction(0)),
        None if any(rate is None for _, rate in equity) else sum((Fraction(amount) * rate for amount, rate in equity if rate), Fraction(0)),
    )


def _unit(one: InstrumentFacts, marks: dict[int, Decimal], rates: dict[str, Fraction]) -> Fraction | None:
    mark, rate = marks.get(one.id), rates.get(one.currency)
    return None if mark is None or mark <= 0 or rate is None else Fraction(mark) * Fraction(one.multiplier) * rate


def _sector(one: InstrumentFacts) -> str:
    return one.sector or {InstrumentKind.FX: "Currencies", InstrumentKind.CRYPTO_SPOT: "Crypto"}.get(one.kind, "Other")


def _places(row: GroupedPosition, one: InstrumentFacts) -> dict[str, tuple[str, ...]]:
    """Return where a position stands in each dimension: a pair stands under both its currencies."""
    currencies = (one.base_currency, one.currency) if one.kind is InstrumentKind.FX and one.base_currency else (one.currency,)
    return {"sector": (_sector(one),), "currency": currencies, "custodian": (row.custodian,), "strategy": (row.sleeve,)}


def _piece(row: GroupedPosition, one: InstrumentFacts, marks: dict[int, Decimal], rates: dict[str, Fraction]) -> Piece:
    unit = _unit(one, marks, rates)
    labels = tuple((name, places[0]) for name, places in _places(row, one).items() if name != "currency")
    if unit is None:
        return Piece(one.symbol, None, None, labels)
    return Piece(one.symbol, Fraction(row.long) * unit, Fraction(row.short) * unit, labels)


def _currency_pieces(
    rows: Sequence[GroupedPosition], known: dict[int, InstrumentFacts], marks: dict[int, Decimal], rates: dict[str, Fraction]
) -> list[Piece]:
    """Return positions by the currencies they depend on: a pair is its base currency and, the other way round, its quote currency."""
    pieces = []
    for row in rows:
        one = known[row.instrument_id]
        unit = _unit(one, marks, rates)
        longs = None if unit is None else Fraction(row.long) * unit
        shorts = None if unit is None else Fraction(row.short) * unit
        if one.kind is InstrumentKind.FX and one.base_currency:
            pieces.append(Piece(one.base_currency, longs, shorts))
            pieces.append(Piece(one.currency, None if shorts is None else -shorts, None if longs is None else -longs))
        else:
            pieces.append(Piece(one.currency, longs, shorts))
    return pieces


def _cash_pieces(cash: dict[str, Decimal], rates: dict[str, Fraction]) -> list[Piece]:
    pieces = []
    for code, amount in cash.items():
        value = None if (rate := rates.get(code)) is None else Fraction(amount) * rate
        pieces.append(Piece(code, None if value is None else max(value, Fraction(0)), None if value is None else min(value, Fraction(0))))
    return pieces


def _lines(rows: Sequence[GroupedPosition], known: dict[int, InstrumentFacts], pieces: Sequence[Piece]) -> list[Line]:
    bars = {bar.label: bar for bar in consolidate(pieces, lambda piece: piece.name)}
    sums: dict[int, list[GroupedPosition]] = defaultdict(list)
    for row in rows:
        sums[row.instrument_id].append(row)
    order = list(bars)
    lines = [
        Line(known[pk], sum(r.long for r in group), sum(r.short for r in group), bars[known[pk].symbol])  # type: ignore[arg-type]
        for pk, group in sums.items()
    ]
    return sorted(lines, key=lambda line: order.index(line.instrument.symbol))
