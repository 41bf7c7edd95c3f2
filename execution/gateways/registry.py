"""Which gateway speaks to which kind of broker.

Entry points: `open_gateway`, `takes_allocations`, `GATEWAYS`. A new broker is one folder beside this module and one line here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from base.errors import Refused

from .base import Capabilities, Gateway
from .enums import VenueClass
from .paper.gateway import PaperGateway, capabilities_of
from .paper.transports import SocketTransport


class UnknownGateway(Refused):
    """No gateway of this kind is built in, or its settings do not name a broker."""


@dataclass(frozen=True, slots=True)
class Kind:
    """How to make a gateway of one kind from a connection's settings, and what it can do."""

    open: Callable[[Mapping[str, Any]], Gateway]
    capabilities: Callable[[Mapping[str, Any]], Capabilities]


def _venue_class(settings: Mapping[str, Any]) -> VenueClass:
    return VenueClass(settings.get("venue_class", VenueClass.A))


def _paper(settings: Mapping[str, Any]) -> Gateway:
    """settings: address (path of a Unix socket or 127.0.0.1:PORT), venue_class."""
    address = settings.get("address")
    if not isinstance(address, str) or not address:
        raise UnknownGateway("paper", "the connection's settings name no address", field="address", value=address)
    return PaperGateway(SocketTransport(address), _venue_class(settings))


GATEWAYS: Mapping[str, Kind] = {"paper": Kind(_paper, lambda settings: capabilities_of(_venue_class(settings)))}


def open_gateway(kind: str, settings: Mapping[str, Any]) -> Gateway:
    """Return the gateway of a connection, not connected yet. Raises UnknownGateway."""
    if kind not in GATEWAYS:
        raise UnknownGateway("gateway", f"no gateway {kind!r} is built in", field="gateway", value=kind)
    return GATEWAYS[kind].open(settings)


def takes_allocations(kind: str) -> bool:
    """Return whether brokers of this kind take our split of a block after the trade."""
    return kind in GATEWAYS and GATEWAYS[kind].capabilities({}).post_trade_allocation
