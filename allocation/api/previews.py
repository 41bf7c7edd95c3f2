"""A preview as an answer: what each account would get, and what each rule left of it."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from base.api import shapes

from ..core.scales import MICRO
from ..enums import Reason, Rule
from ..services import PreviewFacts

_LINE = shapes.record(
    {
        "account_id": shapes.UUID,
        "account": shapes.TEXT,
        "raw": shapes.DECIMAL,
        "after_rules": shapes.many(shapes.record({"rule": shapes.TEXT, "lots": shapes.INTEGER})),
        "binding_rule": shapes.choice(Rule),
        "clause": shapes.TEXT,
        "reason": shapes.choice(Reason),
        "quantity": shapes.DECIMAL,
    }
)
EXCLUDED = shapes.many(shapes.record({"account_id": shapes.UUID, "account": shapes.TEXT, "finding": shapes.TEXT, "reason": shapes.TEXT}))
PREVIEW = shapes.record(
    {
        "id": shapes.UUID,
        "signal_id": shapes.UUID,
        "journey_id": shapes.UUID,
        "hash": shapes.TEXT,
        "expires_at": shapes.INSTANT,
        "symbol": shapes.TEXT,
        "price": shapes.DECIMAL,
        "price_as_of": shapes.INSTANT,
        "price_source": shapes.TEXT,
        "lot_step": shapes.DECIMAL,
        "buy_quantity": shapes.DECIMAL,
        "sell_quantity": shapes.DECIMAL,
        "lines": shapes.many(_LINE),
        "excluded": EXCLUDED,
    }
)


def preview_answer(facts: PreviewFacts) -> dict[str, Any]:
    """Return the preview as plain values. raw, quantity: units of the instrument; after_rules: whole lots, in the order applied."""
    sized = facts.sized
    quantity = [Decimal(q).scaleb(-8) for q in sized.result.quantity[:, 0].tolist()]
    return {
        "id": facts.id,
        "signal_id": sized.signal.id,
        "journey_id": sized.signal.journey_id,
        "hash": facts.hash,
        "expires_at": facts.expires_at,
        "symbol": sized.instrument.symbol,
        "price": sized.price,
        "price_as_of": sized.quote.as_of,
        "price_source": sized.quote.source,
        "lot_step": sized.instrument.lot_step,
        "buy_quantity": sum((q for q in quantity if q > 0), Decimal(0)),
        "sell_quantity": -sum((q for q in quantity if q < 0), Decimal(0)),
        "lines": _lines(facts, quantity),
        "excluded": [{"account_id": e.account_id, "account": e.code, "finding": e.finding, "reason": e.reason} for e in sized.excluded],
    }


def _lines(facts: PreviewFacts, quantity: list[Decimal]) -> list[dict[str, Any]]:
    sized = facts.sized
    result, rules, reasons = sized.result, list(Rule), list(Reason)
    names = [rule.value for rule, _ in result.stages]
    stages = list(zip(*(lots[:, 0].tolist() for _, lots in result.stages), strict=True)) or [()] * len(quantity)
    step = sized.instrument.lot_step / MICRO
    columns = zip(
        sized.account_ids,
        sized.accounts.codes,
        sized.accounts.mandate_ids,
        result.raw[:, 0].tolist(),
        stages,
        result.binding[:, 0].tolist(),
        result.reason[:, 0].tolist(),
        quantity,
        strict=True,
    )
    return [
        {
            "account_id": account_id,
            "account": code,
            "raw": raw * step,
            "after_rules": [{"rule": rule, "lots": lots} for rule, lots in zip(names, after, strict=True)],
            "binding_rule": rules[binding].value,
            "clause": sized.clauses.get(str(mandate_id), "") if rules[binding] in _BY_MANDATE else "",
            "reason": reasons[reason].value,
            "quantity": wanted,
        }
        for account_id, code, mandate_id, raw, after, binding, reason, wanted in columns
    ]


_BY_MANDATE = {Rule.MANDATE, Rule.MANDATE_CAP, Rule.LONG_ONLY}
