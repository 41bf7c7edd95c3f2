"""Tell browsers what changed: after the commit, ids only, one message a transaction (DESIGN §4.11).

Entry points: `announce`, `Topic`, `Behind`; `channel`, `read` for who listens.

Invariants
1. Nothing is told of what was rolled back, savepoints included; one message a transaction, with everything announced in it.
2. A message holds ids and who may hear of them, never figures. Who may hear it is judged by the listener, at that moment.
3. Redis that fails or hangs costs one transaction SHORT seconds, and undoes none; whoever listens is told
   that something was lost as soon as Redis answers again.
4. More than MOST ids of a topic are "many": the listener asks for what it shows, instead of being told each.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Collection, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any
from uuid import UUID

import numpy as np
import orjson
import redis
from django.conf import settings
from django.db import connection, transaction
from numpy.typing import NDArray
from redis.backoff import NoBackoff
from redis.retry import Retry

from .core.ids import uuid_texts
from .tenancy import current_firm

log = logging.getLogger(__name__)
MOST = 500
SHORT = 0.25
PAUSE = 1.0
Many = Sequence[object] | NDArray[Any]
_NAME = "mamweb:live"
# The number of a firm's message and the message go out as one, so that a listener that misses one sees the gap.
_PUBLISH = "return redis.call('PUBLISH', KEYS[2], ARGV[1] .. ':' .. redis.call('INCR', KEYS[1]) .. ':' .. ARGV[2])"


class Topic(StrEnum):
    """What changed; the browser's event is `live:` and this word. SIGHT (who may see what) never leaves the server."""

    ORDERS = "orders"
    FILLS = "fills"
    POSITIONS = "positions"
    EVENINGS = "evenings"
    STATEMENTS = "statements"
    ALERTS = "alerts"
    JOURNEYS = "journeys"
    BREAKS = "breaks"
    CONNECTIONS = "connections"
    PREVIEWS = "previews"
    APPROVALS = "approvals"
    SWITCHES = "switches"
    FIGURES = "figures"
    SIGHT = "sight"


@dataclass(frozen=True, slots=True)
class Behind:
    """Whose accounts stand behind an id, by the name of something that knows: ("parent", its id)."""

    kind: str
    id: UUID


@dataclass(slots=True)
class Notice:
    """Ids of one topic and who may hear of them: whoever sees the account beside an id, or what stands behind all of them, or holds a role.

    accounts: one an id, or (many) those concerned. With nothing of it, only those who see the whole firm hear it.
    """

    topic: Topic
    ids: list[str] = field(default_factory=list)
    accounts: list[str] = field(default_factory=list)
    behind: tuple[str, str] | None = None
    roles: frozenset[str] = frozenset()
    many: bool = False


@dataclass(frozen=True, slots=True)
class Message:
    """What a transaction of a firm announced. lost: messages before this one never went out."""

    firm_id: int
    number: int
    notices: tuple[Notice, ...]
    lost: bool


def announce(
    topic: Topic,
    ids: Many = (),
    *,
    accounts: Many | None = None,
    behind: Behind | None = None,
    roles: Collection[str] = (),
    many: bool = False,
) -> None:
    """Let those who may see it know, once this transaction has committed, that these rows changed. Inside the firm's block.

    accounts: the account each id belongs to. behind: whoever sees an account behind it hears of all ids. roles: whoever holds one does.
    many: name no ids. Raises ValueError for accounts that are not one an id.
    """
    if accounts is not None and not many and len(accounts) != len(ids):
        raise ValueError(f"{len(accounts)} accounts for {len(ids)} ids")
    if not len(ids) and not many and topic is not Topic.SIGHT:
        return
    about = None if behind is None else (behind.kind, str(behind.id))
    notice = Notice(topic, _texts(ids), _texts(accounts if accounts is not None else ()), about, frozenset(map(str, roles)), many)
    firm_id = current_firm() or 0
    transaction.on_commit(lambda: _heard().append((firm_id, notice)))
    if not connection.in_atomic_block:
        _publish_heard()
        return
    # The savepoint of each announcement is Django's to judge; what sends them all must come last, whichever savepoints are undone.
    hooks = [hook for hook in connection.run_on_commit if hook[1] is not _publish_heard]
    connection.run_on_commit = [*hooks, (set(), _publish_heard, True)]  # type: ignore[list-item]  # the stubs lack the third


def channel() -> str:
    """Return the channel of this database: two that share a Redis never hear each other."""
    return f"{_NAME}:{connection.settings_dict['NAME']}"


