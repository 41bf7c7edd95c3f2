"""RSK-5, RSK-6: value at risk, expected shortfall, clusters."""

from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from risk.core.var import cluster_risk, historical_var, parametric_var, tail_size

D = Decimal


def test_rsk_6_the_tail_is_counted_with_exact_confidence():
    assert tail_size(500, D("0.99")) == 5
    assert np.ceil(500 * (1 - 0.99)) == 6
    assert [tail_size(n, D("0.90")) for n in (1, 9, 10, 11, 20)] == [1, 1, 1, 2, 2]


def test_rsk_6_historical_worked_figures():
    pnl = np.array([-900, -650, -400, -300, -200, *range(15)])[::-1]
    found = historical_var(pnl, D("0.90"))
    assert (int(found.var), int(found.expected_shortfall), found.k) == (650, 775, 2)


def test_rsk_6_parametric_worked_figures():
    assert [round(x, 2) for x in parametric_var(1e6, 0.012, 0.99)] == [27_916.17, 31_982.57]


def test_rsk_6_aggregate_var_comes_from_netted_positions():
    alone = [round(parametric_var(value, 0.02, 0.99)[0], 2) for value in (100_000, -60_000)]
    assert alone == [4_652.70, 2_791.62]
    assert round(parametric_var(100_000 - 60_000, 0.02, 0.99)[0], 2) == 1_861.08


@pytest.mark.parametrize(("scenarios", "confidence"), [(0, "0.9"), (10, "1"), (10, "0"), (10, "1.5")])
def test_rsk_6_refuses_an_empty_tail(scenarios, confidence):
    with pytest.raises(ValueError):
        tail_size(scenarios, D(confidence))


@given(pnl=arrays(np.int64, st.tuples(st.integers(1, 4), st.integers(1, 60)), elements=st.integers(-(10**12), 10**12)))
def test_rsk_6_equals_sorting_account_by_account(pnl):
    found = historical_var(pnl, D("0.95"))
    worst = np.sort(pnl, axis=-1)[:, : found.k]
    assert (found.var == -worst[:, -1]).all() and (found.tail_loss == -worst.sum(axis=-1)).all()
    assert (found.expected_shortfall >= found.var).all()


def test_rsk_5_worked_cluster_risk():
    rho = np.array([[1.0, 0.8], [0.8, 1.0]])
    assert cluster_risk(np.array([0.01, 0.01]), rho) == pytest.approx(0.01897, abs=5e-6)
    assert cluster_risk(np.array([0.01, -0.01]), rho) == pytest.approx(0.00632, abs=5e-6)
