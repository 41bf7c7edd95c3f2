"""DESIGN §5 order states, RELIABILITY faults of the order path: the table and what reports change."""

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from execution.core.lifecycle import LIVE, MOVES, TERMINAL, Execution, OrderView, Report, base_state, is_allowed
from execution.core.order_reports import apply_report
from execution.enums import ExecType, FindingCode, OrderState

S, E, F = OrderState, ExecType, FindingCode
D = Decimal


def fill(exec_id, quantity, price="50", *, revision=0, kind=E.TRADE, status=None, cum=None):
    return Report(kind, status, Execution(exec_id, revision, D(quantity), D(price)), None if cum is None else D(cum))


def codes(change):
    return [item.code for item in change.findings]


def working(filled="0", quantity="100", state=None):
    order = OrderView(D(quantity), S.ACKED, D(filled), D(filled) * 50)
    return OrderView(D(quantity), state or base_state(order), D(filled), D(filled) * 50)


DESIGN_MOVES = {
    S.PENDING: {S.SENDING, S.DENIED, S.CANCELED, S.EXPIRED},
    S.SENDING: {S.ACKED, S.PARTIALLY_FILLED, S.FILLED, S.REJECTED, S.UNKNOWN},
    S.ACKED: {S.PARTIALLY_FILLED, S.FILLED, S.REJECTED, S.EXPIRED, S.PENDING_CANCEL, S.PENDING_REPLACE, S.CANCELED},
}


@pytest.mark.parametrize("state", DESIGN_MOVES)
def test_order_states_have_the_moves_of_the_design(state):
    fills = {S.PARTIALLY_FILLED, S.FILLED}
    assert MOVES[state] == DESIGN_MOVES[state] | fills


def test_order_states_forbid_what_the_design_forbids():
    assert set(MOVES) == set(OrderState) == TERMINAL | LIVE | {S.PENDING, S.SENDING, S.UNKNOWN}
    assert {S.FILLED, S.CANCELED, S.EXPIRED, S.REJECTED, S.DENIED} == TERMINAL
    assert not any({S.PENDING, S.SENDING} & after for state, after in MOVES.items() if state is not S.PENDING)
    assert [state for state, after in MOVES.items() if S.DENIED in after] == [S.PENDING]
    assert MOVES[S.REJECTED] == MOVES[S.DENIED] == {S.PARTIALLY_FILLED, S.FILLED}
    assert all({S.PARTIALLY_FILLED, S.FILLED} <= after | {state} for state, after in MOVES.items())


@pytest.mark.parametrize("state", OrderState)
def test_i3_a_fill_always_wins(state):
    order = OrderView(D(100), state, D(100) if state is S.FILLED else D(0), D(5000) if state is S.FILLED else D(0))
    change = apply_report(order, fill("E1", 100))
    assert change.order.state is S.FILLED and change.book is not None
    assert change.order.filled_qty == order.filled_qty + 100


def test_i3_a_partial_fill_after_the_cancel_is_booked_and_does_not_revive_the_order():
    change = apply_report(OrderView(D(100), S.CANCELED), fill("E1", 40))
    assert (change.order.state, change.order.filled_qty, change.order.leaves_qty) == (S.CANCELED, 40, 0)
    assert F.FILL_AFTER_END in codes(change)
    assert apply_report(change.order, fill("E2", 60)).order.state is S.FILLED


def test_i3_the_broker_asked_about_a_canceled_order_may_revive_it():
    change = apply_report(OrderView(D(100), S.CANCELED, D(40), D(2000)), Report(E.ORDER_STATUS, S.PARTIALLY_FILLED))
    assert change.order.state is S.PARTIALLY_FILLED and F.REVIVED in codes(change)


def test_i5_an_overfill_is_booked_and_alarmed():
    change = apply_report(working("90"), fill("E2", 30))
    assert (change.order.filled_qty, change.order.overfill_qty, change.order.leaves_qty) == (120, 20, 0)
    assert [(x.code, x.number, x.limit, x.is_alarm) for x in change.findings] == [(F.OVERFILL, 120, 100, True)]
    again = apply_report(change.order, fill("E2", 30), Execution("E2", 0, D(30), D(50)))
    assert F.OVERFILL not in codes(again)


def test_i3_a_duplicate_fill_skips_the_booking_only_and_processes_its_status():
    known = Execution("E1", 0, D(40), D(50))
    change = apply_report(working("40"), fill("E1", 40, status=S.CANCELED), known)
    assert (change.book, change.reverse, change.order.filled_qty) == (None, None, 40)
    assert change.order.state is S.CANCELED and codes(change) == [F.DUPLICATE] and not change.findings[0].is_alarm


def test_i3_one_execution_id_with_two_contents_is_a_conflict_and_not_booked():
    change = apply_report(working("40"), fill("E1", 41), Execution("E1", 0, D(40), D(50)))
    assert change.book is None and codes(change) == [F.CONFLICT] and change.ask_broker


