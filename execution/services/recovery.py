"""The only way a session starts, and the way it makes sure while it runs: ask the broker, then trade (DESIGN §2, R8).

Entry points: `recover`, `sweep`.

Invariants:
1. Nothing is claimed before executions are complete and every order that may live at the broker was asked about.
2. Evidence is the broker's word only; what an incomplete answer leaves out stays as it was.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from base import tenancy

from ..core.lifecycle import LIVE
from ..gateways.base import GatewayError
from ..gateways.enums import VenueClass
from ..gateways.reports import OrderRef, OrderReport
from ..models import ChildOrder
from .evidence import of_order_report
from .lease import mark_reconciled
from .line import Line
from .listening import Heard, ask_orders, fetch_executions, hear_reports
from .reports import process
from .unknowns import ask_unknowns

ASKED_AT_ONCE = 200


def recover(line: Line, *, now: datetime) -> Heard:
    """Reconcile with the broker and open the way to new orders. Raises GatewayError, LeaseLost."""
    with line.transaction():
        mark_reconciled(connection_id=line.connection_id, epoch=line.epoch, is_reconciled=False)
    heard = fetch_executions(line, now=now)
    _merge(heard, hear_reports(line, now=now))
    _merge(heard, ask_unknowns(line, now=now, at_start=True))
    _merge(heard, sweep(line, now=now))
    with line.transaction():
        mark_reconciled(connection_id=line.connection_id, epoch=line.epoch, is_reconciled=True)
    return heard


def sweep(line: Line, *, now: datetime) -> Heard:
    """Ask about every order we believe to be working, then fetch executions, so that no lost report stays lost. Raises GatewayError."""
    heard = Heard()
    _ask_open(line, now, heard)
    _merge(heard, fetch_executions(line, now=now))
    settle(line, heard, now=now)
    return heard


def settle(line: Line, heard: Heard, *, now: datetime) -> None:
    """Fill the holes a batch of reports showed; what differs from the broker's figures even then is alarmed."""
    names = sorted(heard.ask | heard.mismatched)
    if not names or line.gateway.capabilities.venue_class is VenueClass.C:
        return
    executions = fetch_executions(line, now=now)
    answers = ask_orders(line, names, now=now, with_mismatches=True)
    heard.ask.clear()
    heard.mismatched.clear()
    heard.ended += executions.ended + answers.ended
    heard.executions += executions.executions


def _ask_open(line: Line, now: datetime, heard: Heard) -> None:
    ours = _open_orders(line)
    if not ours:
        return
    listing = line.gateway.open_orders()
    theirs = {_key(report.ref): report for report in listing}
    _take(line, [theirs[key] for key in ours if key in theirs], now, heard)
    missing = [ref for key, ref in ours.items() if key not in theirs]
    for start in range(0, len(missing), ASKED_AT_ONCE):
        answers = [report for ref in missing[start : start + ASKED_AT_ONCE] for report in _status(line, ref)]
        _take(line, answers, now, heard)
        line.renew()


def _status(line: Line, ref: OrderRef) -> Iterable[OrderReport]:
    try:
        return line.gateway.order_status(ref).items
    except GatewayError as error:
        if error.permanent:
            return ()
        raise


def _take(line: Line, reports: list[OrderReport], now: datetime, heard: Heard) -> None:
    for start in range(0, len(reports), 1_000):
        page = reports[start : start + 1_000]
        with line.transaction():
            processed = process(connection_id=line.connection_id, evidence=[of_order_report(report) for report in page], now=now)
        heard.add(processed, len(page))


def _open_orders(line: Line) -> dict[object, OrderRef]:
    """Return what should be working at the broker, by the key its reports carry."""
    with tenancy.firm(line.firm_id):
        rows = ChildOrder.objects.filter(connection_id=line.connection_id, state__in=[state.value for state in LIVE])
        named = list(rows.values_list("client_order_id", "broker_order_id", "session_epoch"))
    by_broker_id = line.gateway.capabilities.venue_class is VenueClass.C
    refs = [OrderRef("" if by_broker_id else name, broker_id, epoch) for name, broker_id, epoch in named]
    return {_key(ref): OrderRef(ref.client_order_id) if ref.client_order_id else ref for ref in refs}


def _key(ref: OrderRef) -> object:
    return ref.client_order_id or (ref.broker_order_id, ref.session_epoch)


def _merge(heard: Heard, more: Heard) -> None:
    heard.reports += more.reports
    heard.executions += more.executions
    heard.ended += more.ended
    heard.ask |= more.ask
    heard.mismatched |= more.mismatched
    heard.has_gap = heard.has_gap or more.has_gap
