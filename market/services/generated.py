"""Load the built-in generated market, labelled SIMULATED everywhere.

Entry point: `load_generated`.
Invariant: same symbols, days and seed store the same rows; another seed for days that are stored is refused unless `replace`.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import date

from django.db import transaction

from base.errors import Refused
from market.core.bars import Bars
from market.core.calendars import is_session, previous_session
from market.core.generated import DEFAULT_SEED, GeneratedInstrument, generated_daily_bars, generated_minute_bars
from market.core.generated_catalogue import GENERATED
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
