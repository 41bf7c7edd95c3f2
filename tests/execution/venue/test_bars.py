"""Bars: what is refused, sessions across time zones, and a real market day."""

from __future__ import annotations

import gzip
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest

from execution.venue.bars import Bars, random_walk, read_minute_csv, sessions_of
from execution.venue.calendar import Calendar
from execution.venue.engine import Venue
from execution.venue.orders import Market, to_microseconds
from execution.venue.setup import MINUTE, Instrument, Session, VenueConfig
from tests.execution.venue.world import OPEN, wire_order

ROOT = Path(__file__).parents[3]
REAL = "shared/data/market/normalised/us_equity_minute_trades.csv.gz"
HEAD = "symbol,ts,open,high,low,close,volume\n"


def real_bars() -> dict[str, Bars]:
    path = next((path for path in (ROOT / ".." / REAL, ROOT / "../.." / REAL) if path.exists()), None)
    if path is None:
        pytest.skip("the shared market data (../shared/data/market/normalised) is not here")
    return read_minute_csv(path, symbols=frozenset({"AIG", "SPY"}))


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("X,2026-01-05 09:30:00,1,1,1,nan,5", "2"),
        ("X,2026-01-05 09:30:00,1,1,1,1.00001,5", "finer"),
        ("X,yesterday,1,1,1,1,5", "2"),
        ("X,2026-01-05 09:30:00,1,1,1,,5", "2"),
        ("X,2026-01-05 09:30:00,1,1,1,1,", "2"),
        ("X,2026-01-05 09:30:00,1,1,1", "2"),
        ("X,2026-01-05 09:30:00,2,1,1,1,5", "within"),
        ("X,2026-01-05 09:30:00,-1,1,-1,1,5", "positive"),
        ("X,2026-01-05 09:30:00,1,1,1,1,5\nX,2026-01-05 09:30:00,1,1,1,1,5", "ascend"),
    ],
)
def test_bars_that_make_no_sense_are_refused(tmp_path: Path, line: str, fault: str) -> None:
    (tmp_path / "b.csv").write_text(HEAD + line + "\n")
    with pytest.raises(ValueError, match=fault):
        read_minute_csv(tmp_path / "b.csv")


def test_minutes_are_local_time_and_survive_the_clock_change(tmp_path: Path) -> None:
    rows = [f"X,{day} 09:30:00,1,1,1,1,5\nX,{day} 15:59:00,1,1,1,1,5\nX,{day} 16:00:00,1,1,1,1,5\n" for day in ("2026-03-06", "2026-03-09")]
    with gzip.open(tmp_path / "b.csv.gz", "wt") as stream:
        stream.write(HEAD + "".join(rows))
    bars = read_minute_csv(tmp_path / "b.csv.gz")["X"]
    assert bars.regular.tolist() == [True, True, False] * 2
    opens = [datetime.fromtimestamp(us / 1e6, UTC).hour for us in bars.start_us[[0, 3]]]
    assert opens == [14, 13]
    assert [(s.trade_date, (s.close_us - s.open_us) // MINUTE) for s in sessions_of([bars])] == [
        (date(2026, 3, 6), 390),
        (date(2026, 3, 9), 390),
    ]


def test_sessions_that_overlap_are_refused() -> None:
    with pytest.raises(ValueError, match="overlap"):
        Calendar([Session(date(2026, 1, 5), 0, 10), Session(date(2026, 1, 6), 5, 20)])


def test_columns_must_be_integers_of_one_length() -> None:
    one = np.ones(1, dtype=np.int64)
    with pytest.raises(ValueError, match="int64"):
        Bars(one, one, one, one, one.astype(np.float64), one, np.ones(1, dtype=np.bool_))  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="int64"):
        Bars(one, one, one, one, one, np.ones(2, dtype=np.int64), np.ones(1, dtype=np.bool_))


def test_tick_finer_than_the_bars_is_refused() -> None:
    with pytest.raises(ValueError, match="finer"):
        Market(Instrument("X", tick=Decimal("0.00001")), random_walk(seed=1, start=OPEN, minutes=2))


def test_volume_counts_in_lot_steps_rounded_down() -> None:
    bars = random_walk(seed=1, start=OPEN, minutes=3, volume=1_000)
    assert (Market(Instrument("X", lot_step=Decimal(100)), bars).lots == bars.volume // 100).all()
    assert (Market(Instrument("X", lot_step=Decimal("0.5")), bars).lots == bars.volume * 2).all()


def test_random_walk_is_the_same_for_the_same_seed() -> None:
    first, again, other = (random_walk(seed=seed, start=OPEN, minutes=50) for seed in (1, 1, 2))
    assert (first.close == again.close).all() and (first.close != other.close).any()


def test_real_day_fills_within_each_bars_range_and_volume() -> None:
    bars = real_bars()
    instruments = [Instrument("AIG", settlement_days=3), Instrument("SPY", settlement_days=3)]
    opens = datetime(2013, 10, 7, 13, 30, tzinfo=UTC)
    config = VenueConfig(participation_bps=500)
    venue = Venue(instruments, bars, config, start_us=to_microseconds(opens + timedelta(minutes=30, seconds=5)))
    venue.execute({"op": "open", "accounts": {"A": {}}})
    orders = [wire_order("a", symbol="AIG", quantity="20000"), wire_order("s", "SELL", symbol="SPY", quantity="50000")]
    venue.execute({"op": "submit", "orders": orders})
    venue.advance(to_microseconds(opens + timedelta(hours=8)))
    assert venue.order_views("a", "", 0)[0]["filled_qty"] == "20000"
    assert venue.order_views("s", "", 0)[0]["filled_qty"] == "50000"
    assert len(venue.execution_events) > 10
    for trade in venue.execution_events:
        series = bars[str(trade["symbol"])]
        index = int(np.searchsorted(series.start_us, int(str(trade["at"])) - MINUTE))
        price = int(Decimal(str(trade["last_px"])).scaleb(4))
        slack = max(100, price * 2 // 10_000)
        assert series.regular[index] and series.low[index] - slack <= price <= series.high[index] + slack
        assert Decimal(str(trade["last_qty"])) <= int(series.volume[index]) * 500 // 10_000
        assert (trade["trade_date"], trade["settle_date"]) == ("2013-10-07", "2013-10-10")


def test_real_sessions_are_six_full_days() -> None:
    sessions = sessions_of(real_bars().values())
    assert [s.trade_date.day for s in sessions] == [4, 7, 8, 9, 10, 11]
    assert {(s.close_us - s.open_us) // MINUTE for s in sessions} == {390}