def read(data: bytes) -> Message:
    """Return what was published. Raises ValueError for anything else."""
    firm, number, body = data.split(b":", 2)
    content = orjson.loads(body)
    notices = tuple(
        Notice(Topic(n["t"]), n["i"], n["a"], tuple(n["b"]) if n["b"] else None, frozenset(n["r"]), n["m"]) for n in content["n"]
    )
    return Message(int(firm), int(number), notices, content["lost"])


_local = threading.local()


def _heard() -> list[tuple[int, Notice]]:
    if not hasattr(_local, "heard"):
        _local.heard = []
    return _local.heard


def _publish_heard() -> None:
    heard, _local.heard = _heard(), []
    firms: dict[int, list[Notice]] = {}
    for firm_id, notice in heard:
        firms.setdefault(firm_id, []).append(notice)
    for firm_id, notices in firms.items():
        _outlet.publish(firm_id, _merged(notices))


def _merged(notices: Iterable[Notice]) -> list[Notice]:
    """Return one notice a topic and audience; ids that come twice once; too many as many."""
    found: dict[object, Notice] = {}
    for notice in notices:
        key = (notice.topic, notice.behind, notice.roles, bool(notice.accounts))
        into = found.setdefault(key, Notice(notice.topic, behind=notice.behind, roles=notice.roles))
        into.many = into.many or notice.many
        into.ids += notice.ids
        into.accounts += notice.accounts
    for notice in found.values():
        if notice.many or len(notice.ids) > MOST:
            notice.many, notice.ids, notice.accounts = True, [], list(dict.fromkeys(notice.accounts))
        elif notice.accounts:
            pairs = list(dict.fromkeys(zip(notice.ids, notice.accounts, strict=True)))
            notice.ids, notice.accounts = [one for one, _ in pairs], [one for _, one in pairs]
        else:
            notice.ids = list(dict.fromkeys(notice.ids))
    return list(found.values())


def _texts(values: Many) -> list[str]:
    return uuid_texts(values) if isinstance(values, np.ndarray) else [str(value) for value in values]


class _Outlet:
    """The way to Redis of this process. Once it fails, a thread of its own tries again, and tells that something was lost."""

    def __init__(self) -> None:
        self._client: Any = None
        self._owed: dict[int, str] = {}  # firm → its channel
        self._lock = threading.Lock()
        self._is_down = False

    def publish(self, firm_id: int, notices: Sequence[Notice]) -> None:
        """Send, or owe. Never raises; only the transaction that finds out waits, and not long."""
        name = channel()
        if self._is_down:
            self._owe(firm_id, name)
            return
        try:
            self._send(firm_id, name, notices, lost=False)
        except (redis.RedisError, OSError) as error:
            if self._owe(firm_id, name):
                log.warning("the live push is down, browsers will be told to read again: %s", error)

    def _send(self, firm_id: int, name: str, notices: Sequence[Notice], *, lost: bool) -> None:
        rows = [{"t": n.topic, "i": n.ids, "a": n.accounts, "b": n.behind, "r": sorted(n.roles), "m": n.many} for n in notices]
        body = orjson.dumps({"n": rows, "lost": lost})
        self._redis().eval(_PUBLISH, 2, f"{name}:{firm_id}", name, str(firm_id), body)

    def _redis(self) -> Any:
        if self._client is None:
            once = Retry(NoBackoff(), 1, supported_errors=(redis.ConnectionError,))  # a connection that went stale, not a server that hangs
            self._client = redis.Redis.from_url(settings.REDIS_URL, socket_timeout=SHORT, socket_connect_timeout=SHORT, retry=once)
        return self._client

    def _owe(self, firm_id: int, name: str) -> bool:
        """Remember the firm; return whether this is news."""
        with self._lock:
            self._owed[firm_id] = name
            is_news, self._is_down = not self._is_down, True
        if is_news:
            threading.Thread(target=self._repeat, name="live-push", daemon=True).start()
        return is_news

    def _repeat(self) -> None:
        while True:
            time.sleep(PAUSE)
            with suppress(redis.RedisError, OSError):
                for firm_id, name in list(self._owed.items()):
                    self._send(firm_id, name, (), lost=True)
                    self._owed.pop(firm_id, None)
            with self._lock:
                if not self._owed:
                    self._is_down = False
                    log.warning("the live push works again")
                    return


_outlet = _Outlet()


def _begin_anew() -> None:
    """A forked process has neither its parent's connection nor its thread."""
    global _outlet
    _outlet = _Outlet()


os.register_at_fork(after_in_child=_begin_anew)
