"""Where what happens now comes from (GOV-7): a door says it once, the audit trail reads it, nothing in between passes it on.

Entry points: `acting_from` for doors, `name_key` for whoever finds out later which key it was, `current_origin` for the audit trail.

Invariants
1. An origin ends with the block that opened it; the next request of the same thread begins with none.
2. A thread has its own: work handed to another process or thread is the system's unless it says otherwise.
3. What is not an address is no address: the trail's row is never refused for it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from ipaddress import ip_address


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a request came from: address and key, each empty if there is none.

    api_key: the public id of a token or webhook key, as the trail names it, never the secret; "command:NAME" for a command.
    """

    source_ip: str = ""
    api_key: str = ""


NOWHERE = Origin()
_current: ContextVar[Origin | None] = ContextVar("origin", default=None)


def current_origin() -> Origin:
    """Return the origin of the innermost open block; `NOWHERE` (the system) outside of any."""
    return _current.get() or NOWHERE


@contextmanager
def acting_from(*, source_ip: str = "", api_key: str = "") -> Iterator[None]:
    """Run the block as coming from there. source_ip: as the server gives it; text that is no address counts as none."""
    outer = _current.set(Origin(plain_address(source_ip), api_key))
    try:
        yield
    finally:
        _current.reset(outer)


def name_key(api_key: str) -> None:
    """Say which key the open block acts with, once that is known. Raises LookupError outside of any block."""
    origin = _current.get()
    if origin is None:
        raise LookupError("a key is named inside a block of `acting_from`")
    _current.set(replace(origin, api_key=api_key))


def plain_address(text: str) -> str:
    """Return an IP address without its zone; "" for anything else.

    >>> plain_address("192.0.2.1"), plain_address("fe80::1%eth0"), plain_address("unix:"), plain_address("")
    ('192.0.2.1', 'fe80::1', '', '')
    """
    try:
        return str(ip_address(text.partition("%")[0]))
    except ValueError:
        return ""
