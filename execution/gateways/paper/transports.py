"""Two ways to the simulated venue: within this process, or over its socket.

Entry points: `LocalTransport`, `SocketTransport`, and the errors `NotConnected`, `NoAnswer`.

Invariant: `NotConnected` means that no byte was written; `NoAnswer` means that the venue may or may not have the request.
"""

from __future__ import annotations

import itertools
import socket
import time
from typing import Any, Protocol

import orjson

from execution.gateways.crash import crash_point
from execution.venue.service import VenueService

Message = dict[str, Any]


class NotConnected(Exception):
    """There was no connection; nothing was written."""


class NoAnswer(Exception):
    """The request was written at least in part, and no answer came."""


class Transport(Protocol):
    """Carries one request at a time."""

    def connect(self, timeout: float) -> None:
        """Open the connection. Raises NotConnected."""

    def close(self) -> None:
        """Close the connection."""

    def request(self, message: Message, timeout: float) -> Message:
        """Write a message and return its reply. Raises NotConnected, NoAnswer."""


class LocalTransport:
    """Calls a `VenueService` of this process. Silence costs no waiting: there is nobody who could still answer."""

    def __init__(self, service: VenueService) -> None:
        self._service = service
        self._connected = False

    def connect(self, timeout: float) -> None:
        self._connected = True

    def close(self) -> None:
        self._connected = False

    def request(self, message: Message, timeout: float) -> Message:
        if not self._connected:
            raise NotConnected("not connected")
        crash_point("before_socket_write")
        answer = self._service.handle(message)
        self._service.host.sync()
        crash_point("after_socket_write")
        crash_point(f"after_socket_write.{message['op']}")
        if answer.disconnect:
            self._connected = False
        if answer.reply is None:
            raise NoAnswer("connection lost" if answer.disconnect else "no answer")
        crash_point("after_reply")
        return answer.reply


class SocketTransport:
    """Talks to `execution.venue.server`. address: path of a Unix socket, or `127.0.0.1:PORT`.

    A reply that comes after its timeout is dropped when it arrives: its request has become UNRESOLVED for good, only queries resolve it.
    """

    def __init__(self, address: str) -> None:
        self._address = address
        self._socket: socket.socket | None = None
        self._received = bytearray()
        self._ids = itertools.count(1)

    def connect(self, timeout: float) -> None:
        self.close()
        host, _, port = self._address.rpartition(":")
        try:
            if host:
                self._socket = socket.create_connection((host, int(port)), timeout)
            else:
                self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
                self._socket.settimeout(timeout)
                self._socket.connect(self._address)
        except OSError as error:
            self.close()
            raise NotConnected(f"cannot connect to {self._address}: {error}") from error

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
        self._socket = None
        self._received.clear()

    def request(self, message: Message, timeout: float) -> Message:
        if self._socket is None:
            raise NotConnected("not connected")
        deadline = time.monotonic() + timeout
        number = next(self._ids)
        body = orjson.dumps({**message, "id": number})
        crash_point("before_socket_write")
        self._write(len(body).to_bytes(4, "big") + body, deadline)
        crash_point("after_socket_write")
        crash_point(f"after_socket_write.{message['op']}")
        while (reply := self._read(deadline)).get("id") != number:
            continue
        crash_point("after_reply")
        return reply

    def _write(self, content: bytes, deadline: float) -> None:
        assert self._socket is not None  # noqa: S101  (checked by `request`)
        try:
            self._socket.settimeout(_left(deadline))
            self._socket.sendall(content)
        except OSError as error:
            self.close()
            raise NoAnswer(f"connection lost while writing: {error}") from error

    def _read(self, deadline: float) -> Message:
        head = self._take(4, deadline)
        reply = orjson.loads(self._take(int.from_bytes(head, "big"), deadline, held_back=head))
        return reply if isinstance(reply, dict) else {}

    def _take(self, count: int, deadline: float, held_back: bytes = b"") -> bytes:
        """Return the next `count` bytes. On a timeout nothing is lost: the bytes, and those `held_back`, wait for the next call."""
        assert self._socket is not None  # noqa: S101  (checked by `request`)
        while len(self._received) < count:
            try:
                self._socket.settimeout(_left(deadline))
                chunk = self._socket.recv(1 << 20)
            except TimeoutError as error:
                self._received[:0] = held_back
                raise NoAnswer("no answer in time") from error
            except OSError as error:
                self.close()
                raise NoAnswer(f"connection lost: {error}") from error
            if not chunk:
                self.close()
                raise NoAnswer("connection lost")
            self._received += chunk
        taken = bytes(self._received[:count])
        del self._received[:count]
        return taken


def _left(deadline: float) -> float:
    return max(deadline - time.monotonic(), 0.001)
