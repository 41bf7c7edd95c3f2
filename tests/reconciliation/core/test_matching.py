"""REC-1 to REC-4: what is compared, what is a break, what is material."""

from datetime import date
from decimal import Decimal

import numpy as np
import pytest

from reconciliation.core.fixed import to_day
from reconciliation.core.matching import reconcile
from reconciliation.enums import AccountState, BreakType, ItemKind, RunState

from ..scene import AS_OF, DIRECTORY, NEXT, RATES, cash, expectation, fee, margin, position, run, snapshot, summary, trade


@pytest.mark.parametrize("item", ["cash_td", "cash_sd"])
@pytest.mark.parametrize(("theirs", "material"), [("1125.00", False), ("875.00", False), ("1125.01", True), ("874.99", True)])
def test_rec_2_cash_125_00_passes_and_125_01_breaks_on_equity_of_250000(item, theirs, material):
    outcome = run({item: [cash("A", "1000")]}, {item: [cash("A", theirs)]})
    assert summary(outcome) == ([(item.upper(), "CASH", True)] if material else [])
    assert outcome.account_state(0) == (AccountState.MATERIAL if material else AccountState.OK)


def test_rec_2_the_same_125_00_in_both_cash_views_still_passes():
    both = {"cash_td": [cash("A", "1000")], "cash_sd": [cash("A", "1000")]}
    other = {"cash_td": [cash("A", "1125")], "cash_sd": [cash("A", "1125")]}
    assert run(both, other).breaks == ()


def test_rec_2_differences_below_tolerance_add_up_over_the_account():
    ours = {"cash_td": [cash("A", 100), cash("A", 100, "EUR")]}
    outcome = run(ours, {"cash_td": [cash("A", 160), cash("A", "40.08", "EUR")]})
    # 60.00 + 59.92 × 1.0850 = 125.0132 > 125.00, whatever the signs
    assert [(found.rule, found.material) for found in outcome.breaks] == [("REC-2 summed", True)] * 2
    assert outcome.breaks[0].value_difference == Decimal("-65.01")
    assert run(ours, {"cash_td": [cash("A", 160), cash("A", "40.10", "EUR")]}).breaks == ()


def test_rec_2_sums_are_taken_per_account():
    ours = {"cash_td": [cash("A", 0), cash("B", 0)]}
    assert run(ours, {"cash_td": [cash("A", 100), cash("B", 100)]}).breaks == ()


def test_rec_2_holdings_and_trade_date_cash_add_up():
    ours = {"positions": [position("A", "XYZ", 100, "50")], "cash_td": [cash("A", 0)]}
    outcome = run(ours, {"positions": [position("A", "XYZ", 98, "50")], "cash_td": [cash("A", 100)]})
    assert summary(outcome) == [("CASH_TD", "CASH", True), ("POSITION", "QUANTITY", True)]


def test_rec_2_quantity_is_logged_below_tolerance_and_not_material():
    outcome = run({"positions": [position("A", "XYZ", 100, "50")]}, {"positions": [position("A", "XYZ", 101, "50")]})
    assert summary(outcome) == [("POSITION", "QUANTITY", False)]
    assert outcome.breaks[0].value_difference == Decimal("50.00")
    assert outcome.account_state(0) is AccountState.BREAKS


def test_rec_2_contract_size_and_currency_enter_the_value():
    outcome = run(
        {"positions": [position("A", "ESH6", 1, "5000"), position("B", "SAP", 1, "100")]},
        {"positions": [position("A", "ESH6", 2, "5000"), position("B", "SAP", 2, "100")]},
    )
    assert [found.value_difference for found in outcome.breaks] == [Decimal("250000.00"), Decimal("108.50")]
    assert [found.material for found in outcome.breaks] == [True, False]


def test_con_5_a_difference_that_cannot_be_valued_is_material():
    no_price = run({"positions": [position("A", "XYZ", 1)]}, {"positions": [position("A", "XYZ", 2)]})
    no_rate = run({"cash_td": [cash("A", 1, "JPY")]}, {"cash_td": [cash("A", 2, "JPY")]})
    for outcome in (no_price, no_rate):
        assert [(found.rule, found.material, found.value_difference) for found in outcome.breaks] == [("CON-5", True, None)]


def test_rec_2_an_account_without_equity_tolerates_nothing():
    outcome = run({"cash_td": [cash("A", 1)]}, {"cash_td": [cash("A", "1.01")]}, equity="-10")
    assert summary(outcome) == [("CASH_TD", "CASH", True)]


