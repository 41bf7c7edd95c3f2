"""Load venue symbols: the names under which orders go out and custodians report.

Entry point: `load_venue_symbols`.
Invariants: 1 all or nothing; 2 at one venue a symbol stands for one instrument and an instrument has one symbol; 3 what stands changes only
when `replace` says so, and even then an instrument never loses its symbol without getting another: it would go out under a name nobody chose.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import connections, transaction

from base.errors import Conflict
from market.core.venue_symbols import Clash, VenueSymbolSpec, clashes
from market.models import Instrument, VenueSymbol

from .staging import LOADER, Merged

Key = tuple[str, str]


class UnableToLoadVenueSymbols(Conflict):
    """The specifications clash with each other or with what stands, or name an unknown instrument. `clashes`: every one of them."""

    def __init__(self, found: Sequence[Clash]) -> None:
        first = found[0]
        super().__init__("venue_symbols", f"{len(found)} rows are refused; {first.field} {first.value!r}: {first.rule}")
        self.clashes = tuple(found)

    def problems(self) -> list[Mapping[str, Any]]:
        """Return one entry a refused row: field, value, rule."""
        return [{"field": clash.field, "value": clash.value, "rule": clash.rule} for clash in self.clashes]


@dataclass(frozen=True, slots=True)
class LoadedVenueSymbols:
    """merged: how many rows were new, stood already, were replaced. nameless: (venue, instrument), sorted: instruments without a symbol there
    whose own one is taken by another instrument; they cannot be traded at the venue."""

    merged: Merged
    nameless: tuple[Key, ...]


def load_venue_symbols(specs: Sequence[VenueSymbolSpec], *, replace: bool = False) -> LoadedVenueSymbols:
    """Store what venues call instruments. Raises UnableToLoadVenueSymbols; nothing is stored then. Source: ACC-2."""
    with transaction.atomic(using=LOADER):
        with connections[LOADER].cursor() as cursor:
            cursor.execute("LOCK TABLE market_venuesymbol IN SHARE ROW EXCLUSIVE MODE")  # of two loads at once the later one compares
        venues = sorted({spec.venue for spec in specs})
        stored = _stored(venues)
        ids = dict(Instrument.objects.using(LOADER).filter(symbol__in={spec.instrument for spec in specs}).values_list("symbol", "pk"))
        found = clashes(specs) or _unknown(specs, ids) or _against(specs, stored, replace)
        if found:
            raise UnableToLoadVenueSymbols(found)
        merged = _write(specs, stored, ids)
        return LoadedVenueSymbols(merged, _nameless(venues))


def _stored(venues: list[str]) -> dict[Key, str]:
    """Return (venue, symbol) → instrument."""
    rows = VenueSymbol.objects.using(LOADER).filter(venue__in=venues)
    return {(venue, symbol): instrument for venue, symbol, instrument in rows.values_list("venue", "symbol", "instrument__symbol")}


def _unknown(specs: Sequence[VenueSymbolSpec], ids: dict[str, int]) -> list[Clash]:
    return [
        Clash(row, "instrument", spec.instrument, "must be a known instrument")
        for row, spec in enumerate(specs)
        if spec.instrument not in ids
    ]


def _against(specs: Sequence[VenueSymbolSpec], stored: dict[Key, str], replace: bool) -> list[Clash]:
    """Return what contradicts the stored rows; with `replace` only symbols taken from an instrument that gets no other."""
    symbols = {(venue, instrument): symbol for (venue, symbol), instrument in stored.items()}
    given = {(spec.venue, spec.instrument) for spec in specs}
    found = []
    for row, spec in enumerate(specs):
        holder = stored.get((spec.venue, spec.symbol), spec.instrument)
        held = symbols.get((spec.venue, spec.instrument), spec.symbol)
        if holder != spec.instrument and not replace:
            found.append(Clash(row, "symbol", spec.symbol, f"as stored: {spec.venue} calls {holder} so"))
        elif holder != spec.instrument and (spec.venue, holder) not in given:
            rule = f"{spec.venue} calls {holder} so: give {holder} another symbol of {spec.venue} in the same file"
            found.append(Clash(row, "symbol", spec.symbol, rule))
        elif held != spec.symbol and not replace:
            found.append(Clash(row, "instrument", spec.instrument, f"as stored: {spec.venue} calls it {held}"))
    return found


def _write(specs: Sequence[VenueSymbolSpec], stored: dict[Key, str], ids: dict[str, int]) -> Merged:
    """Write what is new or differs; rows that differ go first, for two instruments may change places."""
    changed = [spec for spec in specs if stored.get((spec.venue, spec.symbol)) != spec.instrument]
    rows = VenueSymbol.objects.using(LOADER)
    had = {(venue, instrument) for (venue, _), instrument in stored.items()}
    again = [spec for spec in changed if (spec.venue, spec.instrument) in had]
    for venue in {spec.venue for spec in again}:
        rows.filter(venue=venue, instrument_id__in=[ids[spec.instrument] for spec in again if spec.venue == venue]).delete()
    rows.bulk_create([VenueSymbol(venue=spec.venue, symbol=spec.symbol, instrument_id=ids[spec.instrument]) for spec in changed])
    return Merged(len(changed) - len(again), len(specs) - len(changed), len(again))


def _nameless(venues: list[str]) -> tuple[Key, ...]:
    sql = (
        "SELECT o.venue, i.symbol FROM market_venuesymbol o JOIN market_instrument i ON i.symbol = o.symbol AND i.id <> o.instrument_id "
        "WHERE o.venue = ANY(%s) AND NOT EXISTS (SELECT 1 FROM market_venuesymbol v WHERE v.venue = o.venue AND v.instrument_id = i.id) "
        "ORDER BY 1, 2"
    )
    with connections[LOADER].cursor() as cursor:
        cursor.execute(sql, [venues])
        return tuple((venue, symbol) for venue, symbol in cursor.fetchall())
