"""How a connection is, in three lamps and one sentence: is a gateway there, does the broker answer, do we agree (R8).

Entry points: `Signs` (what is known), `judge` → `Verdict`, `worst`.

Invariants
1. Without a gateway nothing about the broker is claimed: its lamps are off.
2. Synced is live only when the session reconciled with the broker, the broker answers, and no order is UNKNOWN.
3. The sentence names the worst lamp's cause, and what happens to orders meanwhile.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

from base.core.figures import age

from ..enums import Lamp

LATE_AFTER = 3.0
SILENT_AFTER = 10.0
_RANK = {Lamp.LIVE: 0, Lamp.STALE: 1, Lamp.UNKNOWN: 2, Lamp.OFF: 3, Lamp.BLOCKED: 4}


@dataclass(frozen=True, slots=True)
class Signs:
    """What is known of a connection. Ages in seconds, None for never. is_held: a gateway holds the lease. unknown: orders."""

    is_held: bool
    is_reconciled: bool
    heartbeat_age: float | None
    heard_age: float | None
    unknown: int = 0
    is_stopped: bool = False


@dataclass(frozen=True, slots=True)
class Verdict:
    """The three lamps, and why the worst of them is not live ("" when all is well); brief: the same in two or three words."""

    socket: Lamp
    broker: Lamp
    synced: Lamp
    note: str = ""
    brief: str = ""


def judge(signs: Signs) -> Verdict:
    """Return the lamps of a connection, and the sentence that goes with them.

    >>> judge(Signs(True, True, 3.4, 0.2)).brief, judge(Signs(True, True, 0.4, 0.2, unknown=2)).brief
    ('3.4 s late', '2 unknown')
    >>> judge(Signs(False, True, None, None)).socket, judge(Signs(True, True, 0.4, 0.2)).note
    (<Lamp.OFF: 'OFF'>, '')
    """
    if not signs.is_held:
        return Verdict(Lamp.OFF, Lamp.OFF, Lamp.OFF, "No gateway serves it; orders wait until one does", "not served")
    socket = Lamp.STALE if _at_least(signs.heartbeat_age, LATE_AFTER) else Lamp.LIVE
    broker, synced = _broker(signs), _synced(signs)
    return Verdict(socket, broker, synced, *_words(signs, socket, broker, synced))


def worst(lamps: Iterable[Lamp]) -> Lamp:
    """Return the lamp that needs somebody first, LIVE of none.

    >>> worst([Lamp.LIVE, Lamp.UNKNOWN, Lamp.STALE])
    <Lamp.UNKNOWN: 'UNKNOWN'>
    """
    return max(lamps, key=_RANK.__getitem__, default=Lamp.LIVE)


def _broker(signs: Signs) -> Lamp:
    if signs.is_stopped:
        return Lamp.BLOCKED
    if signs.heard_age is None or signs.heard_age >= LATE_AFTER:
        return Lamp.BLOCKED if _at_least(signs.heard_age, SILENT_AFTER) else Lamp.STALE
    return Lamp.LIVE


def _synced(signs: Signs) -> Lamp:
    if signs.unknown:
        return Lamp.UNKNOWN
    return Lamp.LIVE if signs.is_reconciled and signs.heard_age is not None and signs.heard_age < SILENT_AFTER else Lamp.STALE


def _words(signs: Signs, socket: Lamp, broker: Lamp, synced: Lamp) -> tuple[str, str]:
    if signs.is_stopped:
        return "Stopped by the kill switch; nothing new is sent", "stopped"
    if broker is Lamp.BLOCKED:
        silent = age(timedelta(seconds=signs.heard_age or 0))
        return f"The broker has not answered for {silent}; new orders wait", f"silent {silent}"
    if synced is Lamp.UNKNOWN:
        return "Sent and not heard of; the broker is asked every 5 s, nothing is sent twice", f"{signs.unknown} unknown"
    if not signs.is_reconciled:
        return "Comparing with the broker before it trades; new orders wait", "starting"
    if broker is Lamp.STALE:
        return "The broker answers late", "not heard yet" if signs.heard_age is None else f"{signs.heard_age:.1f} s late"
    if socket is Lamp.STALE:
        return "The gateway is late", f"{signs.heartbeat_age:.1f} s late"
    return "", ""


def _at_least(age: float | None, seconds: float) -> bool:
    return age is not None and age >= seconds