def test_rec_2_a_price_breaks_by_value():
    ours = {"positions": [position("A", "XYZ", 1000, "50")]}
    assert run(ours, {"positions": [position("A", "XYZ", 1000, "50.125")]}).breaks == ()
    outcome = run(ours, {"positions": [position("A", "XYZ", 1000, "50.12500001")]})
    assert summary(outcome) == [("POSITION", "PRICE", True)]
    assert run(ours, {"positions": [position("A", "XYZ", 1000)]}).breaks == ()


@pytest.mark.parametrize(
    ("ours", "theirs", "breaks"),
    [("-20", "-21.00", False), ("-20", "-21.01", True), ("-20", "-18.99", True), ("-500", "-505", False), ("-500", "-505.01", True)],
)
def test_rec_3_a_fee_breaks_above_the_larger_of_1_00_and_1_percent(ours, theirs, breaks):
    outcome = run({"fees": [fee("A", ours)]}, {"fees": [fee("A", theirs)]})
    assert summary(outcome) == ([("FEE", "FEE", False)] if breaks else [])


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("COMMISSION", "COMMISSION"),
        ("FINANCING", "FEE"),
        ("DIVIDEND", "DIVIDEND_TAX"),
        ("TAX", "DIVIDEND_TAX"),
        ("TRANSFER", "TRANSFER"),
        ("CORPORATE_ACTION", "CORPORATE_ACTION"),
        ("INTEREST", "CASH"),
    ],
)
def test_rec_3_movements_name_their_type(kind, expected):
    assert summary(run({}, {"fees": [fee("A", "-200", kind)]})) == [("FEE", expected, True)]


def test_rec_3_margin():
    assert summary(run({"margins": [margin("A", 1000)]}, {"margins": [margin("A", 1200)]})) == [("MARGIN", "MARGIN", True)]


def test_rec_3_fees_of_one_kind_and_day_are_one_amount():
    outcome = run({"fees": [fee("A", "-10"), fee("A", "-15")]}, {"fees": [fee("A", "-25")]})
    assert outcome.breaks == ()


def test_rec_3_missing_and_extra_fill():
    outcome = run({"trades": [trade("A", "XYZ", 100, "50", "e1")]}, {"trades": [trade("B", "XYZ", -100, "50", "e2")]})
    missing, extra = outcome.breaks
    assert (missing.type, missing.ours, missing.theirs, missing.difference) == (BreakType.MISSING_FILL, 100, None, -100)
    assert (extra.type, extra.ours, extra.theirs, extra.difference) == (BreakType.EXTRA_FILL, None, -100, -100)
    assert missing.material and extra.material and extra.value_difference == Decimal("-5000.00")
    assert (missing.cash_difference, extra.cash_difference, extra.price) == (5000, 5000, 50)


@pytest.mark.parametrize(
    ("theirs", "expected"),
    [
        (trade("A", "XYZ", 101, "50", "e1"), ("TRADE", "QUANTITY", False)),
        (trade("A", "XYZ", -100, "50", "e1"), ("TRADE", "QUANTITY", True)),
        (trade("A", "XYZ", 100, "51.26", "e1"), ("TRADE", "PRICE", True)),
        (trade("A", "ABC", 100, "50", "e1"), ("TRADE", "SYMBOL_MAP", True)),
        (trade("A", "XYZ", 100, "50", "e1", amount="-5125.01"), ("TRADE", "CASH", True)),
        (trade("A", "XYZ", 100, "50", "e1", settles=date(2026, 3, 4)), ("TRADE", "SETTLE_DATE_TIMING", False)),
    ],
)
def test_rec_3_a_fill_matched_by_its_execution_id_differs_in(theirs, expected):
    assert summary(run({"trades": [trade("A", "XYZ", 100, "50", "e1")]}, {"trades": [theirs]})) == [expected]


def test_rec_3_an_amount_of_money_has_no_contract_size():
    ours, theirs = trade("A", "ESH6", 1, "5000", "e", amount="0"), trade("A", "ESH6", 1, "5000", "e", amount="-100")
    assert run({"trades": [ours]}, {"trades": [theirs]}).breaks == ()


def test_rec_3_a_small_price_difference_is_no_break():
    assert run({"trades": [trade("A", "XYZ", 100, "50", "e1")]}, {"trades": [trade("A", "XYZ", 100, "51.25", "e1")]}).breaks == ()


