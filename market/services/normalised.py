"""Load a folder of US equity history: minute trades, minute quotes, daily bars (docs/market-csv.md).

Entry point: `load_normalised`. A symbol that is no instrument yet becomes a US equity (or an exchange-traded fund, where it is known to be
one) with a tick of 0.01, lots of 1 and the calendar XNYS; an instrument that exists keeps its facts.
"""

from __future__ import annotations

from collections.abc import Collection
from decimal import Decimal
from pathlib import Path
from typing import TypeVar

from django.db import transaction

from base.errors import Refused
from market.core.bars import Bars
from market.core.calendars import US_SETTLEMENT
from market.core.instruments import InstrumentSpec
from market.core.quotes import Quotes
from market.enums import InstrumentKind, QuoteSource
from market.models import Instrument
from market.readers.series_csv import read_daily_bars, read_minute_bars, read_minute_quotes

from .bars import load_bars
from .instruments import load_instruments
from .loaded import LoadedMarket, regular_sessions
from .quotes import load_quotes
from .staging import LOADER, Merged

MINUTE_TRADES = "us_equity_minute_trades.csv"
MINUTE_QUOTES = "us_equity_minute_quotes.csv"
DAILY_BARS = "us_equity_daily_raw_unadjusted.csv"
FUNDS = frozenset({"BNO", "EEM", "IWM", "QQQ", "SPY", "USO"})
_MARKET = "XNYS"

Series = TypeVar("Series", Bars, Quotes)


class UnableToLoadMarket(Refused):
    """The folder holds no minute trades, or not those of a symbol that was asked for."""


def load_normalised(folder: Path, symbols: Collection[str] | None = None, *, replace: bool = False) -> LoadedMarket:
    """Load the folder's series of the symbols (all of them unless given), all or nothing; loading again changes nothing.

    Minute bars and quotes carry the source FILE; daily bars give the previous closes. Files may be gzipped; only the minute trades must
    be there. Raises UnableToLoadMarket, UnableToReadMarketFile, ConflictingRows.
    """
    trades = _chosen(read_minute_bars(_file(folder, MINUTE_TRADES), market=_MARKET), symbols)
    quotes = _chosen(read_minute_quotes(path), symbols) if (path := _optional(folder, MINUTE_QUOTES)) else {}
    daily = _chosen(read_daily_bars(path), symbols) if (path := _optional(folder, DAILY_BARS)) else {}
    found = {*trades, *quotes, *daily}
    missing = sorted(set(symbols or ()) - found)
    if missing:
        raise UnableToLoadMarket("unknown_symbol", f"{folder}: nothing of {', '.join(missing)}", field="symbols", value=", ".join(missing))
    with transaction.atomic(using=LOADER):
        ids = _instruments(found)
        return LoadedMarket(
            source=QuoteSource.FILE,
            instrument_ids=ids,
            sessions={symbol: regular_sessions(trades[symbol], _MARKET) if symbol in trades else () for symbol in sorted(ids)},
            minute_bars=load_bars(list(trades.values()), replace=replace),
            daily_bars=load_bars(list(daily.values()), replace=replace),
            quotes=load_quotes(list(quotes.values()), replace=replace) if quotes else Merged(),
            fx_rates=Merged(),
        )


def _instruments(symbols: set[str]) -> dict[str, int]:
    rows = Instrument.objects.using(LOADER).filter(symbol__in=symbols)
    known = dict(rows.values_list("symbol", "pk"))
    return known | load_instruments([_us_share(symbol) for symbol in sorted(symbols - set(known))])


def _us_share(symbol: str) -> InstrumentSpec:
    return InstrumentSpec(
        symbol=symbol,
        kind=InstrumentKind.ETF if symbol in FUNDS else InstrumentKind.EQUITY,
        currency="USD",
        market=_MARKET,
        tick_size=Decimal("0.01"),
        settlement_market=US_SETTLEMENT,
    )


def _chosen(series: dict[str, Series], symbols: Collection[str] | None) -> dict[str, Series]:
    return series if symbols is None else {symbol: each for symbol, each in series.items() if symbol in symbols}


def _optional(folder: Path, name: str) -> Path | None:
    return next((path for path in (folder / name, folder / f"{name}.gz") if path.is_file()), None)


def _file(folder: Path, name: str) -> Path:
    path = _optional(folder, name)
    if path is None:
        raise UnableToLoadMarket("no_minute_trades", f"{folder}: no {name} or {name}.gz", field="folder", value=str(folder))
    return path
