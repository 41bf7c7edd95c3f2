"""The one ear of a web process: a single Redis subscription, and a check every second of who may still hear (DESIGN §4.11, §6).

Entry points: `hub`, `hubs`, `Hub`. One event loop; the database is asked on a thread of the hub's own.
"""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

import redis.asyncio
from django.conf import settings
from django.db import close_old_connections, connections
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from base.live import Message, Notice, Topic, channel, read

from .house import House
from .seat import STALE, Seat
from .sight import FROZEN, Audience, Looked, Person, Sight, audience_of, look, sight_of

log = logging.getLogger(__name__)
T = TypeVar("T")
CHECK_SECONDS = 1.0
ANSWER_SECONDS = 1.0
SILENT_SECONDS = 5.0
KEPT = 2_000
SIGNED_OUT, NO_ROLE = 4401, 4403
_hubs: WeakKeyDictionary[asyncio.AbstractEventLoop, Hub] = WeakKeyDictionary()


def hub() -> Hub:
    """Return the hub of the running loop."""
    loop = asyncio.get_running_loop()
    if loop not in _hubs:
        _hubs[loop] = Hub()
    return _hubs[loop]


def hubs() -> list[Hub]:
    """Return the hub of every loop of this process."""
    return list(_hubs.values())


class Hub:
    """Open while there are sockets."""

    def __init__(self) -> None:
        self.houses: dict[int, House] = {}
        self._audiences: OrderedDict[tuple[int, str, str], Audience] = OrderedDict()
        self._tasks: list[asyncio.Task[None]] = []
        self._asides: set[asyncio.Task[None]] = set()
        self._look_now = asyncio.Event()
        self._thread: ThreadPoolExecutor | None = None
        self._hears_since: float | None = None
        self._opening = 0

    async def open(self, seat: Seat, *, age: float) -> bool:
        """Let a socket in; False for somebody without a role in the firm. age: seconds since its page began to be read."""
        self._start()
        self._opening += 1
        try:
            sight = await self._ask(lambda: sight_of(seat.firm_id, seat.user_id))
            if sight is None:
                return False
            house = self.houses.setdefault(seat.firm_id, House(seat.firm_id))
            house.add(seat, sight)
        finally:
            self._opening -= 1
            self._stop_if_empty()
        since = asyncio.get_running_loop().time() - age
        seat.missed = self._hears_since is None or max(self._hears_since, house.changed_at) > since
        return True

    def close(self, seat: Seat) -> None:
        """Let a socket go."""
        seat.is_closed = True
        house = self.houses.get(seat.firm_id)
        if house is not None:
            house.remove(seat)
            if not house.listeners:
                del self.houses[seat.firm_id]
        self._stop_if_empty()

    def _start(self) -> None:
        if not self._tasks:
            self._thread = ThreadPoolExecutor(1, "live")
            loop = asyncio.get_running_loop()
            self._tasks = [loop.create_task(self._listen()), loop.create_task(self._watch())]

    def _stop_if_empty(self) -> None:
        if not self.houses and not self._opening and self._tasks and self._thread is not None:
            for task in [*self._tasks, *self._asides]:
                task.cancel()
            self._thread.submit(connections.close_all)
            self._thread.shutdown(wait=False)
            self._tasks, self._thread, self._hears_since = [], None, None
            self._audiences.clear()

    async def _ask(self, question: Callable[[], T]) -> T:
        """Ask the database, on the hub's thread and its one connection."""

        def asked() -> T:
            close_old_connections()
            return question()

        if self._thread is None:
            raise RuntimeError("the hub has closed")
        return await asyncio.get_running_loop().run_in_executor(self._thread, asked)

    # -- hearing --------------------------------------------------------------------------------------------------------------------

    async def _listen(self) -> None:
        while True:
            try:
                await self._hear()
            except (redis.RedisError, OSError, TimeoutError) as error:
                if self._hears_since is not None:
                    log.warning("the live push hears nothing: %s", error)
                self._hears_since = None
                for house in self.houses.values():
                    house.number = None
                    for seat in house.seats:
                        seat.push(STALE)
                await asyncio.sleep(1.0)

    async def _hear(self) -> None:
        """Subscribe and pass on what comes until the connection ends. Raises what redis raises, TimeoutError for a silent server."""
        no_retry = Retry(NoBackoff(), 0)  # a connection made again behind our back would hide a gap
        client: Any = redis.asyncio.Redis.from_url(settings.REDIS_URL, socket_timeout=None, socket_connect_timeout=2, retry=no_retry)
        ear = client.pubsub()
        try:
            await ear.subscribe(channel())
            answered = asyncio.get_running_loop().time()
            while True:
                heard = await ear.get_message(timeout=CHECK_SECONDS)
                now = asyncio.get_running_loop().time()
                if heard is not None:
                    answered = now
                    self._heard(heard, now)
                elif now - answered > SILENT_SECONDS:
                    raise TimeoutError("no answer to a ping")
                else:
                    await ear.ping()
        finally:
            with suppress(Exception):
                await ear.aclose()
                await client.aclose()

    def _heard(self, heard: dict[str, Any], now: float) -> None:
        if heard["type"] == "subscribe":
            self._hears_since = now
            for house in self.houses.values():
                house.resync()
        elif heard["type"] == "message":
            try:
                self._pass_on(read(heard["data"]), now)
            except (ValueError, KeyError, TypeError):
                log.exception("what was published cannot be read")

    def _pass_on(self, message: Message, now: float) -> None:
        house = self.houses.get(message.firm_id)
        if house is None:
            return
        has_gap = house.number is not None and message.number != house.number + 1
        house.number = message.number
        if has_gap or message.lost:
            house.changed_at = now
            house.resync()
        for notice in message.notices:
            if notice.topic is Topic.SIGHT:
                self._look_now.set()
            else:
                self._deliver(house, notice, now)

    def _deliver(self, house: House, notice: Notice, now: float) -> None:
        if notice.behind is None or all(listener.sight.oversight for listener in house.listeners.values()):
            house.tell(notice, None, now)
        elif audience := self._audiences.get((house.firm_id, *notice.behind)):
            house.tell(notice, audience, now)
        else:
            task = asyncio.get_running_loop().create_task(self._deliver_after_asking(house, notice, notice.behind))
            self._asides.add(task)
            task.add_done_callback(self._asides.discard)

    async def _deliver_after_asking(self, house: House, notice: Notice, behind: tuple[str, str]) -> None:
        key = (house.firm_id, *behind)
        try:
            audience = await self._ask(lambda: audience_of(*key))
        except Exception:  # whatever it was: nobody is told what nobody could judge, and everybody reads again
            log.exception("nobody knows who may hear of %s %s", *behind)
            house.resync()
            return
        if behind[0] in FROZEN:
            self._audiences[key] = audience
            if len(self._audiences) > KEPT:
                self._audiences.popitem(last=False)
        house.tell(notice, audience, asyncio.get_running_loop().time())

    # -- who may hear ---------------------------------------------------------------------------------------------------------------

    async def _watch(self) -> None:
        while True:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._look_now.wait(), CHECK_SECONDS)
            self._look_now.clear()
            try:
                await asyncio.wait_for(self._look(), ANSWER_SECONDS)
            except Exception as error:  # noqa: BLE001 - whatever it was: who cannot be judged hears nothing
                if not all(house.is_mute for house in self.houses.values()):
                    log.warning("the live push is mute, nobody knows who may see what: %s", error or type(error).__name__)
                for house in self.houses.values():
                    house.is_mute = True

    async def _look(self) -> None:
        """Close the sockets of who is gone, and let the others see what they may see now."""
        known: dict[Person, Sight] = {
            (house.firm_id, user_id): listener.sight for house in self.houses.values() for user_id, listener in house.listeners.items()
        }
        seats = [seat for house in self.houses.values() for seat in house.seats]
        sessions = {seat.session for seat in seats}
        found: Looked = await self._ask(lambda: look(sessions, known))
        for seat in seats:
            if seat.session not in found.signed.sessions or found.signed.people.get(seat.user_id) != seat.password:
                self._end(seat, SIGNED_OUT)
        for (firm_id, user_id), sight in found.sights.items():
            house = self.houses.get(firm_id)
            if house is None:
                continue
            if sight is not None:
                house.see(user_id, sight)
            elif user_id in house.listeners:
                for seat in list(house.listeners[user_id].seats):
                    self._end(seat, NO_ROLE)
        for house in self.houses.values():
            house.speak()

    def _end(self, seat: Seat, code: int) -> None:
        house = self.houses.get(seat.firm_id)
        if house is not None:
            house.remove(seat)
        seat.close(code)