def test_rec_3_fills_without_or_with_foreign_ids_match_one_to_one_by_content():
    ours = [trade("A", "XYZ", 100, "50", "o1"), trade("A", "XYZ", 100, "50", "o2"), trade("A", "XYZ", 100, "50")]
    theirs = [trade("A", "XYZ", 100, "50", f"t{i}") for i in range(3)]
    assert run({"trades": ours}, {"trades": theirs}).breaks == ()
    assert summary(run({"trades": ours}, {"trades": theirs[:2]})) == [("TRADE", "MISSING_FILL", True)]


def test_rec_3_a_match_by_content_prefers_the_same_settle_date():
    late = date(2026, 3, 4)
    ours = [trade("A", "XYZ", 100, "50", "o1"), trade("A", "XYZ", 100, "50", "o2", settles=late)]
    outcome = run({"trades": ours}, {"trades": [trade("A", "XYZ", 100, "50", "t1", settles=late)]})
    assert [(found.type, found.exec_id) for found in outcome.breaks] == [(BreakType.MISSING_FILL, "o1")]


def test_rec_3_duplicate_by_execution_id_and_by_equal_content_without_one():
    same = trade("A", "XYZ", 100, "50", "e1")
    assert summary(run({"trades": [same, same]}, {"trades": [same]})) == [("TRADE", "DUPLICATE", True)]
    plain = trade("A", "XYZ", 100, "50")
    assert summary(run({"trades": [plain]}, {"trades": [plain, plain]})) == [("TRADE", "DUPLICATE", True)]


def test_rec_3_equal_fills_with_different_ids_are_different_fills():
    ours = {"trades": [trade("A", "XYZ", 100, "50", "e1")]}
    theirs = {"trades": [trade("A", "XYZ", 100, "50", "e1"), trade("A", "XYZ", 100, "50", "e2")]}
    assert summary(run(ours, theirs)) == [("TRADE", "EXTRA_FILL", True)]


def test_rec_3_ids_of_unequal_length_and_same_beginning_are_not_confused():
    ours = {"trades": [trade("A", "XYZ", 1, "50", "exec-0001"), trade("A", "XYZ", 2, "50", "exec-0001-correction-of-length-32")]}
    assert run(ours, {"trades": ours["trades"][::-1]}).breaks == ()


def test_rec_3_a_holding_under_another_symbol_is_one_symbol_break():
    outcome = run({"positions": [position("A", "XYZ", 10, "50")]}, {"positions": [position("A", "ABC", 10, "50")]})
    assert summary(outcome) == [("POSITION", "SYMBOL_MAP", True)]
    assert (outcome.breaks[0].symbol, outcome.breaks[0].their_symbol) == ("XYZ", "ABC")
    apart = run({"positions": [position("A", "XYZ", 10, "50")]}, {"positions": [position("A", "ABC", 10, "51")]})
    assert [found.type for found in apart.breaks] == [BreakType.QUANTITY] * 2


def test_rec_3_a_price_in_another_currency_is_a_symbol_break():
    outcome = run({"positions": [position("A", "XYZ", 10, "50")]}, {"positions": [position("A", "XYZ", 10, "50", "EUR")]})
    assert summary(outcome) == [("POSITION", "SYMBOL_MAP", True)]


@pytest.mark.parametrize(("theirs", "kind"), [("151", "CORPORATE_ACTION"), ("151.5", "CORPORATE_ACTION"), ("152", "QUANTITY")])
def test_rec_5_a_split_one_side_has_not_applied_is_named(theirs, kind):
    outcome = run(
        {"positions": [position("A", "XYZ", 101, "30")]}, {"positions": [position("A", "XYZ", theirs, "20")]}, action_ratio=((0, 3, 2),)
    )
    assert kind in [found.type for found in outcome.breaks]


def test_rec_4_trade_date_cash_is_never_compared_with_settled_cash():
    rows = {"cash_td": [cash("A", 1000)], "cash_sd": [cash("A", 6000)]}
    assert run(rows, rows).breaks == ()
    swapped = {"cash_td": [cash("A", 6000)], "cash_sd": [cash("A", 1000)]}
    assert [found.item for found in run(rows, swapped).breaks] == [ItemKind.CASH_SD, ItemKind.CASH_TD]


