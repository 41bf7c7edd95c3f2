"""CON-1, CON-5: what nobody would ask, answered clearly or refused by name."""

from datetime import UTC, datetime
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from allocation.core.request import Limits
from allocation.core.scales import MISSING, UNIT, BeyondScale
from allocation.core.signal_body import parse_signal
from allocation.core.sizing import size
from allocation.core.statement import AllocationStatement, statement_of
from allocation.core.statement_differences import differences
from allocation.enums import Reason, Rounding, SizingMethod, code
from base.core.validation import InvalidInputs

from .signals import grid, signal

M = SizingMethod
EVERY = [m for m in M if m not in (M.RATIO, M.PERCENT, M.CUSTOM, M.RISK)]


def stated(request):
    return statement_of(request, size(request), currencies=("USD",), policy="P1", price_scope="block", journey_id="J")


def asked(method, equity, **more):
    """Return a request for these accounts, whose balances are their equity."""
    known = np.array([MISSING if e is None else int(e) * 100 for e in equity], dtype=np.int64)
    return signal(method, "1", equity=equity, price=["10"], available=known, balance=known, **more)


@pytest.mark.parametrize("method", EVERY)
def test_no_accounts_make_a_statement_of_nothing(method):
    request = asked(method, [], position=np.zeros((0, 1), dtype=np.int64))
    statement = stated(request)
    assert statement.accounts == () and size(request).quantity.shape == (0, 1)
    assert AllocationStatement.from_bytes(statement.canonical_bytes()).sha256 == statement.sha256


@pytest.mark.parametrize("method", EVERY)
@pytest.mark.parametrize("equity", [["0", "0"], ["-5", "0"], [None, None]])
def test_con_5_no_equity_anywhere_opens_nothing_under_a_cap_and_says_why(method, equity):
    request = asked(method, equity, class_cap=grid([["1"]]), position=grid([["0"], ["0"]]))
    result = size(request)
    assert result.quantity.tolist() == [[0], [0]]
    assert not {list(Reason)[r] for r in result.reason[:, 0]} & {Reason.FULL, Reason.CLIPPED}
    assert stated(request).sha256


@pytest.mark.parametrize("method", EVERY)
def test_cst_5_every_account_frozen_orders_nothing(method):
    request = asked(method, ["10000"] * 2, position=grid([["3"], ["0.5"]]), limits=Limits(restricted=np.array([[2]])))
    assert size(request).quantity.tolist() == [[0], [0]]


def test_a_target_that_is_held_already_orders_nothing():
    for rounding in Rounding:
        request = signal(M.TARGET_WEIGHT, "0.5", equity=["1000", "2000"], price=["10"], position=grid([["50"], ["100"]]), rounding=rounding)
        result = size(request)
        assert result.quantity.tolist() == [[0], [0]] and result.reason.tolist() == [[code(Reason.NO_CHANGE)]] * 2


def test_a_block_of_nothing_and_weights_of_nothing_order_nothing():
    for method in (M.EQUAL, M.EQUITY, M.FIXED, M.EQUAL_ENDING):
        assert size(signal(method, "0", equity=["10", "20"], price=["1"])).quantity.tolist() == [[0], [0]]
    for ratio in (np.array([0, 0]),):
        result = size(signal(M.RATIO, "10", equity=["10", "20"], price=["1"], ratio=ratio))
        assert result.quantity.tolist() == [[0], [0]] and result.reason.tolist() == [[code(Reason.UNLISTED)]] * 2


