"""Instants as whole microseconds since 1970 in UTC, the form arrays keep them in (CON-6).

Entry points: `to_us`, `from_us`, `to_day_number`, `from_day_number`.
Invariant: every conversion is exact; a naive datetime is refused.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EPOCH_ORDINAL = date(1970, 1, 1).toordinal()
_MICROSECOND = timedelta(microseconds=1)


def to_us(instant: datetime) -> int:
    """Return microseconds since 1970-01-01 UTC.

    >>> to_us(datetime(1970, 1, 1, 0, 0, 1, 5, tzinfo=UTC))
    1000005

    Raises ValueError for a naive datetime.
    """
    if instant.tzinfo is None:
        raise ValueError(f"instant {instant!r} has no time zone")
    return (instant - _EPOCH) // _MICROSECOND


def from_us(microseconds: int) -> datetime:
    """Return the UTC instant of so many microseconds since 1970.

    >>> from_us(1000005).isoformat()
    '1970-01-01T00:00:01.000005+00:00'
    """
    return _EPOCH + timedelta(microseconds=int(microseconds))


def to_day_number(day: date) -> int:
    """Return whole days since 1970-01-01."""
    return day.toordinal() - _EPOCH_ORDINAL


def from_day_number(number: int) -> date:
    """Return the date so many days after 1970-01-01."""
    return date.fromordinal(int(number) + _EPOCH_ORDINAL)