def test_rec_4_timing_matches_itself_on_the_settle_date():
    late = date(2026, 3, 4)
    first = run(
        {"trades": [trade("A", "XYZ", 100, "50", "e1")]},
        {"trades": [trade("A", "XYZ", 100, "50", "e1", settles=late)]},
    )
    assert [(found.ours, found.theirs, found.self_matches_on) for found in first.breaks] == [(NEXT, late, late)]
    ours = expectation({"cash_sd": [cash("A", 5000)]}, as_of=NEXT, open_timing=first.open_timing)
    second = reconcile(ours, snapshot({"cash_sd": [cash("A", 10000)]}, as_of=NEXT), DIRECTORY, RATES)
    assert [(found.type, found.difference, found.material, found.self_matches_on) for found in second.breaks] == [
        (BreakType.SETTLE_DATE_TIMING, Decimal("5000.00"), False, late)
    ]
    ours = expectation({"cash_sd": [cash("A", 5000)]}, as_of=late, open_timing=second.open_timing)
    third = reconcile(ours, snapshot({"cash_sd": [cash("A", 5000)]}, as_of=late), DIRECTORY, RATES)
    assert third.breaks == () and len(third.open_timing) == 0
    unsettled = reconcile(ours, snapshot({"cash_sd": [cash("A", 10000)]}, as_of=late), DIRECTORY, RATES)
    assert summary(unsettled) == [("CASH_SD", "CASH", True)]


def test_rec_4_what_timing_does_not_explain_stays_a_cash_break():
    first = run({"trades": [trade("A", "XYZ", 100, "50", "e")]}, {"trades": [trade("A", "XYZ", 100, "50", "e", settles=date(2026, 3, 4))]})
    ours = expectation({"cash_sd": [cash("A", 5000)]}, as_of=NEXT, open_timing=first.open_timing)
    outcome = reconcile(ours, snapshot({"cash_sd": [cash("A", "10200")]}, as_of=NEXT), DIRECTORY, RATES)
    assert [(found.type, found.difference) for found in outcome.breaks] == [(BreakType.CASH, 200), (BreakType.SETTLE_DATE_TIMING, 5000)]
    agreed = reconcile(ours, snapshot({"cash_sd": [cash("A", 5000)]}, as_of=NEXT), DIRECTORY, RATES)
    assert agreed.breaks == ()


def test_rec_1_a_missing_file_is_incomplete_for_every_account():
    outcome = reconcile(expectation({"cash_td": [cash("A", 1)]}), None, DIRECTORY, RATES)
    assert (outcome.state, outcome.breaks) == (RunState.INCOMPLETE, ())
    assert [outcome.account_state(i) for i in range(3)] == [AccountState.INCOMPLETE] * 3


def test_rec_1_yesterdays_file_is_a_missing_file():
    outcome = reconcile(expectation({}, as_of=NEXT), snapshot({}, as_of=AS_OF), DIRECTORY, RATES)
    assert outcome.state is RunState.INCOMPLETE and "2026-03-02" in outcome.reasons[0]


def test_rec_1_a_missing_section_is_incomplete_and_never_read_as_flat():
    ours = {"positions": [position("A", "XYZ", 10, "50")], "cash_td": [cash("A", 1)]}
    outcome = reconcile(expectation(ours), snapshot({"cash_td": [cash("A", 900)]}, missing=(ItemKind.POSITION,)), DIRECTORY, RATES)
    assert outcome.state is RunState.INCOMPLETE and summary(outcome) == [("CASH_TD", "CASH", True)]
    assert outcome.account_state(2) is AccountState.INCOMPLETE


def test_i_7_an_account_that_is_not_reported_is_incomplete_not_flat():
    ours = {"positions": [position("A", "XYZ", 10, "50"), position("B", "XYZ", 10, "50")]}
    outcome = reconcile(expectation(ours), snapshot({"positions": ours["positions"][:1]}, covered="AC"), DIRECTORY, RATES)
    assert (outcome.state, outcome.breaks) == (RunState.INCOMPLETE, ())
    assert [outcome.account_state(i) for i in range(3)] == [AccountState.OK, AccountState.INCOMPLETE, AccountState.OK]


def test_rec_1_an_empty_position_equals_none():
    assert run({"positions": [position("A", "XYZ", 0, "50")]}, {}).breaks == ()
    assert run({}, {"cash_td": [cash("A", 0)]}).breaks == ()


def test_rec_1_a_side_that_holds_something_twice_is_a_programming_error():
    twice = {"positions": [position("A", "XYZ", 1, "50"), position("A", "XYZ", 1, "50")]}
    with pytest.raises(ValueError, match="repeats"):
        run(twice, {})


def test_rec_1_open_timing_is_kept_while_the_file_is_missing():
    first = run({"trades": [trade("A", "XYZ", 100, "50", "e")]}, {"trades": [trade("A", "XYZ", 100, "50", "e", settles=date(2026, 3, 4))]})
    outcome = reconcile(expectation({}, as_of=NEXT, open_timing=first.open_timing), None, DIRECTORY, RATES)
    assert np.array_equal(outcome.open_timing.their_settle_day, [to_day(date(2026, 3, 4))])
