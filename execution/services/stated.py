"""What a signal states about its orders, held against the market: its limit, its pace, when its orders end.

Entry points: `limit_for`, `route_for`, `end_of_day`, `capped`, `house_limit`, `fresh_limit`. A signal that states nothing gets the house's price and pace (RTE-1, RTE-2).
Invariants: 1. a stated limit is taken as it is or refused: never past the collar (RTE-2), never for two sides, never without a usable quote (CON-5).
2. `AT_ONCE` does not get round RTE-1: what is 5% of the one-minute volume or more is refused, not sent. 3. no order outlives its session (ALC-3).
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from decimal import Decimal

from allocation.enums import SignalOrderType, SignalRoute, SignalTimeInForce
from allocation.services.sizing import SizedSignal
from base.core import figures
from base.errors import Conflict
from market import queries as market
from market.core.calendars import OutsideCalendar, UnknownMarket, next_session, session_close, trade_date
from market.enums import Side

from ..core.routing import Route
from ..enums import QuoteProblem, RouteKind, TimeInForce
from ..models import ParentOrder
from .planning import UNIT, is_sliced, limit_of


class UnableToRelease(Conflict):
    """The signal cannot be released now; nothing was written but the record of the refusal."""


def is_stated(sized: SizedSignal) -> bool:
    """Return whether the signal states its limit."""
    return sized.signal.order_type == SignalOrderType.LIMIT


def time_in_force_of(sized: SizedSignal) -> TimeInForce:
    """Return how long the orders stand: a stated limit for the day unless it says otherwise (FIX 59), the house's price not at all (RTE-2)."""
    if not is_stated(sized) or sized.signal.time_in_force == SignalTimeInForce.IOC:
        return TimeInForce.IOC
    return TimeInForce.DAY


def limit_for(*, side: Side, sized: SizedSignal, is_paper: bool, now: datetime) -> Decimal:
    """Return the limit of one side's orders. Raises UnableToRelease for RTE-2: no usable quote, two sides, or past the collar."""
    instrument, stated = sized.instrument, sized.signal.limit_price
    house = limit_of(side=side, quote=sized.quote, instrument=instrument, is_paper=is_paper, now=now)
    if isinstance(house, QuoteProblem):
        raise UnableToRelease("RTE-2", f"{instrument.symbol} has no usable quote: {house.words}", field="symbol", value=instrument.symbol)
    if not is_stated(sized) or stated is None:
        return house
    quantity = sized.result.quantity[:, 0]
    if (quantity > 0).any() and (quantity < 0).any():
        message = "some accounts buy and some sell: one limit cannot be both sides'; state two signals"
        raise UnableToRelease("RTE-2", message, field="limit_price", value=figures.price(stated, instrument.tick))
    if (stated - house) * side.sign > 0:
        shown, edge = figures.price(stated, instrument.tick), figures.price(house, instrument.tick)
        word, opposite = ("at most", "ask") if side.is_buy else ("at least", "bid")
        message = f"a {side.value.lower()} at {shown} is past the collar through the {opposite}; {word} {edge} now"
        raise UnableToRelease("RTE-2", message, field="limit_price", value=shown)
    return stated


def capped(*, side: Side, house: Decimal, stated: Decimal | None) -> Decimal:
    """Return the limit of a slice: the house's price of the moment, never worse than what was stated.

    >>> capped(side=Side.BUY, house=Decimal("50.08"), stated=Decimal("50.05")), capped(side=Side.SELL, house=Decimal("49.96"), stated=None)
    (Decimal('50.05'), Decimal('49.96'))
    """
    if stated is None:
        return house
    return min(house, stated) if side.is_buy else max(house, stated)


def house_limit(parent: ParentOrder, now: datetime) -> Decimal | QuoteProblem:
    """Return the house's limit of the moment for a parent's side, the edge of the collar (RTE-2), or why there is none."""
    instrument = market.instrument(parent.instrument_id)
    quote = market.latest_quotes(instrument_ids=[instrument.id], now=now).get(instrument.id)
    if quote is None:
        return QuoteProblem.NO_QUOTE
    return limit_of(side=Side(parent.side), quote=quote, instrument=instrument, is_paper=parent.is_paper, now=now)


def fresh_limit(parent: ParentOrder, now: datetime) -> Decimal | None:
    """Return the house's limit of the moment, within the one that was stated; None without a usable quote."""
    house = house_limit(parent, now)
    if isinstance(house, QuoteProblem):
        return None
    return capped(side=Side(parent.side), house=house, stated=parent.limit_price if parent.is_limit_stated else None)


def route_for(*, route: Route, sized: SizedSignal) -> Route:
    """Return the route with the signal's wish: slower whenever it asks, at once only where RTE-1 sends it at once. Raises UnableToRelease."""
    if sized.signal.route == SignalRoute.OVER_TIME and not is_sliced(route.kind):
        return replace(route, kind=RouteKind.TWAP)
    if sized.signal.route == SignalRoute.AT_ONCE and is_sliced(route.kind):
        lot = Decimal(int(sized.instrument.lot_step * UNIT)).scaleb(-8)
        tested = figures.number(route.test_quantity * lot)
        known = "no one-minute volume is known"
        if route.threshold is not None:
            edge = Decimal(route.threshold.numerator) / Decimal(route.threshold.denominator) * lot
            known = f"5% of the one-minute volume is {figures.number(edge.quantize(Decimal('0.01')).normalize())}"
        message = f"{tested} {sized.instrument.symbol} cannot go at once: {known}; let it go over time, or order less"
        raise UnableToRelease("RTE-1", message, field="route", value=sized.signal.route)
    return route


def end_of_day(calendar: str, now: datetime) -> datetime:
    """Return when the session ends that an order of now belongs to, the next one's end after the close. Raises UnableToRelease (CON-6)."""
    try:
        day = trade_date(calendar, now)
        end = session_close(calendar, day)
        return end if end > now else session_close(calendar, next_session(calendar, day))
    except (OutsideCalendar, UnknownMarket) as error:
        raise UnableToRelease("CON-6", f"when the session ends is not known: {error}", field="time_in_force", value="DAY") from error
