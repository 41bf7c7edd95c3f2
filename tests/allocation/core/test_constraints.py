"""CST-1..7, CST-9, GOV-2, GOV-6, CON-5: what clips an order, and what it says."""

from fractions import Fraction

import numpy as np
import pytest

from allocation.core.request import ExposureLimit, Limits, PooledRoom
from allocation.core.scales import MISSING, UNIT
from allocation.core.sizing import size
from allocation.enums import Authority, Reason, Rounding, Rule, SizingMethod, TradeState, code

from .signals import grid, signal, units


def fixed(amount, limits, n=1, price=("10",), **more):
    return size(signal(SizingMethod.FIXED, amount, equity=more.pop("equity", ["100000"] * n), price=list(price), limits=limits, **more))


def test_cst_4_baskets_scale_buys_by_lambda_exactly():
    result = fixed(grid([["75", "50"]]), Limits(buying_power=np.array([1_000_000])), price=("100", "100"))
    assert result.lots.tolist() == [[60, 40]]
    assert result.binding.tolist() == [[code(Rule.BUYING_POWER)] * 2] and result.reason.tolist() == [[code(Reason.CLIPPED)] * 2]


def test_cst_4_sells_go_first_and_pay_where_the_mode_permits():
    basket = grid([["-25", "125"], ["-25", "125"]])
    limits = Limits(buying_power=np.array([1_000_000] * 2), proceeds_usable=np.array([1, 0]))
    result = fixed(basket, limits, n=2, price=("100", "100"), position=grid([["25", "0"], ["25", "0"]]))
    assert result.lots.tolist() == [[-25, 125], [-25, 100]]


def test_cst_4_lambda_is_exact_through_rates():
    result = fixed("3", Limits(buying_power=np.array([2 * 10_000])), price=("150",), currencies=("USD",), fx=[["1.5"]], equity=["1000"])
    assert result.lots.tolist() == [[2]]


def test_cst_4_margin_rate_counts_part_of_the_value():
    limits = Limits(buying_power=np.array([100_000]), margin_rate=grid([["0.05"]]))
    assert fixed("3000", limits).lots.tolist() == [[2000]]


def test_cst_4_huge_numbers_are_scaled_in_big_integers():
    limits = Limits(buying_power=np.array([10**17]))
    result = fixed(grid([[str(4 * 10**8), "2"]]), limits, price=("9876543.12345678", "1"), equity=["1"], fx=[["1.08507319", "1.0850731"]])
    worth = [Fraction("9876543.12345678") / Fraction("1.08507319") * 100, Fraction(1) / Fraction("1.0850731") * 100]
    wanted = [4 * 10**8, 2]
    ratio = Fraction(10**17) / sum(q * v for q, v in zip(wanted, worth, strict=True))
    assert ratio < 1
    assert result.lots[0].tolist() == [int(q * ratio) for q in wanted]


def test_cst_4_lambda_is_exact_in_big_integers_too():
    result = fixed(str(125 * 10**7), Limits(buying_power=np.array([10**18])), price=("10000000",))
    assert result.lots.tolist() == [[10**9]]


@pytest.mark.parametrize("rule_field", ["restricted", "trading_block"])
def test_cst_5_close_only_and_frozen(rule_field):
    states = np.array([[code(TradeState.NONE)], [code(TradeState.CLOSE_ONLY)], [code(TradeState.FROZEN)]])
    position = grid([["30"], ["30"], ["30"]])
    result = fixed("-50", Limits(**{rule_field: states}), n=3, position=position)
    assert result.lots[:, 0].tolist() == [-50, -30, 0]
    buys = fixed("50", Limits(**{rule_field: states}), n=3, position=position)
    assert buys.lots[:, 0].tolist() == [50, 0, 0]
    name = Rule.RESTRICTED if rule_field == "restricted" else Rule.TRADING_BLOCK
    assert buys.binding[:, 0].tolist() == [0, code(name), code(name)]
    assert buys.reason[1:, 0].tolist() == [code(Reason.BLOCKED)] * 2


def test_cst_5_frozen_holds_back_even_the_residue_of_a_close():
    request = signal(
        SizingMethod.CLOSE, "1", equity=["1"], price=["10"], position=grid([["0.6"]]), limits=Limits(restricted=np.array([[2]]))
    )
    assert size(request).quantity.tolist() == [[0]]


def test_cst_3_long_only_counts_open_sells():
    result = fixed("-50", Limits(long_only=np.array([[1]])), position=grid([["40"]]), open_sell=grid([["15"]]))
    assert result.lots.tolist() == [[-25]] and result.binding.tolist() == [[code(Rule.LONG_ONLY)]]