def test_con_1_huge_equity_is_sized_to_the_lot():
    exact = size(signal(M.TARGET_WEIGHT, "0.03", equity=["1000000000000000"], price=["47300"]))
    assert exact.quantity.tolist() == [[3 * 10**13 // 47_300 * UNIT]]


@pytest.mark.parametrize(("equity", "price", "step"), [("1e15", "0.00000001", "1"), ("1e15", "1", "0.00000001"), ("9e16", "0.01", "1")])
def test_con_1_an_order_that_does_not_fit_is_refused_by_its_own_error(equity, price, step):
    with pytest.raises(BeyondScale, match="CON-1"):
        size(signal(M.TARGET_WEIGHT, "0.9", equity=[Decimal(equity)], price=[price], lot_step=[step]))


def test_siz_5_a_fractional_coin_is_floored_to_its_step_and_closed_to_the_last_digit():
    step = "0.0001"
    opened = size(signal(M.TARGET_WEIGHT, "0.01", equity=["257473.40"], price=["64123.45"], lot_step=[step]))
    assert opened.quantity.tolist() == [[4_010_000]] and 401 == 257473.40 * 0.01 / 64123.45 // 0.0001
    closed = size(signal(M.CLOSE, "1", equity=["1"], price=["64123.45"], lot_step=[step], position=grid([["0.04016789"]])))
    assert (closed.lots.tolist(), closed.residue.tolist(), closed.quantity.tolist()) == ([[-401]], [[-6_789]], [[-4_016_789]])
    half = size(signal(M.CLOSE, "0.5", equity=["1"], price=["64123.45"], lot_step=[step], position=grid([["0.04016789"]])))
    assert half.quantity.tolist() == [[-2_010_000]]


@settings(max_examples=60)
@given(
    equity=st.lists(st.integers(-(10**17), 10**17), min_size=1, max_size=4),
    price=st.integers(1, 10**18),
    step=st.sampled_from([1, 10**4, UNIT, 10**10]),
    weight=st.integers(-10 * UNIT, 10 * UNIT),
    method=st.sampled_from([M.TARGET_WEIGHT, M.FIXED, M.EQUITY, M.EQUAL]),
    order=st.randoms(use_true_random=False),
)
def test_con_1_any_figures_are_sized_within_the_cap_or_refused_and_never_by_order(equity, price, step, weight, method, order):
    n = len(equity)
    rows = list(range(n))
    order.shuffle(rows)

    def sized(which):
        request = signal(method, "0", equity=["0"] * n, price=["1"], accounts=[f"A{i}" for i in which])
        fields = {f: getattr(request, f) for f in request.__dataclass_fields__}
        fields |= {"equity": np.array([equity[i] for i in which]), "price": np.array([price]), "lot_step": np.array([step])}
        return size(type(request)(**fields | {"amount": np.array([[weight]]), "class_cap": grid([["1"]])}))

    try:
        first = sized(range(n))
    except BeyondScale:
        with pytest.raises(BeyondScale):
            sized(rows)
        return
    assert sized(rows).quantity.tolist() == first.quantity[rows].tolist()
    for i, quantity in enumerate(first.quantity[:, 0].tolist()):
        assert abs(quantity) * price <= max(equity[i], 0) * 10**14


def test_differences_of_statements_without_accounts():
    one, two = (stated(signal(M.FIXED, amount, equity=[], price=["10"])) for amount in ("1", "2"))
    found, total = differences(one, two)
    assert (total, one.preview_hash == two.preview_hash) == (1, False) and found[0].field == "amount"


@pytest.mark.parametrize(
    ("kind", "figure", "fits"),
    [("weight", "10", True), ("weight", "11", False), ("risk", "1", True), ("risk", "-2", False), ("quantity", "1000", True)],
)
def test_siz_4_a_rate_in_a_list_that_looks_like_a_quantity_is_refused(kind, figure, fits):
    line = {"account": "01a1fd04-dbd3-75df-bd45-0710ba20b881", "kind": kind, "figure": figure}
    body = {"strategy": "C", "symbol": "XYZ", "method": "custom", "per_account": [line], "stop_price": "1"}
    if fits:
        assert parse_signal(body, now=datetime(2026, 3, 2, tzinfo=UTC))
    else:
        with pytest.raises(InvalidInputs, match=r"0\.03 is 3%"):
            parse_signal(body, now=datetime(2026, 3, 2, tzinfo=UTC))
