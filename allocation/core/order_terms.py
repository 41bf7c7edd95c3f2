"""The part of a signal that says how to trade and what to hold afterwards: order type, limit, time in force, pace, stop and target.

Entry points: `OrderTerms`, `read_terms`, `senseless_terms`, `protected_side`, `misplaced`, `off_tick`. Invariants: 1. what is not stated is the house's to decide (RTE-1, RTE-2).
2. nothing here gets round a limit: a wish that a rule forbids is refused by name. 3. stop and target stand on either side of the entry.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from decimal import Decimal

from allocation.enums import SignalOrderType, SignalRoute, SignalTimeInForce, SizingMethod
from base.core.validation import FieldReader, InvalidInput, parse_decimal, parse_enum, parse_text

TERMS = {"order_type", "limit_price", "time_in_force", "route", "take_profit_price", "protect"}
_ENDLESS = {"GTC", "GTD"}
_SIDELESS = {SizingMethod.PERCENT_CHANGE}


@dataclass(frozen=True, slots=True)
class OrderTerms:
    """How to trade, as read. Prices > 0; None = not stated. protect: hold stop and target for every account that is filled."""

    order_type: SignalOrderType | None = None
    limit_price: Decimal | None = None
    time_in_force: SignalTimeInForce | None = None
    route: SignalRoute | None = None
    stop_price: Decimal | None = None
    take_profit_price: Decimal | None = None
    protect: bool = False


def read_terms(reader: FieldReader, *, largest: Decimal) -> OrderTerms:
    """Read the terms; problems stay with the reader."""
    return OrderTerms(
        order_type=reader.optional("order_type", parse_enum, SignalOrderType),
        limit_price=reader.optional("limit_price", parse_decimal, positive=True, scale=8, maximum=largest),
        time_in_force=reader.optional("time_in_force", _parse_time),
        route=reader.optional("route", parse_enum, SignalRoute),
        stop_price=reader.optional("stop_price", parse_decimal, positive=True, scale=8, maximum=largest),
        take_profit_price=reader.optional("take_profit_price", parse_decimal, positive=True, scale=8, maximum=largest),
        protect=reader.optional("protect", _parse_flag) or False,
    )


def senseless_terms(terms: OrderTerms, method: SizingMethod, figures: Collection[Decimal]) -> list[InvalidInput]:
    """Return what contradicts itself. figures: the signed figures of the signal, one, or one an account for custom."""
    return _order(terms) + _levels(terms, method, figures)


def protected_side(method: SizingMethod, figures: Collection[Decimal]) -> int:
    """Return the side that stop and target protect: 1 bought, -1 sold, 0 where the figures do not say (mixed signs, none, a change of what is held).

    >>> protected_side(SizingMethod.RISK, [Decimal("0.01")]), protected_side(SizingMethod.CUSTOM, [Decimal(5), Decimal(-5)])
    (1, 0)
    """
    signs = {1 if figure > 0 else -1 for figure in figures if figure}
    return signs.pop() if len(signs) == 1 and method not in _SIDELESS else 0


def _order(terms: OrderTerms) -> list[InvalidInput]:
    problems = []
    is_limit = terms.order_type is SignalOrderType.LIMIT
    if is_limit and terms.limit_price is None:
        problems.append(InvalidInput("limit_price", "", "required"))
    if terms.limit_price is not None and not is_limit:
        problems.append(InvalidInput("limit_price", terms.limit_price, "only_with_limit"))
    if terms.time_in_force is SignalTimeInForce.DAY and not is_limit:
        problems.append(InvalidInput("time_in_force", terms.time_in_force, "only_with_limit"))
    return problems


def _levels(terms: OrderTerms, method: SizingMethod, figures: Collection[Decimal]) -> list[InvalidInput]:
    if terms.take_profit_price is not None and not terms.protect:
        return [InvalidInput("take_profit_price", terms.take_profit_price, "only_with_protect")]
    if not terms.protect:
        return []
    if method is SizingMethod.CLOSE:
        return [InvalidInput("protect", "true", "not_with_close")]
    if terms.stop_price is None and terms.take_profit_price is None:
        return [InvalidInput("protect", "true", "needs_stop_or_target")]
    side = protected_side(method, figures)
    if not side:
        return [InvalidInput("protect", "true", "one_side")] if figures else []
    return misplaced(side, terms.limit_price, terms)


def misplaced(side: int, entry: Decimal | None, terms: OrderTerms) -> list[InvalidInput]:
    """Return the levels that do not stand on their side of the entry: bought, stop < entry < target; sold, the other way round."""
    stop, target = terms.stop_price, terms.take_profit_price
    problems = []
    if stop is not None and target is not None and (target - stop) * side <= 0:
        problems.append(InvalidInput("take_profit_price", target, "beyond_entry"))
    if entry is not None and stop is not None and (entry - stop) * side <= 0:
        problems.append(InvalidInput("stop_price", stop, "before_entry"))
    if entry is not None and target is not None and (target - entry) * side <= 0:
        problems.append(InvalidInput("take_profit_price", target, "beyond_entry"))
    return problems[:2]


def off_tick(prices: Mapping[str, Decimal | None], tick: Decimal) -> list[InvalidInput]:
    """Return the prices by field that do not lie on the instrument's tick; none is rounded for anybody.

    >>> [problem.field for problem in off_tick({"limit_price": Decimal("49.505"), "stop_price": Decimal(48)}, Decimal("0.01"))]
    ['limit_price']
    """
    rule = f"tick: {tick.normalize():f} is the smallest step"
    return [InvalidInput(field, price, rule) for field, price in prices.items() if price is not None and price % tick]


def _parse_time(value: object, field: str) -> SignalTimeInForce:
    text = parse_text(value, field)
    if text in _ENDLESS:
        raise InvalidInput(field, text, "ALC-3: an order ends with its session, IOC or DAY")
    return parse_enum(text, field, SignalTimeInForce)


def _parse_flag(value: object, field: str) -> bool:
    if not isinstance(value, bool):
        raise InvalidInput(field, value, "true_or_false")
    return value
