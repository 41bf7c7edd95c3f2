"""ACC-11: rates through the loader, the ECB's own among them."""

from datetime import date
from decimal import Decimal

import numpy as np
import pytest

from market.core.fixings import FixingHistory
from market.core.instants import to_us
from market.enums import FxSource
from market.models import FxRate
from market.readers.fx import packaged_ecb_history
from market.services import ConflictingRows, Merged, load_fx
from tests.factories import as_loader
from tests.market.made import utc

pytestmark = pytest.mark.django_db


def history(pivot: str, rates: list[list[int]], currencies=("AAD", "BBD")) -> FixingHistory:
    instants = np.array([to_us(utc(2026, 3, 2, 9 + row)) for row in range(len(rates))], np.int64)
    return FixingHistory(pivot, instants, currencies, np.array(rates, np.int64), FxSource.FILE, "FILE")


def load(rates, **options) -> Merged:
    return as_loader(lambda: load_fx(rates, **options))


def test_acc_11_a_missing_fixing_stores_nothing_and_again_changes_nothing():
    rates = history("PPA", [[12_345_678_901, 0], [12_345_678_902, 1]])
    assert load(rates) == Merged(written=3)
    assert load(rates) == Merged(unchanged=3)
    found = FxRate.objects.filter(base="PPA").order_by("quote", "as_of").values_list("quote", "rate", "as_of", "source")
    assert list(found) == [
        ("AAD", Decimal("1.2345678901"), utc(2026, 3, 2, 9), "FILE"),
        ("AAD", Decimal("1.2345678902"), utc(2026, 3, 2, 10), "FILE"),
        ("BBD", Decimal("0.0000000001"), utc(2026, 3, 2, 10), "FILE"),
    ]


def test_another_rate_of_the_same_instant_is_refused_unless_replaced():
    load(history("PPB", [[10**10, 2 * 10**10]]))
    other = history("PPB", [[10**10, 3 * 10**10], [10**10, 10**10]])
    with pytest.raises(ConflictingRows, match="1 fxrate rows differ"):
        load(other)
    assert FxRate.objects.filter(base="PPB").count() == 2
    assert load(other, replace=True) == Merged(written=2, unchanged=1, replaced=1)


def test_the_packaged_ecb_history_is_stored_from_a_date_on():
    merged = load(packaged_ecb_history(), since=date(2024, 1, 1))
    assert merged.written + merged.unchanged > 10_000
    rows = FxRate.objects.filter(source="ECB_REFERENCE", base="EUR", quote="USD", as_of__lt=utc(2024, 2, 1)).order_by("as_of")
    assert (rows[0].as_of, rows[0].rate) == (utc(2024, 1, 2, 15), Decimal("1.0956"))  # the ECB's own fixing of that Tuesday
