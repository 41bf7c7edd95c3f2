"""The venue as a process of its own: a Unix or TCP loopback socket, its own synced journal, time × speed.

Run: `python -m execution.venue.server --journal DIR --socket PATH --bars FILE.csv [--speed N] [--seed N]`.

A message is a 4-byte big-endian length and that many bytes of JSON. A reply carries the `id` of its request.

Invariants:
1. Whatever a reply tells is on disk before the reply is written: all requests that are ready are carried out, the journal is synced
   once, then they are answered.
2. Killed at any point and started again with the same arguments, the venue is the one its journal describes; time goes on from the
   journal's last record.
"""

from __future__ import annotations

import logging
import selectors
import signal
import socket
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

import orjson

from execution.venue.launch import build_service, parse_arguments
from execution.venue.service import Message, VenueService

logger = logging.getLogger(__name__)
MAX_MESSAGE = 64 * 1024 * 1024
IDLE_SECONDS = 0.02


@dataclass(slots=True, eq=False)
class Connection:
    """A client: bytes not yet understood, bytes not yet sent."""

    socket: socket.socket
    received: bytearray = field(default_factory=bytearray)
    to_send: bytearray = field(default_factory=bytearray)
    closing: bool = False


class VenueServer:
    """Serves a `VenueService` on a listening socket, in one thread."""

    def __init__(self, service: VenueService, listener: socket.socket) -> None:
        self._service = service
        self._listener = listener
        self._selector = selectors.DefaultSelector()
        self._selector.register(listener, selectors.EVENT_READ)
        self._connections: set[Connection] = set()
        self._running = True
        listener.setblocking(False)

    def stop(self) -> None:
        """Let `run` return after the round it is in."""
        self._running = False

    def run(self) -> None:
        """Serve until stopped."""
        while self._running:
            self.run_once(IDLE_SECONDS)
        for connection in list(self._connections):
            self._drop(connection)
        self._listener.close()
        self._selector.close()

    def run_once(self, wait_seconds: float) -> None:
        """One round: read what is ready, carry it out, sync, answer."""
        for key, ready in self._selector.select(wait_seconds):
            if key.data is None:
                self._accept()
            elif ready & selectors.EVENT_READ:
                self._receive(key.data)
        self._service.tick()
        for connection in list(self._connections):
            self._carry_out(connection)
        self._service.host.sync()
        for connection in list(self._connections):
            self._send(connection)

    def _accept(self) -> None:
        accepted, _ = self._listener.accept()
        accepted.setblocking(False)
        connection = Connection(accepted)
        self._connections.add(connection)
        self._selector.register(accepted, selectors.EVENT_READ, connection)

    def _receive(self, connection: Connection) -> None:
        try:
            chunk = connection.socket.recv(1 << 20)
        except BlockingIOError:
            return
        except OSError:
            chunk = b""
        if chunk:
            connection.received += chunk
        else:
            self._drop(connection)

    def _carry_out(self, connection: Connection) -> None:
        while not connection.closing and len(connection.received) >= 4:
            length = int.from_bytes(connection.received[:4], "big")
            if length > MAX_MESSAGE:
                logger.warning("a message of %d bytes: connection closed", length)
                connection.closing = True
                return
            if len(connection.received) < 4 + length:
                return
            body = bytes(connection.received[4 : 4 + length])
            del connection.received[: 4 + length]
            self._answer(connection, body)

    def _answer(self, connection: Connection, body: bytes) -> None:
        try:
            request = orjson.loads(body)
        except orjson.JSONDecodeError:
            request = None
        if not isinstance(request, dict):
            connection.closing = True
            return
        answer = self._service.handle(request)
        if answer.reply is not None:
            connection.to_send += frame({**answer.reply, "id": request.get("id")})
        connection.closing = answer.disconnect

    def _send(self, connection: Connection) -> None:
        try:
            while connection.to_send:
                del connection.to_send[: connection.socket.send(connection.to_send)]
        except BlockingIOError:
            self._selector.modify(connection.socket, selectors.EVENT_READ | selectors.EVENT_WRITE, connection)
            return
        except OSError:
            connection.closing = True
        if connection.closing:
            self._drop(connection)
        else:
            self._selector.modify(connection.socket, selectors.EVENT_READ, connection)

    def _drop(self, connection: Connection) -> None:
        if connection in self._connections:
            self._connections.discard(connection)
            self._selector.unregister(connection.socket)
            connection.socket.close()


def frame(message: Message) -> bytes:
    """Return a message as it goes over the wire."""
    body = orjson.dumps(message)
    return len(body).to_bytes(4, "big") + body


def listen(address: str) -> socket.socket:
    """Listen on a Unix socket path, or on `127.0.0.1:PORT`. A path left over from a killed server is replaced.

    Raises ValueError for any other host: the protocol knows no passwords.
    """
    host, _, port = address.rpartition(":")
    if host not in {"", "127.0.0.1"}:
        raise ValueError(f"{host} is not the loopback address 127.0.0.1")
    if host:
        return socket.create_server((host, int(port)))
    Path(address).unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(address)
    listener.listen()
    return listener


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until SIGTERM or SIGINT. Prints `ready` once clients can connect."""
    options = parse_arguments(arguments)
    server = VenueServer(build_service(options), listen(options.socket))

    def stop(_signal: int, _frame: FrameType | None) -> None:
        server.stop()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    server.run()
    return 0


if __name__ == "__main__":
    sys.exit(main())
