"""RSK-3, RSK-4, RSK-8b, RSK-12: exposure, FX legs, open risk, counterparties."""

from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from risk.core.exposure import FxPosition, exposures, fx_legs, leverage, open_risk, over_counterparty_limit, value_of_legs

D = Decimal
POSITIONS = [
    FxPosition("EUR", "USD", D(200_000), D("1.0850")),
    FxPosition("GBP", "USD", D(-100_000), D("1.2700")),
    FxPosition("USD", "JPY", D(150_000), D(150)),
]
RATES = {"USD": D(1), "EUR": D("1.0850"), "GBP": D("1.2700"), "JPY": Fraction(1, 150)}


def test_rsk_4_worked_legs_in_usd_sum_to_zero():
    value = value_of_legs(fx_legs(POSITIONS), RATES)
    assert value == {"EUR": 217_000, "GBP": -127_000, "JPY": -150_000, "USD": 60_000}
    assert sum(value.values()) == 0


def test_rsk_4_legs_in_their_own_currencies():
    assert fx_legs(POSITIONS) == {"EUR": 200_000, "USD": -217_000 + 127_000 + 150_000, "GBP": -100_000, "JPY": -22_500_000}


def test_con_5_a_leg_without_a_rate_is_not_zero():
    with pytest.raises(KeyError, match="JPY"):
        value_of_legs(fx_legs(POSITIONS), {k: v for k, v in RATES.items() if k != "JPY"})


@given(values=arrays(np.int64, st.tuples(st.integers(1, 6), st.integers(1, 6)), elements=st.integers(-(10**12), 10**12)))
def test_rsk_3_netting_never_adds_gross_and_keeps_net(values):
    found = exposures(values)
    assert (found.gross >= np.abs(found.net)).all()
    assert found.netted_gross <= found.gross.sum() and found.netted_net == found.net.sum()
    assert found.netted_gross == np.abs(values.sum(axis=0)).sum()


def test_rsk_3_leverage_needs_equity():
    assert leverage(D(150), D(100)) == Fraction(3, 2)
    assert leverage(D(150), D(0)) is None and leverage(D(150), D(-1)) is None


def test_rsk_8b_open_risk_to_the_stop_or_the_stress_move():
    risk = open_risk(
        np.array([100, -100, 100, 100, -3]),
        np.array([5000, 5000, 5000, 5000, 333]),
        np.array([4900, 5100, 5050, 0, 0]),
        np.array([True, True, True, False, False]),
        np.array([0, 0, 0, 150_000, 100_000]),
    )
    assert risk.tolist() == [10_000, 10_000, 0, 75_000, 102]


def test_rsk_12_counterparties_over_or_without_limit():
    held = {"IB": D(100), "CX": D(51), "EX": D(1)}
    assert over_counterparty_limit(held, {"IB": D(100), "CX": D(50)}) == {"CX": (51, 50), "EX": (1, None)}
