"""One socket: its frames are numbered, and none waits behind a slow one.

Entry points: `Seat`, `RESYNC`, `STALE`.
Invariants: 1. numbers rise by one a frame; 2. at most one frame is on its way to a browser that does not take it; what comes meanwhile is
not kept but made up for by one word to read everything again.
"""

from __future__ import annotations

import asyncio
import logging
import types
from collections.abc import Awaitable, Callable, Coroutine, Generator
from dataclasses import dataclass, field
from typing import Any

from .wire import Wire

log = logging.getLogger(__name__)
RESYNC, STALE = b'"resync":true}', b'"stale":true}'
Send = Callable[[dict[str, Any]], Awaitable[None]]


@dataclass(eq=False, slots=True)
class Seat:
    """A socket of a signed-in person. password: the mark of the password it was opened under.

    send: the server's own way out; wire: the short way, where there is one and the socket takes what it is sent.
    """

    firm_id: int
    user_id: int
    session: str
    password: str
    send: Send
    wire: Wire | None = None
    number: int = 0
    missed: bool = False
    is_closed: bool = False
    _going: asyncio.Task[None] | None = field(default=None)

    def push(self, body: bytes) -> None:
        """Send a frame whose text goes on with `body`; a browser that has not taken the one before misses it, and will be told."""
        if self._going is not None or self.is_closed:
            self.missed = True
            return
        self.number += 1
        text = b'{"seq":%d,%b' % (self.number, body)
        if self.wire is None or not self.wire.write(text):
            self._start({"type": "websocket.send", "text": text.decode()})

    def make_up(self) -> None:
        """Tell a browser that missed something to read everything again."""
        if self.missed and self._going is None:
            self.missed = False
            self.push(RESYNC)

    def close(self, code: int) -> None:
        """End the socket; what is on its way goes first."""
        if not self.is_closed:
            self.is_closed = True
            if self._going is None:
                self._start({"type": "websocket.close", "code": code})
            else:
                self._going.cancel()

    def _start(self, message: dict[str, Any]) -> None:
        """Run the send here and now; only one that has to wait costs a task."""
        sending: Any = self.send(message)
        try:
            waits_for = sending.send(None)
        except StopIteration:
            return
        except Exception:  # noqa: BLE001 - the server says by its disconnect what became of the socket
            self.is_closed = True
            return
        self._going = asyncio.get_running_loop().create_task(_finish(sending, waits_for))
        self._going.add_done_callback(self._went)

    def _went(self, task: asyncio.Task[None]) -> None:
        self._going = None
        if task.cancelled() or task.exception() is not None:
            self.is_closed = True
        else:
            self.make_up()


async def _finish(sending: Coroutine[Any, Any, None], waits_for: Any) -> None:
    await _rest(sending, waits_for)


@types.coroutine
def _rest(sending: Coroutine[Any, Any, None], waits_for: Any) -> Generator[Any, Any, None]:
    """Go on with a coroutine that was begun outside a task and now waits."""
    answer: Any = None
    while True:
        try:
            answer = yield waits_for
        except BaseException as error:  # noqa: BLE001 - handed on to the one it is for
            failed: BaseException | None = error
        else:
            failed = None
        try:
            waits_for = sending.send(answer) if failed is None else sending.throw(failed)
        except StopIteration:
            return
