"""The day in words: each journey as a short timeline, then a summary."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any, Protocol

from django.conf import settings

from base.core.ids import plain_decimal

from .facts import BREAKS, EXECUTIONS, GATES, LINES, ORDERS, PARENTS, SHARES, rows, statement_pdf
from .script import Journey, Tour

SHOWN = 8


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
    out.write(f"   {journey.at:%H:%M:%S}  signal     {journey.symbol}   journey {key}")
    for text in journey.facts.blocked:
        out.write(f"             gate 1     BLOCKED: {text}")
    lines = rows(firm, LINES, key)
    if lines:
        out.write(f"             statement  {lines[0]['hash'][:16]}…  price {_n(lines[0]['decision_price'])}")
        for item in lines[0]["excluded"]:
            out.write(f"               {item['code']:8} left out: {item['finding']} – {item['reason']}")
        for line in lines[:SHOWN]:
            out.write(_line(line))
        if len(lines) > SHOWN:
            out.write(f"               … and {len(lines) - SHOWN} accounts more")
    for gate in rows(firm, GATES, key)[:SHOWN]:
        rule = f" {gate['rule']} {_n(gate['number'])} against {_n(gate['limit'])}: {gate['message']}" if gate["rule"] else ""
        out.write(f"   {gate['decided_at']:%H:%M:%S}  gate {gate['gate']}     {gate['outcome'].lower()}, {gate['orders']} lots{rule}")
    for parent in rows(firm, PARENTS, key):
        carried = f", {_n(parent['carried_qty'])} carried" if parent["carried_qty"] else ""
        volume = f", one-minute volume {_n(parent['one_minute_volume'])}" if parent["one_minute_volume"] else ""
        out.write(
            f"   {parent['created_at']:%H:%M:%S}  {parent['side'].lower():9}  {_n(parent['quantity'])} by {parent['route'].lower().replace('_', ' ')}"
            f"{volume}: {parent['state'].lower()}, {_n(parent['filled_qty'])} filled{carried}"
        )
    _print_orders(tour, key, out)
    for order in [o for o in rows(firm, ORDERS, key) if not o["is_block"] and o["filled_qty"]][:SHOWN]:
        average = order["filled_notional"] / order["filled_qty"]
        out.write(f"             booked     {order['account']:8} {_n(order['filled_qty']):>8} at {average:.6f}, as it was filled")
    shares = rows(firm, SHARES, key)
    for share in shares[:SHOWN]:
        out.write(
            f"   {share['booked_at']:%H:%M:%S}  booked     {share['account']:8} {_n(share['quantity']):>8} at {share['average'] or 0:.6f} = {share['notional']:,.2f}, fee {share['fee']:.2f}"
        )
    if len(shares) > SHOWN:
        out.write(f"               … and {len(shares) - SHOWN} shares more")


def _print_orders(tour: Tour, key: Any, out: Output) -> None:
    orders, executions = rows(tour.firm.firm_id, ORDERS, key), rows(tour.firm.firm_id, EXECUTIONS, key)
    for order in orders[:SHOWN]:
        part = f" slice {order['slice']}" if order["slice"] is not None else ""
        what = "block" if order["is_block"] else order["account"]
        out.write(
            f"   {order['created_at']:%H:%M:%S}  order      {order['connection']:7} {what:8}{part} {_n(order['quantity'])} @ ≤ {_n(order['limit_price'])}"
            f" → {order['state'].lower()} {_n(order['filled_qty'])}{' (' + order['reason'] + ')' if order['reason'] else ''}"
        )
    if len(orders) > SHOWN:
        out.write(f"               … and {len(orders) - SHOWN} orders more")
    if executions:
        first, last = executions[0]["executed_at"], executions[-1]["executed_at"]
        total = sum((e["last_qty"] for e in executions), Decimal(0))
        out.write(f"   {last:%H:%M:%S}  fills      {len(executions)} executions, {_n(total)} in all, {first:%H:%M:%S}–{last:%H:%M:%S}")


def _line(line: dict[str, Any]) -> str:
    rule = "" if line["binding_rule"] == "none" else f"   {line['binding_rule']}"
    return f"               {line['code']:8} wanted {_n(line['raw']):>12}  ordered {_n(line['quantity']):>8}{rule}"


def _print_evening(tour: Tour, out: Output, pdf: Path | None) -> None:
    out.write(
        f"\nThe evening\n   {tour.clock.now():%H:%M:%S}  planted    "
        + "; ".join(f"{p['account']} {p['item']} {p['delta']}" for p in tour.planted)
    )
    for row in rows(tour.firm.firm_id, BREAKS):
        weight = "material" if row["is_material"] else "within tolerance"
        out.write(
            f"             break      {row['account']:8} {row['break_type']} {row['item_kind']} {row['item']}: ours {_n(row['ours'])}, custodian {_n(row['theirs'])} ({weight}, {row['rule']})"
        )
    if tour.statement_id is not None:
        path = pdf or settings.VAR_DIR / "tour" / "statement.pdf"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(statement_pdf(tour.firm.firm_id, tour.statement_id))
        out.write(f"             statement  {path}")


def _print_summary(tour: Tour, failures: list[str], out: Output) -> None:
    out.write("\nSummary")
    sql = "SELECT count(*) AS n FROM {}"
    counts = {name: rows(tour.firm.firm_id, sql.format(table))[0]["n"] for name, table in _TABLES.items()}
    out.write("   " + ", ".join(f"{count} {name}" for name, count in counts.items()))
    out.write("   " + ", ".join(f"{name} {seconds:.2f} s" for name, seconds in tour.seconds.items()))
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
