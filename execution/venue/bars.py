"""Minute bars: the venue's only market data.

Entry points: `Bars`, `sessions_of`, `read_minute_csv`, `random_walk`.

Invariants:
1. Prices and volumes are int64 in a stated decimal scale; no float enters (CON-1).
2. `start_us` is strictly ascending, UTC, the start of the bar; a bar is known to nobody before its end.
"""

from __future__ import annotations

import csv
import gzip
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import TextIO
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from execution.venue.setup import MINUTE, Session

Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Bars:
    """One-minute bars of one symbol.

    start_us: int64[n]. open, high, low, close: int64[n] in 10^-price_decimals. volume: int64[n] in 10^-volume_decimals units of the
    instrument.
    regular: bool[n], True for continuous regular-hours trading (leave auction-only bars False). Raises ValueError for shapes or order
    that do not fit.
    """

    start_us: Ints
    open: Ints
    high: Ints
    low: Ints
    close: Ints
    volume: Ints
    regular: NDArray[np.bool_]
    price_decimals: int = 4
    volume_decimals: int = 0

    def __post_init__(self) -> None:
        columns = [self.start_us, self.open, self.high, self.low, self.close, self.volume]
        if any(column.dtype != np.int64 or column.shape != self.start_us.shape for column in columns):
            raise ValueError("every column must be int64 and of one length")
        if self.regular.shape != self.start_us.shape or self.regular.dtype != np.bool_:
            raise ValueError("regular must be bool and as long as the bars")
        if len(self.start_us) and (np.diff(self.start_us) <= 0).any():
            raise ValueError("start_us must ascend strictly")
        if (self.low <= 0).any() or (self.volume < 0).any():
            raise ValueError("prices must be positive, volumes not negative")
        if (self.high < np.maximum(self.open, self.close)).any() or (self.low > np.minimum(self.open, self.close)).any():
            raise ValueError("open and close must lie within low and high")


def sessions_of(bars: Iterable[Bars], zone: str = "America/New_York") -> tuple[Session, ...]:
    """Return one session per local date: first regular bar's start to last regular bar's end over all `bars`."""
    local = ZoneInfo(zone)
    found: dict[object, tuple[int, int]] = {}
    for series in bars:
        starts = series.start_us[series.regular]
        if not len(starts):
            continue
        breaks = np.flatnonzero(np.diff(starts) > 60 * MINUTE) + 1
        for run in np.split(starts, breaks):
            day = datetime.fromtimestamp(int(run[0]) // 1_000_000, UTC).astimezone(local).date()
            first, last = found.get(day, (int(run[0]), 0))
            found[day] = (min(first, int(run[0])), max(last, int(run[-1]) + MINUTE))
    sessions = [Session(day, first, last) for day, (first, last) in found.items()]  # type: ignore[arg-type]
    return tuple(sorted(sessions, key=lambda session: session.open_us))


def read_minute_csv(
    path: Path,
    *,
    symbols: frozenset[str] = frozenset(),
    zone: str = "America/New_York",
    opens: time = time(9, 30),
    closes: time = time(16, 0),
    price_decimals: int = 4,
) -> dict[str, Bars]:
    """Read `symbol,ts,open,high,low,close,volume` (ts = local time, start of the bar), plain or gzipped; all symbols if none are named.

    Raises ValueError naming the line for anything that is not such a bar or is finer than `price_decimals`.
    """
    local = ZoneInfo(zone)
    rows: defaultdict[str, list[tuple[int, ...]]] = defaultdict(list)
    with _open_text(path) as stream:
        for number, record in enumerate(csv.DictReader(stream), start=2):
            if symbols and record["symbol"] not in symbols:
                continue
            try:
                rows[record["symbol"]].append(_parse_bar(record, local, opens, closes, price_decimals))
            except (ArithmeticError, ValueError, KeyError, TypeError) as error:
                raise ValueError(f"{path.name}:{number}: {error}") from error
    return {symbol: _from_rows(sorted(bars), price_decimals) for symbol, bars in sorted(rows.items())}


def random_walk(*, seed: int, start: datetime, minutes: int, price: Decimal = Decimal(100), volume: int = 12_000) -> Bars:
    """Return made-up regular-hours bars: a seeded integer random walk from `price`, steps of up to 0.05%, volumes within ±50% of `volume`.

    The same arguments give the same bars on every machine.
    """
    draw = np.random.Generator(np.random.PCG64(seed))
    first = int(price.scaleb(4))
    step = max(first // 2_000, 1)
    closes = np.maximum(first + np.cumsum(draw.integers(-step, step + 1, minutes)), 100).astype(np.int64)
    opens = np.concatenate([[first], closes[:-1]]).astype(np.int64)
    wicks = draw.integers(0, step + 1, (2, minutes))
    return Bars(
        start_us=int(start.timestamp()) * 1_000_000 + MINUTE * np.arange(minutes, dtype=np.int64),
        open=opens,
        high=np.maximum(opens, closes) + wicks[0],
        low=np.maximum(np.minimum(opens, closes) - wicks[1], 1),
        close=closes,
        volume=draw.integers(volume // 2, volume * 3 // 2 + 1, minutes).astype(np.int64),
        regular=np.ones(minutes, dtype=np.bool_),
    )


def _open_text(path: Path) -> TextIO:
    if path.suffix == ".gz":
        return gzip.open(path, "rt", encoding="utf-8", newline="")
    return path.open(encoding="utf-8", newline="")


def _parse_bar(record: Mapping[str, str], local: ZoneInfo, opens: time, closes: time, price_decimals: int) -> tuple[int, ...]:
    at = datetime.fromisoformat(record["ts"]).replace(tzinfo=local)
    prices = [Decimal(record[name]).scaleb(price_decimals) for name in ("open", "high", "low", "close")]
    volume = Decimal(record["volume"])
    if any(value != value.to_integral_value() for value in [*prices, volume]):
        raise ValueError("finer than the stated scale")
    return (int(at.timestamp()) * 1_000_000, *map(int, prices), int(volume), int(opens <= at.time() < closes))


def _from_rows(rows: list[tuple[int, ...]], price_decimals: int) -> Bars:
    table = np.array(rows, dtype=np.int64).T.copy()
    start_us, opens, highs, lows, closes, volumes, regular = table
    return Bars(start_us, opens, highs, lows, closes, volumes, regular.astype(np.bool_), price_decimals)
