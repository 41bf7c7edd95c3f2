"""How a parent goes to the market, in words. Entry point: `route_words`."""

from __future__ import annotations

from base.core.words import words

from ..enums import RouteKind, TimeInForce

_SLICED = {RouteKind.TWAP: "TWAP", RouteKind.TWAP_MINIMUM: "TWAP, minimum"}
_HOUSE = "At once, at the house's limit just beyond the market; what does not fill is canceled (RTE-2)"
_NOW = "At the limit that was stated, at once; what does not fill is canceled"
_RESTS = "At the limit that was stated; what does not fill at once rests in the market"


def route_words(*, route: str, is_limit_stated: bool, time_in_force: str) -> tuple[str, str]:
    """Return a route's name and what it means. Whether a stated limit is marketable, the market says and not the order.

    >>> route_words(route="MARKETABLE_LIMIT", is_limit_stated=True, time_in_force="DAY")[0]
    'Limit, rests'
    >>> route_words(route="MARKETABLE_LIMIT", is_limit_stated=False, time_in_force="IOC")[0]
    'Marketable limit'
    """
    if route in _SLICED:
        name = _SLICED[RouteKind(route)]
        return (
            (f"{name}, limit", "Sliced over time, no slice past the limit that was stated")
            if is_limit_stated
            else (name, "Sliced over time (RTE-3)")
        )
    if route != RouteKind.MARKETABLE_LIMIT:
        return words(route), ""
    if not is_limit_stated:
        return words(route), _HOUSE
    rests = time_in_force not in {TimeInForce.IOC, TimeInForce.FOK}
    return ("Limit, rests", _RESTS) if rests else ("Limit", _NOW)
