"""The built-in market: believable minute bars for any symbol and day, made on demand from a seed. Always labelled SIMULATED.

Entry points: `generated_minute_bars`, `generated_daily_bars`, `generated_days`, `generated_close`; the instruments are in `generated_catalogue`.

Invariants:
1. Same instrument, day and seed: the same bytes on every machine. Whole numbers only, from `noise`.
2. Each day is made alone; its last close is the previous close the next session starts from, whichever is made first.
3. Prices are whole ticks above 0; bars cover each regular minute once; opening gaps occur only where the market was closed.
4. Volume and volatility are high at the open and the close (24-hour markets: 14:00 UTC) and come in clusters.
5. At an anchor the last completed bar closes at the anchor's price, and V1 is the anchor's volume when it gives one (RTE-1).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from itertools import pairwise
from math import isqrt

import numpy as np
from numpy.typing import NDArray

from market.core.bars import MINUTES_OF_VOLUME, Bars, scale_price
from market.core.calendars import CRYPTO, Session, previous_session, session
from market.core.instants import to_day_number, to_us
from market.core.instruments import InstrumentSpec, InvalidInstrument, is_on_tick
from market.core.noise import BELL_SD, EXP_BITS, LEVEL_SD, bell, level, scaled_exp, words
from market.enums import BarInterval, QuoteSource

REFERENCE_DATE = date(2026, 3, 2)
DEFAULT_SEED = 1
_MINUTE_US = 60_000_000
_DAY_US = 86_400_000_000
_FINE_BITS = 12
_ONE = 1024
_KNOT_MINUTES = 16
_ALL_DAY_MINUTES = 1000


@dataclass(frozen=True, slots=True)
class Anchor:
    """An instant at which the last completed bar is known in advance."""

    at: datetime
    close: Decimal
    minute_volume: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class GeneratedInstrument:
    """How one simulated symbol behaves.

    Attributes:
        reference_close: its close on REFERENCE_DATE; it wanders around that in other weeks.
        daily_volatility_bps: standard deviation of a day's return.
        minute_volume: a usual minute's volume, at scale 10^-volume_exponent.
    """

    spec: InstrumentSpec
    reference_close: Decimal
    daily_volatility_bps: int
    minute_volume: int
    volume_exponent: int = 0
    anchor: Anchor | None = None

    def __post_init__(self) -> None:
        for field, price in (("reference_close", self.reference_close), ("anchor", self.anchor.close if self.anchor else None)):
            if price is not None and (price <= 0 or not is_on_tick(price, self.spec.tick_size)):
                raise InvalidInstrument(field, price, f"above 0 and on the tick of {self.spec.tick_size}")
        limits = (("daily_volatility_bps", self.daily_volatility_bps, 2000), ("minute_volume", self.minute_volume, 10**12))
        for field, number, top in limits:
            if not 1 <= number <= top:
                raise InvalidInstrument(field, number, f"from 1 to {top}")

    def ticks(self, price: Decimal) -> int:
        """Return a price on the tick as a number of ticks."""
        return int(price / self.spec.tick_size)


def generated_minute_bars(instrument: GeneratedInstrument, days: Sequence[date], seed: int = DEFAULT_SEED) -> Bars:
    """Return the regular-hours minute bars of the given sessions, ascending. Raises NotASession, OutsideCalendar."""
    parts = [_minute_bars(instrument, day, seed) for day in days]
    columns = [np.concatenate(column) for column in zip(*parts, strict=True)] if parts else [np.empty(0, np.int64)] * 6
    return _bars(instrument, BarInterval.MINUTE, columns)


def generated_daily_bars(instrument: GeneratedInstrument, days: Sequence[date], seed: int = DEFAULT_SEED) -> Bars:
    """Return the daily bars of the given sessions, the sums of their minute bars, labelled 00:00 UTC. Raises as for minutes."""
    rows = [_day_row(day, _minute_bars(instrument, day, seed)) for day in days]
    return _bars(instrument, BarInterval.DAY, list(np.array(rows, np.int64).reshape(-1, 6).T.copy()))


def generated_days(instrument: GeneratedInstrument, days: Sequence[date], seed: int = DEFAULT_SEED) -> tuple[Bars, Bars]:
    """Return the minute bars and the daily bars of the given sessions, each day made once. Raises as for minutes."""
    parts = [_minute_bars(instrument, day, seed) for day in days]
    columns = [np.concatenate(column) for column in zip(*parts, strict=True)] if parts else [np.empty(0, np.int64)] * 6
    rows = [_day_row(day, part) for day, part in zip(days, parts, strict=True)]
    daily = list(np.array(rows, np.int64).reshape(-1, 6).T.copy())
    return _bars(instrument, BarInterval.MINUTE, columns), _bars(instrument, BarInterval.DAY, daily)


def generated_close(instrument: GeneratedInstrument, day: date, seed: int = DEFAULT_SEED) -> int:
    """Return the close of a session in ticks."""
    spec = instrument.spec
    moved = level(_step(spec, day), seed, spec.symbol) - level(_step(spec, REFERENCE_DATE), seed, spec.symbol)
    exponent = (moved * instrument.daily_volatility_bps << EXP_BITS) // (LEVEL_SD * 10_000)
    scaled = instrument.ticks(instrument.reference_close) * scaled_exp(exponent)
    return max(1, (scaled + (1 << EXP_BITS - 1)) >> EXP_BITS)


def _day_row(day: date, minutes: tuple[NDArray[np.int64], ...]) -> tuple[int, ...]:
    _, opens, highs, lows, closes, volumes = minutes
    return (to_day_number(day) * _DAY_US, int(opens[0]), int(highs.max()), int(lows.min()), int(closes[-1]), int(volumes.sum()))


def _bars(instrument: GeneratedInstrument, interval: BarInterval, columns: Sequence[NDArray[np.int64]]) -> Bars:
    start, opens, highs, lows, closes, volumes = columns
    regular = np.ones(len(start), np.bool_)
    exponent, source = instrument.volume_exponent, QuoteSource.SIMULATED
    return Bars(instrument.spec.symbol, interval, start, opens, highs, lows, closes, volumes, regular, exponent, source)


def _minute_bars(instrument: GeneratedInstrument, day: date, seed: int) -> tuple[NDArray[np.int64], ...]:
    """Return start, open, high, low, close, volume of one session's minutes."""
    spec = instrument.spec
    hours = session(spec.market, day)
    start = _minutes(hours)
    key = (seed, spec.symbol, day.isoformat())
    activity = _clusters(len(start), key) * _profile(start) // _ONE
    closing = generated_close(instrument, day, seed)
    opening = _opening(instrument, hours, closing, seed)
    anchor = instrument.anchor if instrument.anchor and hours.open_at < instrument.anchor.at <= hours.close_at else None
    at = int(np.searchsorted(start, to_us(anchor.at) - _MINUTE_US, side="right")) if anchor else 0
    pins = {0: opening, len(start): closing} | ({at: instrument.ticks(anchor.close)} if anchor and at else {})
    amplitude = _amplitude(opening, instrument.daily_volatility_bps, len(start))
    path = _path(pins, activity, amplitude, key)
    opens, closes = path[:-1], path[1:]
    wicks = abs(bell(words(2 * len(start), *key, "wick"))).reshape(2, -1) * amplitude // BELL_SD * activity // _ONE >> _FINE_BITS + 1
    highs, lows = np.maximum(opens, closes) + wicks[0], np.maximum(np.minimum(opens, closes) - wicks[1], 1)
    tick = scale_price(spec.tick_size)
    volumes = _volumes(instrument.minute_volume, activity, key)
    if anchor and anchor.minute_volume is not None and at >= MINUTES_OF_VOLUME:
        volumes[at - MINUTES_OF_VOLUME : at] = _with_median(volumes[at - MINUTES_OF_VOLUME : at], anchor.minute_volume)
    return start, opens * tick, highs * tick, lows * tick, closes * tick, volumes


