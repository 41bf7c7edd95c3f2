"""`/ws/live`: the door of the push. Who comes in is judged as on a page: session, firm, role, second factor.

A browser sends nothing. `?age=MILLISECONDS` says how old its page is: if something changed since, it is told to read again at once.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs

from channels.db import database_sync_to_async
from channels.generic.websocket import AsyncWebsocketConsumer
from django.http import HttpRequest

from governance.queries import signed_in
from governance.web import Visit, needs_second_factor, visit_of

from .hub import NO_ROLE, SIGNED_OUT, Hub, hub
from .seat import Seat
from .wire import KEY

MOST_AGE = 3_600.0


class LiveConsumer(AsyncWebsocketConsumer):
    """One browser tab. Channels opens the door; what goes out is the hub's, straight to the server's socket."""

    channel_layer_alias = "none"  # no subscription of its own
    seat: Seat | None = None
    hub: Hub

    async def connect(self) -> None:
        """Let a signed-in person in, under what they may see now; who is not told why, for a browser cannot read a refused handshake."""
        found = await database_sync_to_async(self._visitor)()
        if found is None:
            await self.accept()
            await self.close(NO_ROLE if self.scope["user"].is_authenticated else SIGNED_OUT)
            return
        visit, password = found
        session = self.scope["session"].session_key
        seat = Seat(visit.firm_id, visit.user_id, session, password, self.base_send, self.scope.get(KEY))
        await self.accept()
        self.hub = hub()
        self.seat = seat
        if not await self.hub.open(seat, age=self._age()):
            seat.close(NO_ROLE)
            return
        seat.make_up()

    async def disconnect(self, code: int) -> None:
        """Forget the socket."""
        if self.seat is not None:
            self.hub.close(self.seat)

    def _visitor(self) -> tuple[Visit, str] | None:
        user, session = self.scope["user"], self.scope["session"]
        if not user.is_authenticated:
            return None
        request: Any = HttpRequest()
        request.user, request.session = user, session
        visit = visit_of(request)
        if visit is None or needs_second_factor(visit):
            return None
        return visit, signed_in(sessions=(), user_ids=[visit.user_id]).people.get(visit.user_id, "")

    def _age(self) -> float:
        given = parse_qs(self.scope["query_string"].decode("latin-1")).get("age", [""])[0]
        return min(int(given) / 1000 + 0.5, MOST_AGE) if given.isdigit() and len(given) < 12 else MOST_AGE
