"""The server's own socket behind a WebSocket, where it is the server we know: a frame goes out as bytes, in one write.

Sent as a message, each frame passes the session's wrapper, the server's coroutine and the protocol's frame object anew; of five hundred
sockets that is half of the time between the first and the last.

Entry points: `wire_of`, `Wire`, `WithWire` (puts it into the scope), `text_frame`.
Invariants: 1. what is written here is what the server would write: one unmasked, unfragmented text frame without extensions (RFC 6455 §5.2);
2. a socket that is not open, closing, or does not take what it has been sent is left to the server: nothing is written past its control of
the flow.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.protocol import OPEN

KEY: Final = "mamweb.wire"


def text_frame(payload: bytes) -> bytes:
    """Return a server's text frame.

    >>> text_frame(b"ab")
    b'\\x81\\x02ab'
    """
    size = len(payload)
    if size < 126:
        return bytes((0x81, size)) + payload
    if size < 65_536:
        return b"\x81\x7e" + size.to_bytes(2, "big") + payload
    return b"\x81\x7f" + size.to_bytes(8, "big") + payload


@dataclass(frozen=True, slots=True)
class Wire:
    """One socket of uvicorn's."""

    server: WebSocketsSansIOProtocol

    def write(self, payload: bytes) -> bool:
        """Write a text frame now; False, and nothing written, where the server must do it in its own time or not at all."""
        server = self.server
        if not server.writable.is_set() or server.close_sent or server.disconnected or not server.handshake_complete:
            return False
        conn = server.conn
        if conn.state is not OPEN or conn.extensions or conn.expect_continuation_frame or server.transport.is_closing():
            return False
        server.transport.write(text_frame(payload))
        return True


def wire_of(send: Any) -> Wire | None:
    """Return the wire behind an ASGI `send`; None for another server's."""
    server = getattr(send, "__self__", None)
    return Wire(server) if isinstance(server, WebSocketsSansIOProtocol) else None


class WithWire:
    """The outermost layer of the sockets: what stands inside finds the wire in its scope."""

    def __init__(self, inner: Any) -> None:
        self.inner = inner

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> Any:
        """Pass everything on."""
        return await self.inner({**scope, KEY: wire_of(send)}, receive, send)
