"""The day as one JSON document: everything a stranger needs to recompute it."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from base.core.ids import plain_decimal

from .facts import ACCOUNTS, BREAKS, CASH, EXECUTIONS, GATES, LEDGER, LINES, ORDERS, PARENTS, POSITIONS, SHARES, SIGNAL, rows
from .script import Journey, Tour


def record(tour: Tour, failures: list[str]) -> dict[str, Any]:
    """Return the document. Numbers are exact decimals as text; instants are ISO 8601 UTC."""
    firm = tour.firm.firm_id
    return plain(
        {
            "market": {"simulated": tour.market.is_simulated, "start": tour.market.start, "close": tour.market.close},
            "instruments": [_instrument(facts) for facts in tour.market.instruments.values()],
            "opening": [
                {
                    "account": p.code,
                    "class": p.account_class,
                    "currency": p.currency,
                    "cash": dict(p.cash),
                    "own_cap": p.cap,
                    "custodian": p.lane,
                }
                for p in tour.firm.people
            ],
            "accounts_at_close": rows(firm, ACCOUNTS),
            "positions": rows(firm, POSITIONS),
            "cash": rows(firm, CASH),
            "signals": [_journey(firm, journey) for journey in tour.journeys],
            "ledger": rows(firm, LEDGER),
            "breaks": {"planted": tour.planted, "found": rows(firm, BREAKS)},
            "seconds": {name: f"{seconds:.3f}" for name, seconds in tour.seconds.items()},
            "failures": failures,
        }
    )


def _instrument(facts: Any) -> dict[str, Any]:
    names = ("id", "symbol", "kind", "currency", "tick", "lot_step", "multiplier", "min_quantity", "min_notional")
    return {name: getattr(facts, name) for name in names}


def _journey(firm: int, journey: Journey) -> dict[str, Any]:
    key = journey.facts.journey_id
    lines = rows(firm, LINES, key)
    head = lines[0] if lines else {}
    return {
        "title": journey.title,
        "journey_id": key,
        "signal": rows(firm, SIGNAL, key),
        "inputs": journey.inputs,
        "price": head.get("decision_price"),
        "statement_hash": head.get("hash"),
        "tie_seed": head.get("tie_seed"),
        "excluded": head.get("excluded", []),
        "accounts": [
            {
                "account": line["code"],
                "raw": line["raw"],
                "after_each_rule": dict(zip(line["rules"], line["after_rules"], strict=True)),
                "binding_rule": line["binding_rule"],
                "reason": line["reason"],
                "ordered": line["quantity"],
            }
            for line in lines
        ],
        "gates": rows(firm, GATES, key),
        "parents": rows(firm, PARENTS, key),
        "orders": rows(firm, ORDERS, key),
        "executions": rows(firm, EXECUTIONS, key),
        "shares": rows(firm, SHARES, key),
    }


def plain(value: Any) -> Any:
    """Return the value with decimals as exact text, instants as ISO 8601."""
    if isinstance(value, Decimal):
        return plain_decimal(value)
    if isinstance(value, (datetime, date)):
        return value.isoformat()
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    return value
