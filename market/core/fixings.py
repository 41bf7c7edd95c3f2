"""A history of rates against one pivot currency: what was known at any instant (ACC-11).

Entry points: `FixingHistory`, `FixingHistory.table_at`, `FixingHistory.table_on`, `ecb_fixing_instant`.

Invariants:
1. Nothing looks ahead: a fixing counts from its instant on (ECB: 16:00 Central European time of its date).
2. Each currency gives its latest known fixing with that fixing's own time: a currency no longer fixed grows old and is refused by age.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from market.core.fx import RATE_EXPONENT, FxTable, InvalidRate, PivotRate
from market.core.instants import from_us, to_us
from market.enums import FxSource

_FRANKFURT = ZoneInfo("Europe/Berlin")
_ECB_HOUR = 16


@dataclass(frozen=True, slots=True, eq=False)
class FixingHistory:
    """Rates over time.

    Attributes:
        pivot: the currency one unit of which the rates price.
        instants: int64[n], when each row became known, microseconds UTC, strictly increasing.
        currencies: the columns.  rates: int64[n, currencies], scale 10^-10; 0 where there is none.
        name: the first part of every rate's id.
    """

    pivot: str
    instants: NDArray[np.int64]
    currencies: tuple[str, ...]
    rates: NDArray[np.int64]
    source: FxSource
    name: str
    _latest: NDArray[np.int64] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        if self.rates.shape != (len(self.instants), len(self.currencies)):
            raise InvalidRate("all", self.rates.shape, f"shape {(len(self.instants), len(self.currencies))}")
        if (self.rates < 0).any() or (np.diff(self.instants) <= 0).any():
            raise InvalidRate("all", "", "no negative rate, instants strictly increasing")
        rows = np.arange(len(self.instants), dtype=np.int64)[:, None]
        object.__setattr__(self, "_latest", np.maximum.accumulate(np.where(self.rates > 0, rows, -1), axis=0))

    def table_at(self, now: datetime) -> FxTable:
        """Return the rates known at an instant, each the latest of its currency, however old: `FxTable.rate` judges the age."""
        row = int(np.searchsorted(self.instants, to_us(now), side="right")) - 1
        if row < 0:
            return FxTable.of(self.pivot, [])
        found = [(column, int(at)) for column, at in enumerate(self._latest[row]) if at >= 0]
        return FxTable.of(self.pivot, [self._rate(at, column) for column, at in found])

    def table_on(self, day: date) -> FxTable:
        """Return the daily fixings of a date for reports: those known at 16:00 Central European time of that date."""
        return self.table_at(ecb_fixing_instant(day))

    def _rate(self, row: int, column: int) -> PivotRate:
        currency, as_of = self.currencies[column], from_us(int(self.instants[row]))
        stamp = as_of.strftime("%Y-%m-%d" if self.source is FxSource.ECB_REFERENCE else "%Y-%m-%dT%H:%M:%SZ")
        rate = Decimal(int(self.rates[row, column])).scaleb(-RATE_EXPONENT)
        return PivotRate(currency, rate, f"{self.name}:{stamp}:{currency}", as_of, self.source)


def ecb_fixing_instant(day: date) -> datetime:
    """Return when the ECB's reference rates of a day are published, 16:00 in Frankfurt, as UTC.

    >>> ecb_fixing_instant(date(2026, 7, 17)).isoformat()
    '2026-07-17T14:00:00+00:00'
    """
    return from_us(to_us(datetime(day.year, day.month, day.day, _ECB_HOUR, tzinfo=_FRANKFURT)))
