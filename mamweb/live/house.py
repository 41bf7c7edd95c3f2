"""What the sockets of one firm are sent: collected, told apart by who may hear it, and sent at most ten times a second.

Entry point: `House`. One firm, one event loop; nothing here waits.
Invariants: 1. the first change after a quiet while goes out at once, what follows within PACE of it together; 2. people who see the same
share the work of judging and writing a frame.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, field

import orjson

from base.live import Notice, Topic

from .seat import RESYNC, Seat
from .sight import Audience, Sight, heard_of

PACE = 0.1
MOST = 5_000


@dataclass(eq=False, slots=True)
class Piece:
    """Ids of a topic that somebody hears of. many: there are more than are named."""

    topic: Topic
    ids: list[str]
    many: bool


@dataclass(eq=False, slots=True)
class Listener:
    """A person with open sockets."""

    sight: Sight
    seats: set[Seat] = field(default_factory=set)
    pending: list[Piece] = field(default_factory=list)


@dataclass(eq=False, slots=True)
class House:
    """A firm with open sockets. number: of the last message heard. is_mute: nobody knows who may see what just now."""

    firm_id: int
    listeners: dict[int, Listener] = field(default_factory=dict)
    number: int | None = None
    changed_at: float = -1e9
    is_mute: bool = False
    _sent_at: float = -1e9
    _timer: asyncio.TimerHandle | None = None

    @property
    def seats(self) -> Iterator[Seat]:
        """Return every socket."""
        return (seat for listener in self.listeners.values() for seat in listener.seats)

    def add(self, seat: Seat, sight: Sight) -> None:
        """Let a socket in."""
        listener = self.listeners.setdefault(seat.user_id, Listener(sight))
        self.see(seat.user_id, sight)
        listener.seats.add(seat)

    def remove(self, seat: Seat) -> None:
        """Let a socket go."""
        listener = self.listeners.get(seat.user_id)
        if listener is not None:
            listener.seats.discard(seat)
            if not listener.seats:
                del self.listeners[seat.user_id]

    def see(self, user_id: int, sight: Sight) -> None:
        """Take over what a person sees from now on; people who see the same share one set."""
        listener = self.listeners.get(user_id)
        if listener is None:
            return
        is_other = not sight.sees_as(listener.sight)
        twin = next((one.sight for one in self.listeners.values() if one.sight.accounts == sight.accounts), sight)
        listener.sight = Sight(sight.user_id, sight.roles, sight.oversight, twin.accounts, sight.mark)
        if is_other:
            listener.pending.clear()
            for seat in listener.seats:
                seat.push(RESYNC)

    def tell(self, notice: Notice, audience: Audience | None, now: float) -> None:
        """Collect a notice for those who may hear it, and send soon."""
        self.changed_at = now
        judged: dict[object, Piece | None] = {}
        for listener in self.listeners.values():
            sight = listener.sight
            own = audience is not None and audience.user_id == sight.user_id
            key = (sight.roles, id(sight.accounts), own)
            if key not in judged:
                ids = heard_of(notice, sight, audience)
                judged[key] = None if ids is None else Piece(notice.topic, ids, notice.many)
            piece = judged[key]
            if piece is not None:
                listener.pending.append(piece)
        if self._timer is None:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(max(0.0, self._sent_at + PACE - now), self.send)

    def send(self) -> None:
        """Send each person what was collected for them, in one frame."""
        self._timer, self._sent_at = None, asyncio.get_running_loop().time()
        written: dict[tuple[int, ...], bytes] = {}
        for listener in self.listeners.values():
            if not listener.pending:
                continue
            pieces, listener.pending = listener.pending, []
            if self.is_mute:
                for seat in listener.seats:
                    seat.missed = True
                continue
            key = tuple(map(id, pieces))
            body = written.get(key)
            if body is None:
                body = written[key] = _body(pieces)
            for seat in listener.seats:
                seat.push(body)

    def resync(self) -> None:
        """Tell every socket to read everything again; a mute house tells it when it may speak."""
        for seat in self.seats:
            if self.is_mute:
                seat.missed = True
            else:
                seat.push(RESYNC)

    def speak(self) -> None:
        """Go on after it was mute."""
        self.is_mute = False
        for seat in self.seats:
            seat.make_up()


def _body(pieces: list[Piece]) -> bytes:
    events: dict[str, dict[str, None]] = {}
    many = {piece.topic.value for piece in pieces if piece.many}
    for piece in pieces:
        events.setdefault(piece.topic.value, {}).update(dict.fromkeys(piece.ids))
    many |= {topic for topic, ids in events.items() if len(ids) > MOST}
    content: dict[str, object] = {"events": {topic: [] if topic in many else list(ids) for topic, ids in events.items()}}
    if many:
        content["many"] = sorted(many)
    return orjson.dumps(content)[1:]
