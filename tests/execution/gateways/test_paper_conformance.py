"""The paper gateway against the conformance suite, in process and over its socket."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from execution.gateways.paper.gateway import PaperGateway
from execution.gateways.paper.transports import LocalTransport, SocketTransport
from execution.venue.server import VenueServer, listen
from execution.venue.service import VenueService
from execution.venue.setup import VenueConfig
from tests.execution.gateways.conformance import GatewayConformance, Harness, OpenWorld
from tests.execution.venue.world import CONFIG, make_service

ACCOUNTS = {name: {"cash": {"USD": "1000000"}} for name in ("A", "B")}


class LocalVenue:
    """A venue of this process that can be restarted from its journal."""

    def __init__(self, path: Path, config: VenueConfig) -> None:
        self._path = path
        self._config = config
        self._service = make_service(path, config)
        self.transport = LocalTransport(self._service)

    def steer(self, request: dict[str, Any]) -> dict[str, Any]:
        reply = self._service.handle(request).reply
        assert reply is not None and reply["ok"], reply
        self._service.host.sync()
        return reply

    def restart(self) -> None:
        self._service.host.journal.close()  # type: ignore[attr-defined]
        self._service = make_service(self._path, self._config)
        self.transport.__init__(self._service)  # type: ignore[misc]

    def stop(self) -> None:
        self._service.host.journal.close()  # type: ignore[attr-defined]


class SocketVenue:
    """A served venue; the gateway and the steering hand have a connection each."""

    def __init__(self, path: Path, config: VenueConfig) -> None:
        self._path = path
        self._config = config
        self._address = str(path.with_suffix(".sock"))
        self.transport = SocketTransport(self._address)
        self._steering = SocketTransport(self._address)
        self._start()

    def _start(self) -> None:
        self._service: VenueService = make_service(self._path, self._config)
        self._server = VenueServer(self._service, listen(self._address))
        self._thread = threading.Thread(target=self._server.run)
        self._thread.start()
        self._steering.connect(5)

    def steer(self, request: dict[str, Any]) -> dict[str, Any]:
        reply = self._steering.request(request, 5)
        assert reply["ok"], reply
        return reply

    def restart(self) -> None:
        self.stop()
        self._start()

    def stop(self) -> None:
        self._steering.close()
        self._server.stop()
        self._thread.join()
        self._service.host.journal.close()  # type: ignore[attr-defined]


def _opener(kind: type[LocalVenue] | type[SocketVenue], folder: Path) -> Iterator[OpenWorld]:
    venues: list[LocalVenue | SocketVenue] = []
    gateways: list[PaperGateway] = []

    def open_world(**settings: Any) -> Harness:
        venue = kind(folder / f"venue{len(venues)}.journal", replace(CONFIG, **settings))
        venues.append(venue)
        venue.steer({"op": "open", "accounts": ACCOUNTS})
        gateway = PaperGateway(venue.transport)
        gateways.append(gateway)
        gateway.connect()
        return Harness(gateway, venue.steer, venue.restart)

    yield open_world
    for gateway in gateways:
        gateway.close()
    for venue in venues:
        venue.stop()


class TestPaperInProcess(GatewayConformance):
    @pytest.fixture
    def open_world(self, tmp_path: Path) -> Iterator[OpenWorld]:
        yield from _opener(LocalVenue, tmp_path)


class TestPaperOverSocket(GatewayConformance):
    @pytest.fixture
    def open_world(self, tmp_path: Path) -> Iterator[OpenWorld]:
        yield from _opener(SocketVenue, tmp_path)
