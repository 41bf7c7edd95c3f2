"""The day in words: each journey as a short timeline in the order of time, then the evening and a summary.

A list that would be long is cut, and says how much it leaves out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Protocol

from django.conf import settings

from base.core.ids import plain_decimal

from .facts import BREAKS, EXECUTIONS, GATES, LINES, ORDERS, PARENTS, SHARES, SIGNAL, rows, statement_pdf
from .script import Journey, Tour

SHOWN = 8
FEW = 4
WIDTH = 140
_RULES = {
    "SIZ-2.class": "cap of its class or contract",
    "SIZ-2.mandate": "cap of its mandate",
    "CST-4.buying_power": "cash available",
    "CST-3.long_only": "what it holds",
    "SIZ-5.minimum": "smallest order",
}


class Output(Protocol):
    """Where lines go."""

    def write(self, text: str) -> object: ...


def print_tour(tour: Tour, failures: list[str], out: Output, pdf: Path | None) -> None:
    """Print every journey and the summary; write the statement."""
    label = "   SIMULATED market" if tour.market.is_simulated else "   real bars, paper venue"
    out.write(f"\n{tour.market.start:%A, %d %B %Y}{label}")
    for number, journey in enumerate(tour.journeys, start=1):
        _print_journey(tour, number, journey, out)
    _print_evening(tour, out, pdf)
    _print_summary(tour, failures, out)


def _print_journey(tour: Tour, number: int, journey: Journey, out: Output) -> None:
    firm, key = tour.firm.firm_id, journey.facts.journey_id
    out.write(f"\n{number}  {journey.title}")
    signal = rows(firm, SIGNAL, key)[0]
    what = f"close {_rate(signal['figure'])} of" if signal["method"] == "close" else f"{_rate(signal['figure'])} of equity in"
    _line(out, journey.at, "signal", f"{what} {journey.symbol}   journey {key}")
    for text in journey.facts.blocked:
        _line(out, None, "gate 1", f"BLOCKED, nothing is released: {text}")
    _print_sizing(rows(firm, LINES, key), out)
    gates = rows(firm, GATES, key)
    _print_gates([gate for gate in gates if gate["gate"] == 1 and not journey.facts.blocked], out)
    orders = rows(firm, ORDERS, key)
    for parent in rows(firm, PARENTS, key):
        _print_parent(parent, len({order["slice"] for order in orders if order["slice"] is not None}), out)
    _print_gates([gate for gate in gates if gate["gate"] == 2], out)
    _print_orders(orders, rows(firm, EXECUTIONS, key), out)
    _print_bookings(orders, rows(firm, SHARES, key), out)


def _print_sizing(lines: Sequence[dict[str, Any]], out: Output) -> None:
    """Say who is left out, what each account wanted and got, and which rule bound."""
    if not lines:
        return
    _line(out, lines[0]["decided_at"], "sized", f"at {_n(lines[0]['decision_price'])}, frozen as statement {lines[0]['hash'][:16]}…")
    for item in lines[0]["excluded"][:FEW]:
        out.write(f"               {item['code']:8} left out    {item['finding']}: {item['reason']}")
    _more(out, len(lines[0]["excluded"]) - FEW, "accounts left out")
    for line in lines[:SHOWN]:
        rule = line["binding_rule"]
        bound = "" if rule == "none" else f"   bound by {rule} ({_RULES[rule]})" if rule in _RULES else f"   bound by {rule}"
        out.write(f"               {line['code']:8} wanted {_n(line['raw']):>12}   ordered {_n(line['quantity']):>8}{bound}")
    if len(lines) > SHOWN:
        bound_by = Counter(line["binding_rule"] for line in lines)
        told = ", ".join(f"{count} bound by {rule}" if rule != "none" else f"{count} in full" for rule, count in bound_by.most_common())
        _more(out, len(lines) - SHOWN, f"accounts; of all {len(lines)}: {told}")


def _print_gates(gates: Sequence[dict[str, Any]], out: Output) -> None:
    """Sum what passed, name the first that were refused."""
    passed = [gate for gate in gates if not gate["rule"]]
    if passed:
        number = passed[0]["gate"]
        what = "order" if number == 1 else "lots of accounts"
        _line(out, passed[0]["decided_at"], f"gate {number}", f"passed, {sum(gate['orders'] for gate in passed)} {what}")
    refused = [gate for gate in gates if gate["rule"]]
    for gate in refused[:FEW]:
        _line(out, gate["decided_at"], f"gate {gate['gate']}", f"refused: {gate['message']}")
    _more(out, len(refused) - FEW, "lots refused")


def _print_parent(parent: dict[str, Any], slices: int, out: Output) -> None:
    route = parent["route"].lower().replace("_", " ").replace("twap", "TWAP") + (f" in {slices} slices" if slices else "")
    volume = f" (one-minute volume {_n(parent['one_minute_volume'])})" if parent["one_minute_volume"] else ""
    carried = f", {_n(parent['carried_qty'])} left for another day" if parent["carried_qty"] else ""
    told = f"{parent['side'].lower()} {_n(parent['quantity'])} by {route}{volume}: {_n(parent['filled_qty'])} filled{carried}"
    _line(out, parent["created_at"], "parent", told)


def _print_orders(orders: Sequence[dict[str, Any]], executions: Sequence[dict[str, Any]], out: Output) -> None:
    for order in orders[:FEW]:
        what = "a block" if order["is_block"] else order["account"]
        part = f" slice {order['slice'] + 1}" if order["slice"] is not None else ""
        limit = f"{_n(order['quantity'])} at {_n(order['limit_price'])} or better"
        reason = f" ({order['reason']})" if order["reason"] else ""
        _line(
            out,
            order["created_at"],
            "order",
            f"{order['connection']:7} {what:8}{part} {limit}: {order['state'].lower()}, {_n(order['filled_qty'])} filled{reason}",
        )
    _more(out, len(orders) - FEW, "orders")
    if executions:
        total = sum((e["last_qty"] for e in executions), Decimal(0))
        first, last = executions[0]["executed_at"], executions[-1]["executed_at"]
        _line(out, first, "fills", f"{len(executions)} executions until {last:%H:%M:%S}, {_n(total)} in all")


def _print_bookings(orders: Sequence[dict[str, Any]], shares: Sequence[dict[str, Any]], out: Output) -> None:
    """Say what each account got: its own orders as they were filled, its share of a block at the block's average price."""
    own: dict[str, list[dict[str, Any]]] = {}
    for order in orders:
        if not order["is_block"] and order["filled_qty"]:
            own.setdefault(order["account"], []).append(order)
    for account, filled in list(own.items())[:FEW]:
        quantity = sum((order["filled_qty"] for order in filled), Decimal(0))
        money = sum((order["filled_notional"] for order in filled), Decimal(0))
        _line(out, None, "booked", f"{account:8} {_n(quantity):>8} at {money / quantity:.6f}, its own {_count(len(filled), 'order')}")
    _more(out, len(own) - FEW, "accounts with orders of their own")
    for share in shares[:SHOWN]:
        figures = f"{_n(share['quantity']):>8} at {share['average'] or 0:.6f} = {share['notional']:,.2f}, fee {share['fee']:.2f}"
        _line(out, share["booked_at"], "booked", f"{share['account']:8} {figures}, its share of the block")
    _more(out, len(shares) - SHOWN, "shares of blocks")


