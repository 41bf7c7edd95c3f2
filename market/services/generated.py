"""Load the built-in generated market, labelled SIMULATED everywhere.

Entry points: `load_generated` (whole days), `load_generated_past` (a long past, thinned out).
Invariant: same symbols, days and seed store the same rows; another seed for days that are stored is refused unless `replace`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace as replaced
from datetime import date, datetime

import numpy as np
from django.db import transaction

from base.errors import Refused
from market.core.bars import Bars
from market.core.calendars import is_session, previous_session, sessions_between
from market.core.generated import DEFAULT_SEED, GeneratedInstrument, generated_daily_bars, generated_days, generated_minute_bars
from market.core.generated_catalogue import GENERATED
from market.core.instants import to_us
from market.core.quotes import synthetic_quotes
from market.enums import FxSource, InstrumentKind, QuoteSource

from .bars import load_bars
from .fx import load_pair_closes
from .instruments import load_instruments
from .loaded import LoadedMarket
from .quotes import load_quotes
from .staging import LOADER, Merged


class UnableToGenerateMarket(Refused):
    """A symbol is not in the built-in market, or none of the days is a session of it."""


def load_generated(
    symbols: Collection[str] | None = None,
    *,
    days: Sequence[date],
    seed: int = DEFAULT_SEED,
    source: QuoteSource = QuoteSource.SIMULATED,
    replace: bool = False,
) -> LoadedMarket:
    """Store instruments (flagged simulated), minute bars, quotes and rates of the days, and daily bars from the session before on.

    Each instrument has bars on those of the days that are its own sessions. Every bar leaves a quote two ticks wide as of its end; every
    bar of an FX pair leaves the pair's rate. Raises UnableToGenerateMarket, ConflictingRows, InstrumentConflict (a real instrument has the
    symbol), OutsideCalendar.
    """
    entries = _entries(symbols)
    sessions = {entry.spec.symbol: tuple(day for day in sorted(set(days)) if is_session(entry.spec.market, day)) for entry in entries}
    if not any(sessions.values()):
        raise UnableToGenerateMarket("no_session", "none of the days is a session", field="days", value=", ".join(map(str, days)))
    entries = [entry for entry in entries if sessions[entry.spec.symbol]]
    minutes = {entry.spec.symbol: generated_minute_bars(entry, sessions[entry.spec.symbol], seed) for entry in entries}
    daily = [_daily(entry, sessions[entry.spec.symbol], seed) for entry in entries]
    quotes = [synthetic_quotes(minutes[entry.spec.symbol], entry.spec.tick_size) for entry in entries]
    with transaction.atomic(using=LOADER):
        ids = load_instruments([entry.spec for entry in entries], is_simulated=True)
        return LoadedMarket(
            source=source,
            instrument_ids=ids,
            sessions={symbol: sessions[symbol] for symbol in sorted(ids)},
            minute_bars=load_bars(list(minutes.values()), source, replace=replace),
            daily_bars=load_bars(daily, source, replace=replace),
            quotes=load_quotes(quotes, source, replace=replace),
            fx_rates=_rates(entries, minutes, replace),
        )


def load_generated_past(
    windows: Mapping[str, Sequence[tuple[datetime, datetime]]], *, since: date, until: date, seed: int = DEFAULT_SEED
) -> LoadedMarket:
    """Store daily bars of all sessions from `since` to `until`, and minutes, quotes and rates only of the minutes that end in a window.

    windows: symbol → (after, until), both instants; a minute counts that ends after the first and not after the second. The minutes are
    those of `load_generated`, so whole days may be stored over them. Raises as `load_generated`.
    """
    entries = _entries(list(windows))
    sessions = {entry.spec.symbol: tuple(sessions_between(entry.spec.market, since, until)) for entry in entries}
    made = {entry.spec.symbol: generated_days(entry, sessions[entry.spec.symbol], seed) for entry in entries}
    minutes = {symbol: _within(pair[0], windows[symbol]) for symbol, pair in made.items()}
    quotes = [synthetic_quotes(minutes[entry.spec.symbol], entry.spec.tick_size) for entry in entries]
    with transaction.atomic(using=LOADER):
        ids = load_instruments([entry.spec for entry in entries], is_simulated=True)
        return LoadedMarket(
            source=QuoteSource.SIMULATED,
            instrument_ids=ids,
            sessions=sessions,
            minute_bars=load_bars(list(minutes.values()), QuoteSource.SIMULATED),
            daily_bars=load_bars([pair[1] for pair in made.values()], QuoteSource.SIMULATED),
            quotes=load_quotes(quotes, QuoteSource.SIMULATED),
            fx_rates=_rates(entries, minutes, False),
        )


def _within(bars: Bars, windows: Sequence[tuple[datetime, datetime]]) -> Bars:
    ends = bars.start + bars.interval.microseconds
    kept = np.zeros(len(ends), np.bool_)
    for after, until in windows:
        kept[np.searchsorted(ends, to_us(after), side="right") : np.searchsorted(ends, to_us(until), side="right")] = True
    columns = {name: getattr(bars, name)[kept] for name in ("start", "open", "high", "low", "close", "volume", "regular")}
    return replaced(bars, **columns)


def _entries(symbols: Collection[str] | None) -> list[GeneratedInstrument]:
    unknown = sorted(set(symbols or ()) - set(GENERATED))
    if unknown:
        message = f"not in the built-in market: {', '.join(unknown)}; it has {', '.join(GENERATED)}"
        raise UnableToGenerateMarket("unknown_symbol", message, field="symbols", value=", ".join(unknown))
    return [entry for symbol, entry in GENERATED.items() if symbols is None or symbol in symbols]


def _daily(entry: GeneratedInstrument, days: Sequence[date], seed: int) -> Bars:
    before = {previous_session(entry.spec.market, day) for day in days}
    return generated_daily_bars(entry, sorted({*days, *before}), seed)


def _rates(entries: Sequence[GeneratedInstrument], minutes: dict[str, Bars], replace: bool) -> Merged:
    pairs = [entry.spec for entry in entries if entry.spec.kind is InstrumentKind.FX]
    merged = [
        load_pair_closes(minutes[pair.symbol], str(pair.base_currency), pair.currency, FxSource.SIMULATED, replace=replace)
        for pair in pairs
    ]
    return sum(merged, Merged())
