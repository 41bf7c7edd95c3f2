"""SIZ-1..8: the worked figures."""

import numpy as np
import pytest

from allocation.core.request import Limits
from allocation.core.scales import UNIT
from allocation.core.sizing import size
from allocation.enums import CapBasis, CustomKind, Reason, Rounding, Rule, SizingMethod, code

from .signals import grid, signal, units


def siz_7(rounding, **more):
    return signal(
        SizingMethod.TARGET_WEIGHT,
        "0.03",
        equity=["250000", "120000", "400000", "500000", "80000"],
        currencies=("USD", "EUR"),
        currency=[0, 0, 0, 1, 0],
        fx=[["1"], ["1.0850"]],
        price=["47.30"],
        class_cap=units(["0.10", "0.02", "0.05", "0.01", "0.01"])[:, None],
        rounding=rounding,
        **more,
    )


@pytest.mark.parametrize(
    ("rounding", "expected"),
    [(Rounding.FLOOR, [158, 50, 253, 114, 16]), (Rounding.LARGEST_REMAINDER, [159, 50, 254, 114, 16])],
)
def test_siz_7_largest_remainder_with_caps(rounding, expected):
    result = size(siz_7(rounding))
    assert result.lots[:, 0].tolist() == expected
    assert [f"{w / 1e6:.4f}" for w in result.wish[:, 0]] == ["158.5624", "50.7400", "253.6998", "114.6934", "16.9133"]
    assert sum(expected) == (591 if rounding is Rounding.FLOOR else 593)
    capped, free = code(Rule.CLASS_CAP), code(Rule.NONE)
    assert result.binding[:, 0].tolist() == [free, capped, free, capped, capped]
    assert result.reason[:, 0].tolist() == [code(Reason.FULL if b == free else Reason.CLIPPED) for b in result.binding[:, 0]]


def test_siz_7_explains_each_order():
    story = size(siz_7(Rounding.LARGEST_REMAINDER)).explain(3, 0)
    assert story["raw"] == "344.080338" and story["wish"] == "114.693446"
    assert story["binding_rule"] == "SIZ-2.class" and story["reason"] == "clipped" and story["lots"] == 114
    assert story["after"][-1] == ("SIZ-5.rounding", 114)


def test_siz_7_nearest_needs_headroom():
    assert size(siz_7(Rounding.NEAREST)).lots[:, 0].tolist() == [159, 50, 254, 114, 16]


FX = {"price": ["1.0850"], "multiplier": ["100000"], "lot_step": ["0.01"]}


@pytest.mark.parametrize(
    ("equity", "currencies", "rate", "price", "stop", "lots"),
    [
        ("10000", ("USD",), "1", "1.0850", "0.0025", 40),
        ("10000", ("USD",), "150", "150", "0.25", 60),
        ("8000", ("GBP",), "1.25", "1.0850", "0.0025", 40),
        ("10000", ("USD",), "1", "1.0850", "0.0037", 27),
    ],
)
def test_siz_3_and_siz_6_risk_lots_are_exact(equity, currencies, rate, price, stop, lots):
    result = size(
        signal(
            SizingMethod.RISK,
            "0.01",
            equity=[equity],
            currencies=currencies,
            fx=[[rate]],
            price=[price],
            multiplier=["100000"],
            lot_step=["0.01"],
            stop_distance=units([stop]),
        )
    )
    assert result.lots.tolist() == [[lots]]
    if lots == 27:
        assert result.explain(0, 0)["wish"] == "27.027027"


def test_siz_1_orders_count_position_and_working_orders():
    request = signal(
        SizingMethod.TARGET_WEIGHT,
        "0.03",
        equity=["100000"] * 4,
        price=["30"],
        position=grid([["40"], ["0"], ["120"], ["-20"]]),
        open_buy=grid([["10"], ["0"], ["0"], ["0"]]),
        open_sell=grid([["0"], ["5"], ["0"], ["0"]]),
    )
    assert size(request).lots[:, 0].tolist() == [50, 105, -20, 120]


def test_siz_2_smallest_cap_binds_and_sign_is_kept():
    request = signal(
        SizingMethod.TARGET_WEIGHT,
        "-0.05",
        equity=["100000"] * 3,
        price=["10"],
        class_cap=units(["0.04", "0.10", "0.10"])[:, None],
        mandate_cap=units(["0.03", "0.06", "0.02"])[:, None],
        instrument_cap=units(["0.045"]),
    )
    result = size(request)
    assert result.lots[:, 0].tolist() == [-300, -450, -200]
    assert result.binding[:, 0].tolist() == [code(Rule.MANDATE_CAP), code(Rule.INSTRUMENT_CAP), code(Rule.MANDATE_CAP)]


