"""Browsers without the browser, in a process of their own: so many sockets that count what comes. Speaks JSON lines with the bench.

python -m bench.live_clients PORT COUNT COOKIE…   (no cookie: plain TCP, for the raw broadcast)
Commands on stdin: `frames N` waits until each socket has had N frames, `bytes N` N bytes, `ids N` N different ids of fills; the answer is the time
at which the last one had them, of the clock all processes of this machine share, and the least any has.
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
import sys
import time
from typing import Any

import orjson


class Socket:
    """One client: reads as fast as it can, counts, and keeps the time of the last frame."""

    def __init__(self) -> None:
        self.frames = self.bytes = 0
        self.at = 0.0
        self.bodies: list[bytes] = []
        self.resyncs = 0

    async def open(self, port: int, cookie: str) -> None:
        """Connect, by hand: the handshake and no more of the protocol than a server's frames need."""
        self.reader, self.writer = await asyncio.open_connection("127.0.0.1", port, limit=2**22)
        if cookie:
            key = base64.b64encode(os.urandom(16)).decode()
            lines = ["GET /ws/live?age=0 HTTP/1.1", f"Host: 127.0.0.1:{port}", f"Origin: http://127.0.0.1:{port}", "Upgrade: websocket"]
            lines += [
                "Connection: Upgrade",
                f"Sec-WebSocket-Key: {key}",
                "Sec-WebSocket-Version: 13",
                f"Cookie: sessionid={cookie}",
                "",
                "",
            ]
            self.writer.write("\r\n".join(lines).encode())
            status = await self.reader.readuntil(b"\r\n\r\n")
            if b" 101 " not in status.split(b"\r\n")[0]:
                raise RuntimeError(status.decode())
        self.task = asyncio.create_task(self._read() if cookie else self._raw())

    async def _read(self) -> None:
        while True:
            head = await self.reader.readexactly(2)
            size = head[1] & 127
            if size == 126:
                size = int.from_bytes(await self.reader.readexactly(2), "big")
            elif size == 127:
                size = int.from_bytes(await self.reader.readexactly(8), "big")
            body = await self.reader.readexactly(size)
            if head[0] & 15 == 1:
                self.at = time.monotonic()
                self.frames += 1
                self.bytes += size
                self.bodies.append(body)

    async def _raw(self) -> None:
        while data := await self.reader.read(2**18):
            self.at = time.monotonic()
            self.bytes += len(data)

    def ids(self) -> int:
        """Return how many different fills it was told of, and count what it missed."""
        frames = [orjson.loads(body) for body in self.bodies]
        self.resyncs = sum("resync" in frame for frame in frames)
        return len({one for frame in frames for one in frame.get("events", {}).get("fills", ())})


async def main(port: int, count: int, cookies: list[str]) -> None:
    sockets = [Socket() for _ in range(count)]
    for number, socket in enumerate(sockets):
        await socket.open(port, cookies[number % len(cookies)] if cookies else "")
    print("open", flush=True)
    loop = asyncio.get_running_loop()
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        word, wanted = line.split()[0], int(line.split()[1])
        if word == "clear":
            for socket in sockets:
                socket.frames = socket.bytes = 0
                socket.bodies = []
            print("clear", flush=True)
            continue
        print(json.dumps(await _await(sockets, word, wanted)), flush=True)


async def _await(sockets: list[Socket], word: str, wanted: int) -> dict[str, Any]:
    until = time.monotonic() + 30

    def had(one: Socket) -> int:
        return one.ids() if word == "ids" else one.frames if word == "frames" else one.bytes

    waiting = list(sockets)
    while waiting and time.monotonic() < until:
        # Counting ids reads every frame: only when the sockets have been still for a moment, so that it costs the measured time nothing.
        if word != "ids" or all(time.monotonic() - one.at > 0.3 for one in sockets):
            waiting = [one for one in waiting if had(one) < wanted]
        await asyncio.sleep(0.05 if word == "ids" else 0.001)
    least = min(had(one) for one in sockets)
    return {"at": max(one.at for one in sockets), "least": least, "resyncs": sum(one.resyncs for one in sockets)}


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]))