def _minutes(hours: Session) -> NDArray[np.int64]:
    start = np.arange(to_us(hours.open_at), to_us(hours.close_at), _MINUTE_US, dtype=np.int64)
    if hours.break_start_at is None or hours.break_end_at is None:
        return start
    return start[(start < to_us(hours.break_start_at)) | (start >= to_us(hours.break_end_at))]


def _step(spec: InstrumentSpec, day: date) -> int:
    """Return the day's place in the walk: calendar days where every day trades, weekdays elsewhere."""
    number = to_day_number(day)
    if spec.market == CRYPTO:
        return number
    weeks, weekday = divmod(number + 3, 7)
    return weeks * 5 + min(weekday, 5)


def _opening(instrument: GeneratedInstrument, hours: Session, closing: int, seed: int) -> int:
    """Return the opening price in ticks: the previous close, with a gap when the market was closed since."""
    market = instrument.spec.market
    before = previous_session(market, hours.day)
    previous = generated_close(instrument, before, seed)
    if session(market, before).close_at == hours.open_at:
        return previous
    surprise = int(bell(words(1, seed, instrument.spec.symbol, hours.day.isoformat(), "gap"))[0])
    noise = previous * instrument.daily_volatility_bps * surprise // (BELL_SD * 10_000 * 4)
    return max(1, previous + (closing - previous) * 3 // 10 + noise)


def _amplitude(ticks: int, volatility_bps: int, minutes: int) -> int:
    """Return one standard deviation of a minute's move in fine units (2^-12 tick)."""
    return max(1, (ticks * volatility_bps << _FINE_BITS + 8) // (10_000 * isqrt(minutes << 16)))


def _profile(start: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return how busy each minute usually is, 1024 = average: U-shaped in a session, a hump around 14:00 UTC in a 24-hour market."""
    count = len(start)
    if count > _ALL_DAY_MINUTES:
        away = abs((start // _MINUTE_US - 14 * 60 + 720) % 1440 - 720)
        return 600 + (720 - away) * 850 // 720
    middle = 2 * np.arange(count, dtype=np.int64) - count + 1
    curve: NDArray[np.int64] = 700 + 1000 * middle**2 // count**2
    return curve


def _clusters(count: int, key: tuple[object, ...]) -> NDArray[np.int64]:
    """Return a slowly moving factor per minute, about 1024: busy quarters of an hour follow busy ones, busy days differ from quiet ones."""
    knots = count // _KNOT_MINUTES + 2
    draws = (words(knots + 4, *key, "cluster") >> np.uint64(54)).astype(np.int64)
    smooth = 512 + sum((draws[offset : offset + knots] for offset in range(1, 4)), draws[:knots]) // 4
    day_factor = 768 + int(draws[-1]) // 2
    knot, inside = np.divmod(np.arange(count, dtype=np.int64), _KNOT_MINUTES)
    between = smooth[knot] + (smooth[knot + 1] - smooth[knot]) * inside // _KNOT_MINUTES
    factor: NDArray[np.int64] = between * day_factor // _ONE
    return factor


def _path(pins: dict[int, int], activity: NDArray[np.int64], amplitude: int, key: tuple[object, ...]) -> NDArray[np.int64]:
    """Return the price in ticks at each minute's edge, int64[minutes + 1], through the pinned prices exactly."""
    moves = bell(words(len(activity), *key, "move")) * amplitude // BELL_SD * activity // _ONE
    free = np.concatenate([[0], np.cumsum(moves)])
    path = np.empty(len(free), np.int64)
    for left, right in pairwise(sorted(pins)):
        steps = np.arange(right - left + 1, dtype=np.int64)
        lift = (pins[left] << _FINE_BITS) - int(free[left])
        gap = (pins[right] << _FINE_BITS) - int(free[right]) - lift
        path[left : right + 1] = free[left : right + 1] + lift + _share(gap, steps, right - left)
    ticks: NDArray[np.int64] = np.maximum((path + (1 << _FINE_BITS - 1)) >> _FINE_BITS, 1)
    return ticks


def _share(total: int, steps: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    """Return total × step / count without overflow."""
    whole, rest = divmod(total, count)
    return whole * steps + rest * steps // count


def _volumes(usual: int, activity: NDArray[np.int64], key: tuple[object, ...]) -> NDArray[np.int64]:
    """Return a volume per minute, at least 1: usual × activity × noise, and now and then three times that."""
    random_words = words(len(activity), *key, "volume")
    noise = 410 + ((random_words >> np.uint64(32)) % np.uint64(1229)).astype(np.int64)
    burst = np.where(random_words % np.uint64(32) == 0, 3, 1)
    volumes: NDArray[np.int64] = np.maximum(usual * activity // _ONE * noise // _ONE * burst, 1)
    return volumes


def _with_median(volumes: NDArray[np.int64], median: int) -> NDArray[np.int64]:
    """Shift an even number of volumes so that their median is exactly `median`; none falls below 1."""
    order = np.argsort(volumes, kind="stable")
    lower, upper = order[len(order) // 2 - 1], order[len(order) // 2]
    shifted: NDArray[np.int64] = np.maximum(volumes + median - (volumes[lower] + volumes[upper]) // 2, 1)
    shifted[[lower, upper]] = median
    return shifted