def test_cst_2_position_limit_lets_reductions_pass():
    limits = Limits(position=grid([["0.05"]]))
    result = fixed("100", limits, n=3, equity=["10000"] * 3, position=grid([["0"], ["30"], ["-30"]]))
    assert result.lots[:, 0].tolist() == [50, 20, 80]
    over = size(signal(SizingMethod.FIXED, "-60", equity=["10000"], price=["10"], position=grid([["90"]]), limits=limits))
    assert over.lots.tolist() == [[-60]]


def test_cst_2_adv():
    result = fixed("500", Limits(adv=units(["120"])[None, :]))
    assert result.lots.tolist() == [[120]] and result.binding.tolist() == [[code(Rule.ADV)]]


@pytest.mark.parametrize(
    ("rule", "current", "beta", "order", "lots"),
    [
        (Rule.GROSS, 95_000_00, "1", "2000", 500),
        (Rule.SECTOR, 95_000_00, "1", "2000", 500),
        (Rule.SECTOR, 95_000_00, "0", "2000", 2000),
        (Rule.FACTOR, 90_000_00, "2", "2000", 500),
        (Rule.NET, -95_000_00, "1", "-2000", -500),
        (Rule.NET, -95_000_00, "1", "2000", 2000),
        (Rule.NET, 120_000_00, "1", "2000", 0),
    ],
)
def test_cst_2_exposures(rule, current, beta, order, lots):
    limit = ExposureLimit(rule, np.array([UNIT]), np.array([current]), units([beta]))
    result = fixed(order, Limits(exposures=(limit,)))
    assert result.lots.tolist() == [[lots]]
    assert result.binding.tolist() == [[code(rule) if abs(lots) < 2000 else 0]]


def test_cst_2_gross_of_a_fully_invested_account_lets_a_switch_through():
    limit = ExposureLimit(Rule.GROSS, np.array([UNIT]), np.array([100_000_00]), units(["1", "1"]))
    result = fixed(grid([["-100", "150"]]), Limits(exposures=(limit,)), price=("10", "10"), position=grid([["400", "0"]]))
    assert result.lots.tolist() == [[-100, 100]]


def test_cst_7_risk_reducing_orders_pass_money_rules():
    gross = ExposureLimit(Rule.GROSS, np.array([0]), np.array([10**9]), units(["1"]))
    limits = Limits(buying_power=np.array([-5]), position=grid([["0"]]), adv=grid([["1"]]), exposures=(gross,))
    assert fixed("-30", limits, position=grid([["30"]])).lots.tolist() == [[-30]]
    assert fixed("-40", limits, position=grid([["30"]])).lots.tolist() == [[-30]]


def test_cst_9_the_exact_order_of_the_rules():
    """Authority, then blocks and restricted, legal, margin and cash, mandate, soft; each takes its part of what the one before has left."""
    gross = ExposureLimit(Rule.GROSS, units(["0.6"]), np.array([0]), units(["1"]))
    limits = Limits(
        authority=np.array([code(Authority.OK)]),
        trading_block=np.array([[0]]),
        restricted=np.array([[0]]),
        long_only=np.array([[1]]),
        pools=(
            PooledRoom(Rule.CAPACITY, np.array([0]), units(["50"])[None, :]),
            PooledRoom(Rule.LEGAL_LIMIT, np.array([0]), units(["90"])[None, :]),
        ),
        buying_power=np.array([80_000]),
        allowed=np.array([[1]]),
        position=grid([["0.7"]]),
        adv=grid([["65"]]),
        exposures=(gross,),
        soft=grid([["40"]]),
    )
    result = fixed("100", limits, equity=["1000"], position=grid([["0"]]))
    after = result.explain(0, 0)["after"]
    assert after == [
        ("CON-5.data", 100),
        ("RSK-11.trading_block", 100),
        ("CST-5.restricted", 100),
        ("SIZ-5.position", 100),
        ("CST-3.long_only", 100),
        ("SIZ-5.rounding", 100),
        ("CST-6.legal", 90),
        ("CST-4.buying_power", 80),
        ("CST-2.mandate_instrument", 80),
        ("CST-2.position", 70),
        ("CST-2.adv", 65),
        ("CST-2.gross", 60),
        ("GOV-6.capacity", 50),
        ("CST-9.soft", 40),
    ]
    assert result.binding.tolist() == [[code(Rule.SOFT)]]


