"""ACC-5: settlement dates by market, trade date and dated law."""

from datetime import date, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accounts.core.settlement import STATUTORY_CYCLES, SettlementRule, business_days, settlement_date

LABOR_DAY, MEMORIAL_DAY = date(2017, 9, 4), date(2024, 5, 27)
US = business_days([LABOR_DAY, MEMORIAL_DAY])


@pytest.mark.parametrize(
    ("market", "traded", "settles"),
    [
        ("US", date(2017, 9, 1), date(2017, 9, 7)),
        ("US", date(2017, 9, 5), date(2017, 9, 7)),
        ("US", date(2024, 5, 24), date(2024, 5, 29)),
        ("US", date(2024, 5, 28), date(2024, 5, 29)),
        ("US", date(2026, 11, 20), date(2026, 11, 23)),
        *((market, date(2027, 10, 8), date(2027, 10, 12)) for market in ("EU", "UK", "CH")),
        *((market, date(2027, 10, 11), date(2027, 10, 12)) for market in ("EU", "UK", "CH")),
        ("CRYPTO", date(2026, 11, 21), date(2026, 11, 21)),
    ],
)
def test_acc_5_settlement_by_market_and_date(market, traded, settles):
    assert settlement_date(market, traded, US) == settles


def test_acc_5_fx_spot_is_two_days_and_usdcad_one():
    friday = date(2026, 11, 20)
    assert settlement_date("FX", friday, US, pair="EURUSD") == date(2026, 11, 24)
    assert settlement_date("FX", friday, US, pair="USDCAD") == date(2026, 11, 23)


def test_acc_5_an_unknown_market_is_not_guessed():
    with pytest.raises(ValueError, match="no settlement rule for MARS"):
        settlement_date("MARS", date(2026, 1, 5), US)
    with pytest.raises(ValueError, match="no business day"):
        settlement_date("US", date(2026, 1, 5), lambda day: False)


def test_acc_5_the_law_is_data():
    law = (*STATUTORY_CYCLES, SettlementRule("US", date(2030, 1, 7), 0, "imagined"))
    assert settlement_date("US", date(2030, 1, 7), US, law=law) == date(2030, 1, 7)


@settings(max_examples=60)
@given(st.dates(date(2015, 1, 1), date(2030, 1, 1)), st.sampled_from(["US", "EU", "FX"]))
def test_acc_5_settles_on_a_business_day_not_before_the_trade(traded, market):
    settles = settlement_date(market, traded, US)
    assert US(settles) and traded < settles <= traded + timedelta(days=7)
