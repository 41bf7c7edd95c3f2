"""Names that make an intent recognisable wherever it turns up (RTE-7).

Entry points: `client_order_id`, `client_order_ids`, `successor_id`, `request_id`. The same intent always has the same name, so that a replay cannot become a second order.
Invariants: 28 characters of A–Z and 2–7 (fits FIX ClOrdID, IB orderRef and the 31 characters of a MetaTrader comment); different intents
differ
(130 bits of SHA-256).
"""

from __future__ import annotations

from base64 import b32encode
from collections.abc import Sequence
from hashlib import sha256

import numpy as np
from numpy.typing import NDArray

from base.core.ids import canonical, digest

PREFIX = "MW"
_ALPHABET = np.frombuffer(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", dtype=np.uint8)


def client_order_id(*, parent_id: object, slice_number: int, account_id: object | None, connection_id: object | None = None) -> str:
    """Return the client order id of one intent.

    account_id: None for a block order, which then needs its connection (a parent may have one block a connection).

    >>> client_order_id(parent_id="P1", slice_number=0, account_id="A")
    'MW2UD7XUGG435I4Z64PD6E3LC6AN'

    Raises ValueError if neither account nor connection is given, or the slice number is negative. Source: RTE-7.
    """
    if account_id is None and connection_id is None:
        raise ValueError("a block order is named by its connection")
    if slice_number < 0:
        raise ValueError(f"slice number {slice_number} is negative")
    return _name(["order", str(parent_id), slice_number, _text(account_id), _text(connection_id)])


def client_order_ids(*, parent_id: object, slice_number: int, account_ids: Sequence[str]) -> NDArray[np.bytes_]:
    """Return `client_order_id` of one order an account, for many accounts at once: S28[n].

    >>> client_order_ids(parent_id="P1", slice_number=0, account_ids=["A"])[0].decode()
    'MW2UD7XUGG435I4Z64PD6E3LC6AN'

    Raises ValueError if the slice number is negative. Source: RTE-7.
    """
    if slice_number < 0:
        raise ValueError(f"slice number {slice_number} is negative")
    head, tail = canonical(["order", str(parent_id), slice_number, "|", None]).split(b'"|"')
    digests = b"".join(sha256(head + b'"' + account.encode() + b'"' + tail).digest() for account in account_ids)
    bits = np.unpackbits(np.frombuffer(digests, dtype=np.uint8).reshape(-1, 32), axis=1)[:, :130]
    letters = _ALPHABET[bits.reshape(-1, 26, 5) @ np.array([16, 8, 4, 2, 1], dtype=np.uint8)]
    prefix = np.frombuffer(PREFIX.encode(), dtype=np.uint8)
    names = np.concatenate([np.broadcast_to(prefix, (len(letters), len(prefix))), letters], axis=1)
    return np.ascontiguousarray(names).view(f"S{names.shape[1]}").ravel()


def successor_id(client_order_id: str) -> str:
    """Return the name of the one order that may follow this one for what it left (FIX tag 41 of the new one).

    >>> successor_id("MW1") == successor_id("MW1"), successor_id("MW1") != successor_id(successor_id("MW1"))
    (True, True)
    """
    return _name(["order after", client_order_id])


def request_id(client_order_id: str, number: int) -> str:
    """Return the id of the n-th cancel or replace request of an order (FIX wants a ClOrdID of its own for each).

    >>> request_id("MW1", 1) != request_id("MW1", 2)
    True

    Raises ValueError if number < 1.
    """
    if number < 1:
        raise ValueError(f"requests are numbered from 1, not {number}")
    return _name(["request", client_order_id, number])


def _text(value: object | None) -> str | None:
    return None if value is None else str(value)


def _name(parts: list[str | int | None]) -> str:
    return PREFIX + b32encode(bytes.fromhex(digest(parts)))[:26].decode()
