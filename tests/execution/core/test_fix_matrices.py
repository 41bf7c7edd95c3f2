"""FIX appendix D order state matrices played into the order (read in place, not copied)."""

import json
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import pytest

from execution.core.lifecycle import Execution, OrderView, Report, is_allowed
from execution.core.order_reports import apply_report
from execution.enums import ExecType, OrderState

PLACES = [folder / "shared/data/fix/order_state/order_state_matrices.json" for folder in Path(__file__).resolve().parents[4:6]]
SOURCE = next((place for place in PLACES if place.exists()), None)
MATRICES = {m["id"]: m for m in json.loads(SOURCE.read_text())["matrices"]} if SOURCE else {}
ORDERS = [matrix_id for matrix_id in MATRICES if matrix_id != "7a-4.3"]
pytestmark = pytest.mark.skipif(not MATRICES, reason="the FIX order state matrices (shared/data/fix/order_state) are not on this machine")

S = OrderState
STATUS = {
    "0": S.ACKED, "1": S.PARTIALLY_FILLED, "2": S.FILLED, "4": S.CANCELED, "6": S.PENDING_CANCEL, "8": S.REJECTED, "C": S.EXPIRED,
    "E": S.PENDING_REPLACE, "3": None,
}  # fmt: skip
KIND = {
    "0": ExecType.NEW, "1": ExecType.TRADE, "2": ExecType.TRADE, "F": ExecType.TRADE, "3": ExecType.DONE_FOR_DAY, "4": ExecType.CANCELED,
    "5": ExecType.REPLACED, "6": ExecType.PENDING_CANCEL, "8": ExecType.REJECTED, "C": ExecType.EXPIRED, "D": ExecType.RESTATED,
    "E": ExecType.PENDING_REPLACE, "G": ExecType.TRADE_CORRECT, "H": ExecType.TRADE_CANCEL,
}  # fmt: skip


def to_report(step, number):
    """Map one outgoing row of a matrix on our report."""
    status, cum = STATUS[step["tag39"]], Decimal(step["cum_qty"]) if "cum_qty" in step else None
    if step["msg"] == "9":
        return Report(ExecType.CANCEL_REJECTED, status, cum_qty=cum)
    kind = KIND[step["tag150"]]
    if step.get("tag20") == "1":
        return Report(ExecType.TRADE_CANCEL, status, Execution(step["exec_ref_id"], 1, Decimal(0), Decimal(0)), cum)
    execution = None
    if kind is ExecType.TRADE:
        execution = Execution(step.get("exec_id", f"E{number}"), 0, Decimal(step["last_qty"]), Decimal(step.get("last_px", "50")))
    return Report(kind, status, execution, cum, Decimal(step["order_qty"]) if kind is ExecType.REPLACED else None)


def play(matrix, *, mark_requests, stop_at=None):
    """Yield (step, change) for every accepted branch; `stop_at` takes one reject branch instead, as the last step."""
    order, ledger = OrderView(Decimal(10000), S.SENDING), {}
    for number, step in enumerate(matrix["steps"]):
        if step["direction"] == "in":
            wanted = {"F": S.PENDING_CANCEL, "G": S.PENDING_REPLACE}.get(step["msg"])
            if mark_requests and wanted and is_allowed(order.state, wanted) and order.state is not wanted:
                order = OrderView(order.quantity, wanted, order.filled_qty, order.filled_notional)
            continue
        if step.get("alternative") and number != stop_at:
            continue
        report = to_report(step, number)
        key = report.execution.broker_exec_id if report.execution else None
        change = apply_report(order, report, ledger.get(key))
        if change.book:
            ledger[key] = change.book
        order = change.order
        yield step, change
        if number == stop_at:
            return


@pytest.mark.parametrize("matrix_id", ORDERS)
@pytest.mark.parametrize("mark_requests", [True, False])
def test_fix_appendix_d_quantities(matrix_id, mark_requests):
    for step, change in play(MATRICES[matrix_id], mark_requests=mark_requests):
        if step["msg"] == "8":
            assert (change.order.filled_qty, change.order.leaves_qty) == (Decimal(step["cum_qty"]), Decimal(step["leaves_qty"])), step
            assert change.findings == () or "exec_ref_id" in step or step.get("last_px") == "51", (step, change.findings)


@pytest.mark.parametrize("matrix_id", ORDERS)
def test_fix_appendix_d_statuses(matrix_id):
    for step, change in play(MATRICES[matrix_id], mark_requests=False):
        assert change.order.state is (STATUS[step["tag39"]] or S.PARTIALLY_FILLED), step


@pytest.mark.parametrize("matrix_id", ORDERS)
def test_fix_appendix_d_statuses_with_our_own_requests_marked(matrix_id):
    waiting = {S.PENDING_CANCEL, S.PENDING_REPLACE}
    for step, change in play(MATRICES[matrix_id], mark_requests=True):
        assert change.order.state in {STATUS[step["tag39"]] or S.PARTIALLY_FILLED} | waiting, step
    assert change.order.state is STATUS[step["tag39"]]


REJECTS = [(i, n) for i in ORDERS for n, step in enumerate(MATRICES[i]["steps"]) if step.get("alternative")]


@pytest.mark.parametrize(("matrix_id", "row"), REJECTS)
def test_fix_appendix_d_reject_branches(matrix_id, row):
    *_, (step, change) = play(MATRICES[matrix_id], mark_requests=True, stop_at=row)
    assert change.order.state is STATUS[step["tag39"]]


def test_fix_d35_a_bust_after_the_cancel_and_a_new_execution_keep_the_average():
    *_, (_, bust), (_, last) = play(MATRICES["D35"], mark_requests=True)
    assert (bust.order.filled_qty, bust.reverse.quantity, bust.order.state) == (0, 5000, S.CANCELED)
    assert (last.order.filled_qty, last.order.avg_px, last.order.leaves_qty, last.order.state) == (4000, Fraction(51), 0, S.CANCELED)


def test_fix_7a_a_cancel_of_an_order_the_broker_does_not_know_consumes_nothing():
    step = next(s for s in MATRICES["7a-4.3"]["steps"] if s["direction"] == "out")
    change = apply_report(OrderView(Decimal(10000), S.PENDING_CANCEL), to_report(step, 0))
    assert (change.order.state, change.order.filled_qty) == (S.UNKNOWN, 0)
