"""Sessions, trade dates and business days; daylight-saving edges (R10)."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from market.core.calendars import (
    NotASession,
    OutsideCalendar,
    UnknownMarket,
    add_business_days,
    business_days_between,
    is_open_at,
    is_session,
    next_session,
    previous_session,
    regular_mask,
    session,
    session_close,
    session_open,
    sessions_between,
    trade_date,
)
from market.core.instants import to_us

# Local opening and closing hours, taken from the exchanges and not from the code under test.
HOURS = {
    "XNYS": ("America/New_York", (9, 30), (16, 0)),
    "XLON": ("Europe/London", (8, 0), (16, 30)),
    "XETR": ("Europe/Berlin", (9, 0), (17, 30)),
    "XPAR": ("Europe/Paris", (9, 0), (17, 30)),
    "XSWX": ("Europe/Zurich", (9, 0), (17, 30)),
    "XTKS": ("Asia/Tokyo", (9, 0), (15, 30)),
    "FX": ("America/New_York", (17, 0), (17, 0)),
    "CRYPTO": ("UTC", (0, 0), (0, 0)),
}
DST_EDGES = [date(2026, 3, 8), date(2026, 3, 29), date(2026, 10, 25), date(2026, 11, 1)]
DST_EDGES += [date(2027, 3, 14), date(2027, 3, 28), date(2027, 10, 31), date(2027, 11, 7)]


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)


@pytest.mark.parametrize("market", HOURS)
@pytest.mark.parametrize("edge", DST_EDGES, ids=str)
def test_r10_around_a_clock_change_every_session_opens_and_closes_once_at_its_local_hour(market, edge):
    zone, opening, closing = HOURS[market]
    days = sessions_between(market, edge - timedelta(days=6), edge + timedelta(days=6))
    closes = [session_close(market, day) for day in days]
    assert len(days) >= 8 and closes == sorted(set(closes))
    for day, close_at in zip(days, closes, strict=True):
        local_open, local_close = (instant.astimezone(ZoneInfo(zone)) for instant in (session_open(market, day), close_at))
        assert (local_open.hour, local_open.minute) == opening and (local_close.hour, local_close.minute) == closing
        assert local_close.date() == day + timedelta(days=market == "CRYPTO")
        assert not is_open_at(market, close_at) or market in ("FX", "CRYPTO")
        assert is_open_at(market, session_open(market, day)) and is_open_at(market, close_at - timedelta(microseconds=1))


@pytest.mark.parametrize("market", HOURS)
@pytest.mark.parametrize("edge", DST_EDGES, ids=str)
def test_r10_walking_minute_by_minute_through_a_clock_change_misses_no_close(market, edge):
    first = to_us(datetime(edge.year, edge.month, edge.day, tzinfo=UTC) - timedelta(days=3))
    minutes = first + np.arange(6 * 1440, dtype=np.int64) * 60_000_000
    walked = regular_mask(market, minutes)
    days = sessions_between(market, edge - timedelta(days=5), edge + timedelta(days=5))
    counted = np.zeros(len(minutes), np.int64)
    for day in days:
        hours = session(market, day)
        counted += (minutes >= to_us(hours.open_at)) & (minutes < to_us(hours.close_at))
        if hours.break_start_at and hours.break_end_at:
            counted -= (minutes >= to_us(hours.break_start_at)) & (minutes < to_us(hours.break_end_at))
    assert counted.max() == 1
    assert np.array_equal(counted == 1, walked)


def test_half_days_close_early():
    assert session_close("XNYS", date(2026, 11, 27)) == utc(2026, 11, 27, 18)
    assert session_close("XNYS", date(2026, 11, 25)) == utc(2026, 11, 25, 21)
    assert session_close("XLON", date(2026, 12, 24)) == utc(2026, 12, 24, 12, 30)


def test_holidays_and_neighbouring_sessions():
    assert not is_session("XNYS", date(2026, 7, 3)) and is_session("XLON", date(2026, 7, 3))
    assert next_session("XNYS", date(2026, 7, 2)) == date(2026, 7, 6) == next_session("XNYS", date(2026, 7, 4))
    assert previous_session("XNYS", date(2026, 7, 6)) == date(2026, 7, 2) == previous_session("XNYS", date(2026, 7, 5))
    with pytest.raises(NotASession):
        session_close("XNYS", date(2026, 7, 4))


def test_a_lunch_break_is_closed():
    assert is_open_at("XTKS", utc(2026, 3, 2, 2, 29)) and not is_open_at("XTKS", utc(2026, 3, 2, 2, 30))
    assert not is_open_at("XTKS", utc(2026, 3, 2, 3, 29)) and is_open_at("XTKS", utc(2026, 3, 2, 3, 30))


@pytest.mark.parametrize(
    ("market", "instant", "wanted"),
    [
        ("XNYS", utc(2026, 7, 2, 15), date(2026, 7, 2)),
        ("XNYS", utc(2026, 7, 2, 9), date(2026, 7, 2)),
        ("XNYS", utc(2026, 7, 2, 23), date(2026, 7, 2)),
        ("XNYS", utc(2026, 7, 3, 3, 59), date(2026, 7, 2)),
        ("XNYS", utc(2026, 7, 3, 15), date(2026, 7, 6)),
        ("XTKS", utc(2026, 3, 1, 23, 30), date(2026, 3, 2)),
        ("FX", utc(2026, 3, 6, 21, 59, 59, 999999), date(2026, 3, 6)),
        ("FX", utc(2026, 3, 6, 22), date(2026, 3, 9)),
        ("FX", utc(2026, 3, 8, 20, 59), date(2026, 3, 9)),
        ("FX", utc(2026, 3, 9, 20, 59), date(2026, 3, 9)),
        ("FX", utc(2026, 3, 9, 21), date(2026, 3, 10)),
        ("CRYPTO", utc(2026, 3, 7, 23, 59, 59), date(2026, 3, 7)),
        ("CRYPTO", utc(2026, 3, 8), date(2026, 3, 8)),
        ("CMES", utc(2026, 3, 9, 23, 30), date(2026, 3, 10)),
    ],
)
def test_con_6_trade_date_follows_the_venue(market, instant, wanted):
    assert trade_date(market, instant) == wanted


def test_fx_is_open_from_sunday_to_friday_17_new_york():
    assert not is_open_at("FX", utc(2026, 3, 8, 20, 59)) and is_open_at("FX", utc(2026, 3, 8, 21))
    assert is_open_at("FX", utc(2026, 3, 13, 20, 59)) and not is_open_at("FX", utc(2026, 3, 13, 21))
    assert is_open_at("CRYPTO", utc(2026, 3, 7, 12))


@pytest.mark.parametrize(
    ("market", "day", "count", "wanted"),
    [
        ("US", date(2026, 7, 2), 1, date(2026, 7, 6)),
        ("US", date(2026, 10, 9), 1, date(2026, 10, 13)),
        ("XNYS", date(2026, 10, 9), 1, date(2026, 10, 12)),
        ("US", date(2026, 11, 10), 1, date(2026, 11, 12)),
        ("US", date(2029, 11, 9), 1, date(2029, 11, 13)),
        ("T2", date(2026, 4, 2), 2, date(2026, 4, 8)),
        ("XLON", date(2026, 12, 24), 2, date(2026, 12, 30)),
        ("FX", date(2026, 7, 3), 2, date(2026, 7, 7)),
        ("CRYPTO", date(2026, 7, 4), 0, date(2026, 7, 4)),
        ("XNYS", date(2026, 7, 4), 0, date(2026, 7, 6)),
        ("XNYS", date(2026, 7, 4), 1, date(2026, 7, 6)),
        ("XNYS", date(2026, 7, 6), -1, date(2026, 7, 2)),
        ("XNYS", date(2026, 7, 5), -1, date(2026, 7, 2)),
    ],
)
def test_acc_5_business_days_for_settlement(market, day, count, wanted):
    assert add_business_days(market, day, count) == wanted


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(["XNYS", "XLON", "FX", "CRYPTO", "US"]), st.dates(date(2000, 1, 1), date(2034, 1, 1)), st.integers(1, 60))
def test_business_days_added_are_business_days_counted(market, day, count):
    later = add_business_days(market, day, count)
    assert is_session(market, later) and business_days_between(market, day, later) == count
    assert business_days_between(market, later, day) == -count
    assert add_business_days(market, later, -count) <= day or not is_session(market, day)


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(list(HOURS)), st.datetimes(datetime(2005, 1, 1), datetime(2034, 1, 1), timezones=st.just(UTC)))
def test_con_6_a_trade_date_is_a_session_and_open_markets_trade_on_it(market, instant):
    day = trade_date(market, instant)
    hours = session(market, day)
    if is_open_at(market, instant):
        assert hours.open_at <= instant < hours.close_at


def test_what_the_calendar_does_not_know_is_not_guessed():
    with pytest.raises(OutsideCalendar):
        is_session("XNYS", date(1990, 1, 2))
    with pytest.raises(OutsideCalendar):
        is_open_at("FX", utc(2041, 1, 1))
    with pytest.raises(OutsideCalendar):
        next_session("CRYPTO", date(2035, 12, 31))
    with pytest.raises(UnknownMarket):
        is_session("NOPE", date(2026, 1, 5))
    with pytest.raises(ValueError, match="time zone"):
        is_open_at("XNYS", datetime(2026, 1, 5, 15))