def test_i3_a_cumulative_figure_is_never_authoritative():
    change = apply_report(working("40"), fill("E3", 10, cum=70, status=S.PARTIALLY_FILLED))
    assert change.order.filled_qty == 50 and change.ask_broker
    assert [(x.code, x.number, x.limit) for x in change.findings] == [(F.CUMULATIVE_MISMATCH, 70, 50)]
    lost = apply_report(working("40"), fill("E3", 10, status=S.FILLED))
    assert lost.order.state is S.PARTIALLY_FILLED and lost.ask_broker
    overtaken = apply_report(change.order, fill("E2", 20, cum=60))
    assert codes(overtaken) == [] and overtaken.order.filled_qty == 70


def test_i4_a_correction_reverses_and_rebooks():
    known = Execution("E1", 0, D(40), D(50))
    change = apply_report(working("40"), fill("E1", 30, "50.5", revision=1, kind=E.TRADE_CORRECT), known)
    assert (change.reverse, change.book) == (known, Execution("E1", 1, D(30), D("50.5")))
    assert (change.order.filled_qty, change.order.avg_px) == (30, Fraction(101, 2))


def test_con_1_notionals_longer_than_28_digits_stay_exact():
    quantity, price = "123456789012.1234567890", "61234.1234567891"
    change = apply_report(OrderView(D(quantity) * 2, S.ACKED), fill("E1", quantity, price))
    assert change.order.avg_px == Fraction(price) and change.order.filled_qty == D(quantity)


def test_i4_a_bust_takes_a_filled_order_back():
    change = apply_report(working("100"), fill("E2", 0, revision=1, kind=E.TRADE_CANCEL), Execution("E2", 0, D(60), D(50)))
    assert (change.order.state, change.order.filled_qty, change.order.leaves_qty) == (S.PARTIALLY_FILLED, 40, 60)
    whole = apply_report(working("100"), fill("E2", 0, revision=1, kind=E.TRADE_CANCEL), Execution("E2", 0, D(100), D(50)))
    assert (whole.order.state, whole.order.avg_px) == (S.ACKED, None)


def test_i3_a_bust_before_its_fill_leaves_a_mark_that_stops_the_fill():
    bust = apply_report(working("40"), fill("E9", 0, revision=1, kind=E.TRADE_CANCEL))
    assert bust.book == Execution("E9", 1, D(0), D(50)) and bust.ask_broker and F.UNKNOWN_EXECUTION in codes(bust)
    late = apply_report(bust.order, fill("E9", 25), bust.book)
    assert late.order.filled_qty == 40 and codes(late) == [F.STALE]


def test_rte_7_unanswered_is_unknown_and_only_evidence_ends_it():
    change = apply_report(OrderView(D(100), S.SENDING), Report(E.UNANSWERED))
    assert change.order.state is S.UNKNOWN and change.ask_broker
    assert apply_report(change.order, Report(E.UNANSWERED)).order.state is S.UNKNOWN
    assert apply_report(change.order, Report(E.NEW)).order.state is S.ACKED
    assert apply_report(change.order, Report(E.REJECTED)).order.state is S.REJECTED
    assert not {S.PENDING, S.SENDING, S.DENIED} & MOVES[S.UNKNOWN]


def test_rte_7_negative_evidence_is_reversible():
    absent = apply_report(OrderView(D(100), S.UNKNOWN), Report(E.ABSENT)).order
    assert (absent.state, absent.declared_absent) == (S.CANCELED, True)
    late_ack = apply_report(absent, Report(E.NEW))
    assert (late_ack.order.state, late_ack.order.declared_absent, codes(late_ack)) == (S.ACKED, False, [F.REVIVED])
    late_fill = apply_report(absent, fill("E1", 40))
    assert (late_fill.order.state, late_fill.order.declared_absent) == (S.PARTIALLY_FILLED, False)
    confirmed = apply_report(absent, Report(E.CANCELED))
    assert (confirmed.order.state, confirmed.order.declared_absent) == (S.CANCELED, False)
    assert apply_report(absent, Report(E.ABSENT)).order == absent


def test_rte_7_an_order_with_fills_is_never_declared_absent():
    change = apply_report(OrderView(D(100), S.UNKNOWN, D(10), D(500)), Report(E.ABSENT))
    assert change.order.state is S.UNKNOWN and codes(change) == [F.CONTRADICTION]


def test_a_late_ack_after_the_cancel_is_only_stale():
    change = apply_report(OrderView(D(100), S.CANCELED), Report(E.NEW))
    assert change.path == () and codes(change) == [F.STALE]


def test_an_end_as_first_word_passes_through_the_acknowledgement():
    assert apply_report(OrderView(D(100), S.SENDING), Report(E.EXPIRED)).path == (S.ACKED, S.EXPIRED)
    assert apply_report(OrderView(D(100), S.PENDING), Report(E.CANCELED)).path == (S.CANCELED,)
    ioc = apply_report(OrderView(D(100), S.SENDING), fill("E1", 40, status=S.CANCELED))
    assert ioc.path == (S.ACKED, S.CANCELED) and ioc.order.filled_qty == 40