def test_cst_9_cash_is_scaled_before_the_mandate_clips():
    """1,500 for buys of 1,000 and 1,000: λ 0.75 leaves 75 and 75 shares; only then the mandate's 50 of X. What X gives up, Y does not get."""
    limits = Limits(buying_power=np.array([150_000]), adv=grid([["50", "1000"]]))
    result = fixed(grid([["100", "100"]]), limits, price=("10", "10"))
    assert result.lots.tolist() == [[50, 75]]
    assert result.binding.tolist() == [[code(Rule.ADV), code(Rule.BUYING_POWER)]]


def test_cst_9_legal_room_is_shared_before_cash_and_mandate_clip():
    """CST-6: 30, 40 and 10 share 50 as 19, 25 and 6. The first has cash for 12 and a mandate for 10; what it gives up stays unused."""
    limits = Limits(
        pools=(PooledRoom(Rule.LEGAL_LIMIT, np.zeros(3, dtype=np.int64), units(["50"])[None, :]),),
        buying_power=np.array([1_200, 10**6, 10**6]),
        adv=grid([["10"], ["1000"], ["1000"]]),
    )
    request = signal(
        SizingMethod.CUSTOM,
        grid([["30"], ["40"], ["10"]]),
        equity=["1000"] * 3,
        price=["1"],
        custom_kind=np.array([1, 1, 1]),
        limits=limits,
    )
    assert size(request).lots[:, 0].tolist() == [10, 25, 6]


@pytest.mark.parametrize(("rounding", "others"), [(Rounding.NEAREST, 6), (Rounding.LARGEST_REMAINDER, 5)])
def test_cst_9_nothing_is_rounded_up_past_a_mandate_that_clips_later(rounding, others):
    limits = Limits(adv=grid([["2.9"], ["100"], ["100"]]))
    request = signal(SizingMethod.TARGET_WEIGHT, "0.29", equity=["10"] * 3, price=["1"], rounding=rounding, limits=limits)
    lots = size(request).lots[:, 0].tolist()
    assert lots[0] == 2 and sum(lots[1:]) == others


def test_cst_9_soft_limits_defer():
    assert fixed("100", Limits(soft=grid([["0"]]))).reason.tolist() == [[code(Reason.DEFERRED)]]


def test_gov_2_accounts_without_authority_leave_the_block():
    limits = Limits(authority=np.array([code(Authority.OK), code(Authority.AUTH_EXPIRED), code(Authority.OK)]))
    request = signal(SizingMethod.EQUITY, "100", equity=["10", "80", "10"], price=["1"], limits=limits)
    result = size(request)
    assert result.lots[:, 0].tolist() == [50, 0, 50]
    assert result.reason[1, 0] == code(Reason.AUTH_EXPIRED) and result.binding[1, 0] == code(Rule.AUTHORITY)


def test_gov_6_capacity_is_shared_pro_rata_and_nobody_gets_more():
    pool = PooledRoom(Rule.CAPACITY, np.zeros(3, dtype=np.int64), units(["50"])[None, :])
    request = signal(
        SizingMethod.CUSTOM,
        grid([["30"], ["40"], ["10"]]),
        equity=["1"] * 3,
        price=["1"],
        custom_kind=np.array([1, 1, 1]),
        limits=Limits(pools=(pool,)),
    )
    result = size(request)
    assert result.lots[:, 0].tolist() == [19, 25, 6]
    assert set(result.binding[:, 0].tolist()) == {code(Rule.CAPACITY)}


def test_cst_6_room_binds_its_control_group_alone():
    pool = PooledRoom(Rule.LEGAL_LIMIT, np.array([0, 0, 0, 1, -1]), grid([["50"], [None]]))
    request = signal(
        SizingMethod.CUSTOM,
        grid([["30"], ["40"], ["10"], ["5"], ["7"]]),
        equity=["1"] * 5,
        price=["1"],
        custom_kind=np.array([1] * 5),
        limits=Limits(pools=(pool,)),
    )
    assert size(request).lots[:, 0].tolist() == [19, 25, 6, 0, 7]


def test_cst_1_what_one_account_does_not_get_no_other_gets():
    limits = Limits(adv=grid([["1000"], ["10"], ["1000"]]))
    request = signal(SizingMethod.EQUAL, "300", equity=["1"] * 3, price=["1"], limits=limits)
    assert size(request).lots[:, 0].tolist() == [100, 10, 100]