def _line(out: Output, at: datetime | None, what: str, text: str) -> None:
    """Write one line: the time (blank where it is the line's before), what happens, the figures; never wider than a screen."""
    line = f"   {f'{at:%H:%M:%S}' if at else '':8}  {what:10} {text}"
    out.write(line if len(line) <= WIDTH else line[: WIDTH - 1] + "…")


def _more(out: Output, count: int, what: str) -> None:
    if count > 0:
        out.write(f"               … and {count} more {what}")


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def _rate(figure: Decimal) -> str:
    return f"{_n(figure * 100)}%"


def _print_evening(tour: Tour, out: Output, pdf: Path | None) -> None:
    """Say what was falsified at the custodian, what reconciliation found, and where the statement is."""
    out.write("\nThe evening: the custodians' books are compared with ours")
    for plant in tour.planted:
        _line(out, tour.clock.now(), "planted", f"{plant['account']:8} {plant['what']} {plant['item']} falsified by {plant['delta']}")
    for row in rows(tour.firm.firm_id, BREAKS):
        weight = "material" if row["is_material"] else "within tolerance"
        kind = _KINDS.get(row["item_kind"], row["item_kind"])
        figures = f"ours {_n(row['ours'])}, custodian {_n(row['theirs'])} ({weight}, {row['rule']})"
        _line(out, None, "found", f"{row['account']:8} {kind} {row['item']}: {figures}")
    if tour.statement_id is not None:
        path = pdf or settings.VAR_DIR / "tour" / "statement.pdf"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(statement_pdf(tour.firm.firm_id, tour.statement_id))
        _line(out, None, "statement", "of A1 for the month, the only one of this tour:")
        out.write(f"               {path}")


_KINDS = {"POSITION": "position", "CASH_TD": "cash by trade date", "CASH_SD": "settled cash"}


def _print_summary(tour: Tour, failures: list[str], out: Output) -> None:
    out.write("\nSummary")
    sql = "SELECT count(*) AS n FROM {}"
    counts = {name: rows(tour.firm.firm_id, sql.format(table))[0]["n"] for name, table in _TABLES.items()}
    out.write("   " + ", ".join(f"{count} {name}" for name, count in counts.items()))
    out.write("   seconds: " + ", ".join(f"{name} {seconds:.1f}" for name, seconds in tour.seconds.items()))
    for failure in failures:
        out.write(f"   FAILED  {failure}")
    if not failures:
        out.write(
            "   every invariant holds: orders once, executions as the venue's, shares to the cent, ledger zero, clearing flat, books proved"
        )


_TABLES = {
    "accounts": "accounts_account WHERE NOT is_clearing",
    "orders": "execution_childorder",
    "executions": "execution_execution",
    "shares": "execution_share",
    "ledger entries": "accounts_ledgerentry",
    "audit events": "governance_auditevent",
}


def _n(value: Any) -> str:
    return "–" if value is None else plain_decimal(Decimal(value))
