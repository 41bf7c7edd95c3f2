"""Instruments, and the last prices and exchange rates known at the end of a day.

Entry points: `instruments`, `prices`, `rates`, `Rates`. Market reference is shared by all firms; it says nothing of any account.
Invariants:
1. Nothing that became known after the day's end is used; a bar is known when it has ended.
2. A rate older than `OLDEST_RATE` is no rate (CON-5); inverses and crosses are rounded once, to 10 decimals.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from fractions import Fraction

from django.db import connection

from reporting.core.books import InstrumentRow, PriceRow
from reporting.core.statement_proofs import UnableToState

OLDEST_RATE = timedelta(days=7)
PIVOTS = ("EUR", "USD")
_SOURCES = {"ECB_REFERENCE": "ECB reference rate"}
_PRICES = """
SELECT d.day, i.id, p.price, p.source, p.kind, p.known_at
FROM unnest(%s::date[]) AS d (day)
CROSS JOIN unnest(%s::bigint[]) AS i (id)
CROSS JOIN LATERAL (
  (SELECT b.close AS price, b.source, 'close' AS kind, b.starts_at + make_interval(secs => b.interval_seconds) AS known_at
   FROM market_bar b
   WHERE b.instrument_id = i.id AND b.starts_at + make_interval(secs => b.interval_seconds) <= (d.day + 1)::timestamp AT TIME ZONE 'UTC'
     AND b.starts_at <= (d.day + 1)::timestamp AT TIME ZONE 'UTC'
   ORDER BY b.starts_at DESC LIMIT 1)
  UNION ALL
  (SELECT coalesce(q.last, (q.bid + q.ask) / 2), q.source, CASE WHEN q.last IS NULL THEN 'mid' ELSE 'last' END, q.as_of
   FROM market_quote q
   WHERE q.instrument_id = i.id AND q.as_of < (d.day + 1)::timestamp AT TIME ZONE 'UTC'
   ORDER BY q.as_of DESC LIMIT 1)
  ORDER BY known_at DESC, kind LIMIT 1) AS p
"""
_RATES = """
SELECT d.day, k.base, k.quote, r.rate, r.source, r.as_of
FROM unnest(%s::date[]) AS d (day)
CROSS JOIN (SELECT DISTINCT base, quote FROM market_fxrate WHERE base = ANY(%s) OR quote = ANY(%s)) AS k
CROSS JOIN LATERAL (
  SELECT f.rate, f.source, f.as_of FROM market_fxrate f
  WHERE f.base = k.base AND f.quote = k.quote AND f.as_of < (d.day + 1)::timestamp AT TIME ZONE 'UTC'
  ORDER BY f.as_of DESC, f.source LIMIT 1) AS r
"""


def instruments(ids: Iterable[int]) -> dict[int, InstrumentRow]:
    """Return what a statement says of these instruments. One query."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT id, symbol, name, currency, multiplier, is_simulated FROM market_instrument WHERE id = ANY(%s)", [sorted(set(ids))]
        )
        return {row[0]: InstrumentRow(*row) for row in cursor.fetchall()}


def prices(days: Iterable[date], ids: Iterable[int]) -> dict[tuple[int, date], PriceRow]:
    """Return the last price of each instrument known at the end (UTC) of each day; what has none is left out. One query."""
    with connection.cursor() as cursor:
        cursor.execute(_PRICES, [sorted(set(days)), sorted(set(ids))])
        return {
            (instrument_id, day): PriceRow(
                price, f"{source} {kind}" + ("" if known_at >= _end(day) - timedelta(days=4) else f" of {known_at:%d %b %Y}")
            )
            for day, instrument_id, price, source, kind, known_at in cursor.fetchall()
        }


@dataclass(frozen=True, slots=True)
class Rates:
    """Rates into one currency, by day."""

    to: str
    known: Mapping[tuple[date, str, str], tuple[Decimal, str, datetime]]

    def rate(self, currency: str, day: date) -> Decimal:
        """Return units of `to` for one unit. Raises UnableToState FX_MISSING where none is known or it is too old."""
        return self._found(currency, day)[0]

    def source(self, currency: str, day: date) -> str:
        """Return where the rate comes from, and of which day it is."""
        return self._found(currency, day)[1]

    def _found(self, currency: str, day: date) -> tuple[Decimal, str]:
        if currency == self.to:
            return Decimal(1), ""
        if direct := self._leg(currency, self.to, day):
            return _round(direct[0]), direct[1]
        for pivot in PIVOTS:
            first, second = self._leg(currency, pivot, day), self._leg(pivot, self.to, day)
            if first and second:
                return _round(first[0] * second[0]), first[1]
        raise UnableToState("FX_MISSING", currency=currency, to=self.to, date=day)

    def _leg(self, base: str, quote: str, day: date) -> tuple[Fraction, str] | None:
        for found, inverse in ((self.known.get((day, base, quote)), False), (self.known.get((day, quote, base)), True)):
            if found and found[2] >= _end(day) - OLDEST_RATE:
                rate, source, as_of = found
                return (1 / Fraction(rate) if inverse else Fraction(rate)), f"{_SOURCES.get(source, source)}, {as_of:%d %b}"
        return None


def rates(days: Iterable[date], currencies: Iterable[str], to: str) -> Rates:
    """Return the rates of these currencies into `to` at the end (UTC) of each day. One query; none where all is in one currency."""
    codes = sorted(set(currencies) - {to})
    if not codes:
        return Rates(to, {})
    with connection.cursor() as cursor:
        cursor.execute(_RATES, [sorted(set(days)), [*codes, to], [*codes, to]])
        return Rates(to, {(day, base, quote): (rate, source, as_of) for day, base, quote, rate, source, as_of in cursor.fetchall()})


def _end(day: date) -> datetime:
    return datetime.combine(day + timedelta(days=1), time(), UTC)


def _round(value: Fraction) -> Decimal:
    """Round half-up to 10 decimals; a rate that has no more is exact."""
    scaled = (2 * value.numerator * 10**10 + value.denominator) // (2 * value.denominator)
    return Decimal(scaled).scaleb(-10)