def test_con_5_missing_price_or_rate_is_a_reason_and_stops_only_risk():
    common = {"equity": ["1000"] * 2, "currencies": ("USD", "EUR"), "currency": [0, 1], "fx": [["1", "1"], ["1.1", None]]}
    target = size(signal(SizingMethod.TARGET_WEIGHT, "0.5", price=[None, "10"], **common))
    assert target.lots.tolist() == [[0, 50], [0, 0]]
    assert target.reason.tolist() == [
        [code(Reason.MISSING_PRICE), code(Reason.FULL)],
        [code(Reason.MISSING_PRICE), code(Reason.MISSING_FX)],
    ]
    orders = size(signal(SizingMethod.FIXED, "-5", price=[None, "10"], **common, position=grid([["3", "9"], ["9", "0"]])))
    assert orders.lots.tolist() == [[-3, -5], [-5, 0]]
    assert orders.reason[0, 0] == code(Reason.MISSING_PRICE) and orders.reason[1, 1] == code(Reason.MISSING_FX)
    close = size(signal(SizingMethod.TARGET_WEIGHT, "0", price=[None, "10"], **common, position=grid([["3", "9"], ["9", "1"]])))
    assert close.lots.tolist() == [[-3, -9], [-9, -1]]


def test_con_5_missing_or_negative_equity_blocks_without_closing_anything():
    request = signal(SizingMethod.TARGET_WEIGHT, "0.1", equity=[None, "-5", "0"], price=["1"], position=grid([["7"], ["7"], ["7"]]))
    result = size(request)
    assert result.lots.tolist() == [[0]] * 3
    assert result.reason[:, 0].tolist() == [code(Reason.MISSING_BASIS), code(Reason.NO_EQUITY), code(Reason.NO_EQUITY)]


def test_con_5_a_block_with_an_unknown_weight_is_not_shared_at_all():
    result = size(signal(SizingMethod.EQUITY, "90", equity=["10", None, "20"], price=["1"]))
    assert result.lots.tolist() == [[0]] * 3
    assert result.reason[:, 0].tolist() == [code(Reason.BLOCK_INCOMPLETE), code(Reason.MISSING_BASIS), code(Reason.BLOCK_INCOMPLETE)]


def test_con_5_a_missing_limit_is_no_room():
    result = fixed("5", Limits(buying_power=np.array([MISSING])))
    assert result.lots.tolist() == [[0]] and result.reason.tolist() == [[code(Reason.MISSING_LIMIT)]]


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("price", np.array([0]), "price: 0 is below 1"),
        ("price", np.array([float("nan")]), "price: .nan. has type float64"),
        ("price", np.array([float("inf")]), "price: .inf."),
        ("price", np.array([-5]), "price: -5 is below 1"),
        ("lot_step", np.array([0]), r"lot_step: 0 is below 1 \(SIZ-5\)"),
        ("equity", np.array([1, 2]), r"equity: shape \(2,\)"),
        ("price", np.array([2**63], dtype=np.uint64), "does not fit 64 bits"),
    ],
)
def test_con_1_malformed_numbers_are_refused_by_name_value_and_rule(field, value, words):
    good = signal(SizingMethod.FIXED, "1", equity=["1"], price=["1"])
    fields = {name: getattr(good, name) for name in good.__dataclass_fields__}
    with pytest.raises(ValueError, match=words):
        type(good)(**fields | {field: value})


def test_con_1_orders_beyond_64_bits_are_refused():
    with pytest.raises(ValueError, match="CON-1"):
        size(signal(SizingMethod.TARGET_WEIGHT, "90", equity=["90000000000000000"], price=["0.00000001"]))
    with pytest.raises(ValueError, match="CON-1"):
        size(signal(SizingMethod.TARGET_WEIGHT, "1", equity=["900000000000"], price=["0.1"]))


def test_con_2_equal_remainders_go_by_block_and_account():
    def winners(names):
        request = signal(SizingMethod.EQUAL, "1", equity=["1"] * 3, price=["1"], accounts=names, rounding=Rounding.LARGEST_REMAINDER)
        return {name for name, lots in zip(names, size(request).lots[:, 0], strict=True) if lots}

    assert winners(["a", "b", "c"]) == winners(["c", "a", "b"]) and len(winners(["a", "b", "c"])) == 1


def test_con_2_names_break_ties_whatever_the_ids_are():
    names = ["A1", "A2", "A3"]
    plain = size(signal(SizingMethod.EQUITY, 100, equity=["1000"] * 3, price=["1"], accounts=names))
    renamed = signal(SizingMethod.EQUITY, 100, equity=["1000"] * 3, price=["1"], accounts=["x", "y", "z"], tie_names=names)
    assert size(renamed).lots.tolist() == plain.lots.tolist()
    with pytest.raises(ValueError, match="tie_names"):
        signal(SizingMethod.EQUITY, 100, equity=["1000"] * 3, price=["1"], tie_names=["A", "A", "B"])
