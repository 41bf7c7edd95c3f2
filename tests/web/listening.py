"""A real web server in this process, and browsers' sockets without the browser."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import Any

import uvicorn
from django.conf import settings
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from tests.web.people import signed_in


@contextmanager
def serving(port: int = 0) -> Iterator[int]:
    """Serve the application as production does, on this port, or one of the machine's own choosing."""
    from mamweb.asgi import application

    with socket.socket() as door:
        door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        door.bind(("127.0.0.1", port))
        port = door.getsockname()[1]
    options: dict[str, Any] = {"ws": "websockets-sansio", "ws_per_message_deflate": False, "lifespan": "off", "log_level": "warning"}
    kept = settings.DATABASES["default"]["CONN_MAX_AGE"]
    settings.DATABASES["default"]["CONN_MAX_AGE"] = 0  # its threads end with their requests, and nobody would close what they kept
    server = uvicorn.Server(uvicorn.Config(application, host="127.0.0.1", port=port, **options))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    try:
        yield port
    finally:
        server.should_exit = True
        thread.join(10)
        settings.DATABASES["default"]["CONN_MAX_AGE"] = kept


def cookie_of(user: Any, firm_id: int | None = None) -> str:
    """Return the cookie of a person who has signed in."""
    return signed_in(user, firm_id).cookies["sessionid"].value


class Tab:
    """One open socket."""

    def __init__(self, port: int, cookie: str, *, age: int = 0, origin: str = "") -> None:
        headers = {"Cookie": f"sessionid={cookie}"}
        where = f"ws://127.0.0.1:{port}/ws/live?age={age}"
        origin = origin or f"http://127.0.0.1:{port}"
        self._opened = ExitStack()
        self.socket: ClientConnection = self._opened.enter_context(
            connect(where, additional_headers=headers, origin=origin, compression=None, max_size=None)  # type: ignore[arg-type]
        )
        self.frames: list[dict[str, Any]] = []

    def hear(self, seconds: float = 1.0) -> list[dict[str, Any]]:
        """Return the frames of so many seconds."""
        heard = []
        until = time.monotonic() + seconds
        with suppress(TimeoutError, ConnectionClosed):
            while (left := until - time.monotonic()) > 0:
                heard.append(json.loads(self.socket.recv(timeout=left)))
        self.frames += heard
        return heard

    def await_ids(self, topic: str, wanted: int, seconds: float = 10.0) -> set[str]:
        """Return the ids of a topic once there are so many, or when the time is up."""
        found: set[str] = set()
        until = time.monotonic() + seconds
        while len(found) < wanted and time.monotonic() < until:
            for frame in self.hear(0.05):
                found |= set(frame.get("events", {}).get(topic, ()))
        return found

    def ids(self, topic: str, seconds: float = 1.0) -> set[str]:
        """Return every id of a topic that comes within the time."""
        return {one for frame in self.hear(seconds) for one in frame.get("events", {}).get(topic, ())}

    def await_resync(self, seconds: float = 5.0) -> bool:
        """Return whether it is told to read everything again."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            if any(frame.get("resync") for frame in self.hear(0.05)):
                return True
        return False

    def settle(self) -> None:
        """Let what comes at the beginning come."""
        self.hear(0.4)
        self.frames.clear()

    def closed_with(self, seconds: float) -> int | None:
        """Return the code the server closes with within the time, None if it does not."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            try:
                self.socket.recv(timeout=left)
            except ConnectionClosed as error:
                return error.rcvd.code if error.rcvd else 1006
            except TimeoutError:
                return None
        return None

    def close(self) -> None:
        self._opened.close()