def test_a_pending_order_the_broker_already_knows_is_never_left_to_be_sent():
    change = apply_report(OrderView(D(100), S.PENDING), Report(E.NEW))
    assert change.path == (S.SENDING, S.ACKED) and F.UNSENT_ORDER_REPORTED in codes(change)


def test_cancel_and_fill_race_pending_cancel_is_not_terminal():
    pending = working("0", state=S.PENDING_CANCEL)
    partly = apply_report(pending, fill("E1", 40)).order
    assert (partly.state, partly.leaves_qty) == (S.PENDING_CANCEL, 60)
    assert apply_report(partly, Report(E.CANCEL_REJECTED, S.PARTIALLY_FILLED)).order.state is S.PARTIALLY_FILLED
    assert apply_report(partly, fill("E2", 60)).order.state is S.FILLED


def test_a_cancel_refused_because_the_order_is_not_known_is_unknown():
    change = apply_report(working(state=S.PENDING_CANCEL), Report(E.CANCEL_REJECTED, S.REJECTED))
    assert change.order.state is S.UNKNOWN and change.ask_broker


def test_replace_below_the_filled_quantity_is_an_overfill():
    change = apply_report(working("70", state=S.PENDING_REPLACE), Report(E.REPLACED, new_quantity=D(50)))
    assert (change.order.state, change.order.overfill_qty) == (S.FILLED, 20) and F.OVERFILL in codes(change)


def test_a_rejection_of_what_has_traded_ends_the_rest():
    assert apply_report(working("40"), Report(E.REJECTED)).order.state is S.CANCELED


@pytest.mark.parametrize(
    ("kind", "execution"), [(E.TRADE, None), (E.TRADE, Execution("E", 0, D(-1), D(1))), (E.TRADE_CANCEL, Execution("E", 1, D(1), D(1)))]
)
def test_malformed_trades_are_a_programmers_mistake(kind, execution):
    with pytest.raises(ValueError):
        apply_report(working(), Report(kind, None, execution))


EXECUTIONS = st.builds(
    Execution, st.sampled_from(["E1", "E2", "E3", "E4"]), st.integers(0, 2), st.integers(0, 80).map(D), st.integers(1, 99).map(D)
)


@st.composite
def reports(draw):
    kind = draw(st.sampled_from(list(ExecType)))
    status = draw(st.none() | st.sampled_from(list(OrderState)))
    execution = draw(EXECUTIONS)
    if kind is E.TRADE:
        execution = Execution(execution.broker_exec_id, 0, execution.quantity + 1, execution.price)
    elif kind is E.TRADE_CANCEL:
        execution = Execution(execution.broker_exec_id, execution.revision + 1, D(0), execution.price)
    elif kind is E.TRADE_CORRECT:
        execution = Execution(execution.broker_exec_id, execution.revision + 1, execution.quantity, execution.price)
    return Report(kind, status, execution, draw(st.none() | st.integers(0, 200).map(D)), D(draw(st.integers(1, 150))))


@given(start=st.sampled_from([S.PENDING, S.SENDING, S.ACKED, S.UNKNOWN]), stream=st.lists(reports(), max_size=25))
def test_i5_the_state_machine_never_leaves_the_table(start, stream):
    order, ledger = OrderView(D(100), start), {}
    for report in stream:
        key = report.execution.broker_exec_id
        change = apply_report(order, report, ledger.get(key))
        for before, after in zip((order.state, *change.path), change.path, strict=False):
            assert after in MOVES[before]
        assert change.order.state is (change.path[-1] if change.path else order.state)
        if change.book:
            assert change.reverse == ledger.get(key)
            ledger[key] = change.book
        order = change.order
        assert order.filled_qty == sum(x.quantity for x in ledger.values()) >= 0
        assert order.filled_notional == sum(x.quantity * x.price for x in ledger.values())
        assert (order.state is S.FILLED) == (order.quantity <= order.filled_qty)
        assert 0 <= order.leaves_qty <= order.quantity


@given(stream=st.permutations([("A", 10), ("B", 20), ("C", 30), ("D", 40), ("B", 20), ("A", 10)]))
def test_i7_any_order_of_fills_and_duplicates_ends_in_the_same_place(stream):
    order, ledger = OrderView(D(100), S.SENDING), {}
    for exec_id, quantity in stream:
        change = apply_report(order, fill(exec_id, quantity), ledger.get(exec_id))
        order = change.order
        if change.book:
            ledger[exec_id] = change.book
    assert (order.state, order.filled_qty, order.avg_px) == (S.FILLED, 100, 50)


def test_is_allowed_agrees_with_the_table():
    assert all(is_allowed(a, b) == (a is b or b in MOVES[a]) for a in OrderState for b in OrderState)