def test_siz_2_caps_of_stop_signals_bind_the_loss_unless_notional_is_asked_for():
    common = {
        "equity": ["10000"],
        "price": ["100"],
        "stop_distance": units(["2"]),
        "class_cap": np.array([[UNIT // 200]]),
    }
    assert size(signal(SizingMethod.RISK, "0.01", **common)).lots.tolist() == [[25]]
    common["class_cap"] = np.array([[UNIT // 10]])
    notional = size(signal(SizingMethod.RISK, "0.01", **common, cap_basis=CapBasis.NOTIONAL))
    assert notional.lots.tolist() == [[10]] and notional.binding.tolist() == [[code(Rule.CLASS_CAP)]]


def test_siz_4_by_equity():
    request = signal(SizingMethod.EQUITY, "1000", equity=["250000", "120000", "400000", "542500", "80000"], price=["47.30"])
    assert size(request).lots[:, 0].tolist() == [180, 86, 287, 390, 57]


def test_siz_4_by_equity_in_one_currency():
    request = signal(
        SizingMethod.EQUITY,
        "1000",
        equity=["250000", "120000", "400000", "500000", "80000"],
        currencies=("USD", "EUR"),
        currency=[0, 0, 0, 1, 0],
        fx=[["1"], ["1.0850"]],
        price=["47.30"],
    )
    assert size(request).lots[:, 0].tolist() == [180, 86, 287, 390, 57]


def test_siz_4_net_liq_as_interactive_brokers_shares_it():
    assert size(signal(SizingMethod.EQUITY, "700", equity=[25000, 50000, 100000], price=["10"])).lots[:, 0].tolist() == [100, 200, 400]


@pytest.mark.parametrize(("method", "field"), [(SizingMethod.AVAILABLE, "available"), (SizingMethod.BALANCE, "balance")])
def test_siz_4_available_and_balance_use_their_own_column(method, field):
    request = signal(method, "-700", equity=[1, 1, 1], price=["10"], **{field: np.array([25, 50, 100])})
    assert size(request).lots[:, 0].tolist() == [-100, -200, -400]


def test_siz_4_equal_gives_the_remainder_one_unit_each():
    result = size(signal(SizingMethod.EQUAL, "400", equity=[1] * 6, price=["10"]))
    assert sorted(result.lots[:, 0].tolist()) == [66, 66, 67, 67, 67, 67]


def test_siz_4_equal_ending_quantities_raise_the_smallest_first():
    request = signal(SizingMethod.EQUAL_ENDING, "9", equity=[1] * 3, price=["10"], position=grid([[0], [10], [3]]))
    assert size(request).lots[:, 0].tolist() == [6, 0, 3]


def test_siz_4_mam_by_equity_in_hundredths_of_a_lot():
    request = signal(SizingMethod.EQUITY, "10", equity=[10000, 7000, 2000], price=["1.1"], lot_step=["0.01"], multiplier=["100000"])
    assert size(request).lots[:, 0].tolist() == [526, 369, 105]


def test_siz_4_ratio_and_percent():
    ratio = signal(SizingMethod.RATIO, "600", equity=[1] * 3, price=["10"], ratio=np.array([1, 2, 3]))
    assert size(ratio).lots[:, 0].tolist() == [100, 200, 300]
    percent = signal(SizingMethod.PERCENT, "600", equity=[1] * 2, price=["10"], ratio=units(["0.25", "0.75"]))
    assert size(percent).lots[:, 0].tolist() == [150, 450]
    with pytest.raises(ValueError, match=r"ratio.*SIZ-4"):
        signal(SizingMethod.PERCENT, "600", equity=[1] * 2, price=["10"], ratio=units(["0.25", "0.70"]))


def test_siz_4_fixed_still_meets_the_caps():
    request = signal(
        SizingMethod.FIXED, "100", equity=["100000", "10000"], price=["10"], mandate_cap=np.array([[UNIT // 20]]), accounts=["a", "b"]
    )
    result = size(request)
    assert result.lots[:, 0].tolist() == [100, 50]
    assert result.binding[:, 0].tolist() == [0, code(Rule.MANDATE_CAP)]


def test_siz_4_percent_change_truncates_and_never_flips():
    position = grid([["100"], ["-41"], ["0"], ["7"]])
    cut = size(signal(SizingMethod.PERCENT_CHANGE, "-0.25", equity=[1] * 4, price=["10"], position=position))
    assert cut.lots[:, 0].tolist() == [-25, 10, 0, -1]
    more = size(signal(SizingMethod.PERCENT_CHANGE, "0.10", equity=[1] * 4, price=["10"], position=position))
    assert more.lots[:, 0].tolist() == [10, -4, 0, 0]
    everything = size(signal(SizingMethod.PERCENT_CHANGE, "-1", equity=[1] * 4, price=["10"], position=position))
    assert everything.lots[:, 0].tolist() == [-100, 41, 0, -7]


def test_siz_4_custom_mixes_quantity_weight_and_risk_and_leaves_the_unlisted_out():
    request = signal(
        SizingMethod.CUSTOM,
        grid([["12"], ["0.02"], ["0.01"], [None]]),
        equity=["1000", "100000", "10000", "500000"],
        price=["50"],
        stop_distance=units(["2"]),
        custom_kind=np.array([code(CustomKind.QUANTITY), code(CustomKind.WEIGHT), code(CustomKind.RISK), code(CustomKind.UNLISTED)]),
    )
    result = size(request)
    assert result.lots[:, 0].tolist() == [12, 40, 50, 0]
    assert result.reason[3, 0] == code(Reason.UNLISTED)


def test_siz_5_reductions_round_nearest_and_stop_at_the_position():
    request = signal(SizingMethod.TARGET_WEIGHT, "0.001", equity=["1060", "1040"], price=["1"], position=grid([["3.5"], ["3.5"]]))
    assert size(request).lots[:, 0].tolist() == [-2, -2]
    nearly_all = signal(SizingMethod.CLOSE, "0.9", equity=["1"], price=["1"], position=grid([["0.6"]]))
    assert size(nearly_all).quantity.tolist() == [[0]]


def test_siz_5_full_closes_take_the_odd_residue():
    request = signal(SizingMethod.TARGET_WEIGHT, "0", equity=["1000"] * 3, price=["1"], position=grid([["10.4"], ["-0.3"], ["0"]]))
    result = size(request)
    assert result.lots[:, 0].tolist() == [-10, 0, 0]
    assert result.quantity[:, 0].tolist() == units(["-10.4", "0.3", "0"]).tolist()
    assert result.reason[:, 0].tolist() == [code(Reason.FULL), code(Reason.FULL), code(Reason.NO_CHANGE)]


@pytest.mark.parametrize(
    ("bump", "cap", "lots", "reason"),
    [(0, "1", 0, Reason.BELOW_MIN_LOT), (1, "1", 10, Reason.BUMPED_TO_MIN), (1, "0.0099", 0, Reason.BELOW_MIN_LOT)],
)
def test_siz_5_below_the_minimum_is_skipped_unless_bumping_is_allowed(bump, cap, lots, reason):
    request = signal(
        SizingMethod.TARGET_WEIGHT,
        "0.009",
        equity=["1000"],
        price=["1"],
        min_quantity=units(["10"]),
        bump_to_min=np.array([[bump]]),
        class_cap=grid([[cap]]),
    )
    result = size(request)
    assert result.lots.tolist() == [[lots]] and result.reason.tolist() == [[code(reason)]]


def test_siz_5_below_the_minimum_notional_is_skipped_with_its_own_reason():
    request = signal(SizingMethod.FIXED, "9", equity=["1000"], price=["1"], min_notional=units(["10"]))
    assert size(request).reason.tolist() == [[code(Reason.BELOW_MIN_NOTIONAL)]]


def test_siz_8_bulk_close_takes_the_nearest_lot_and_all_of_it_at_100_percent():
    position = grid([["5"], ["-7"], ["0.25"], ["0"]])
    half = size(signal(SizingMethod.CLOSE, "0.5", equity=[1] * 4, price=["10"], position=position))
    assert half.lots[:, 0].tolist() == [-3, 4, 0, 0]
    whole = size(signal(SizingMethod.CLOSE, "1", equity=[1] * 4, price=[None], position=position))
    assert whole.quantity[:, 0].tolist() == (-position[:, 0]).tolist()


def test_siz_8_a_close_leaves_what_is_already_offered():
    request = signal(SizingMethod.CLOSE, "1", equity=[1], price=["10"], position=grid([["10"]]), open_sell=grid([["4"]]), limits=Limits())
    assert size(request).lots.tolist() == [[-6]]
