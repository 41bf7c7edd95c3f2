"""The venue's own memory: an append-only file, synced to disk before anything in it is answered. And the oracle of the fault tests.

Entry points: `FileJournal`, `MemoryJournal` (same bytes, no disk), `read_records`, `read_oracle`.

A line is `crc32 JSON\\n`, one command with all its events, so that a command is on disk whole or not at all:
`{"at": µs, "cmd": {…}, "events": […]}`. The first line is `{"header": {…}}`.

Invariants:
1. What was synced is read back exactly; an unfinished last line (a crash while writing) is cut off, a damaged line before the end is an
   error.
2. The same commands give the same bytes (I8).
"""

from __future__ import annotations

import io
import os
import zlib
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any, BinaryIO, Protocol

import orjson

Record = dict[str, Any]


class JournalDamaged(Exception):
    """A journal that cannot be trusted: a damaged line before its end, or one written for another setup."""


class Journal(Protocol):
    """Where the venue's host writes its records."""

    def append(self, record: Record) -> None:
        """Add a record; it is durable only after `sync`."""

    def sync(self) -> None:
        """Make everything appended durable."""


def encode_record(record: Record) -> bytes:
    """Return the record's line, checksum first."""
    body = orjson.dumps(record)
    return b"%08x " % zlib.crc32(body) + body + b"\n"


class MemoryJournal:
    """A journal in memory."""

    def __init__(self) -> None:
        self._buffer = io.BytesIO()

    def append(self, record: Record) -> None:
        self._buffer.write(encode_record(record))

    def sync(self) -> None:
        """Do nothing: memory is as durable as it gets."""

    def getvalue(self) -> bytes:
        """Return everything written."""
        return self._buffer.getvalue()


class FileJournal:
    """A journal file, opened for one writer. An unfinished last line is removed when it is opened.

    Raises JournalDamaged for a damaged file.
    """

    def __init__(self, path: Path) -> None:
        self._records, whole = _scan(path.read_bytes() if path.exists() else b"")
        self._file: BinaryIO = path.open("ab")
        self._file.truncate(whole)
        self._dirty = True
        self.sync()
        _sync_directory(path.parent)

    def take_records(self) -> list[Record]:
        """Return what the file held when it was opened, and forget it."""
        records, self._records = self._records, []
        return records

    def append(self, record: Record) -> None:
        self._file.write(encode_record(record))
        self._dirty = True

    def sync(self) -> None:
        if self._dirty:
            self._file.flush()
            os.fsync(self._file.fileno())
            self._dirty = False

    def close(self) -> None:
        """Sync and close; harmless when it is closed."""
        if not self._file.closed:
            self.sync()
            self._file.close()


def read_records(path: Path) -> list[Record]:
    """Return the records of a journal, without an unfinished last line. Raises JournalDamaged."""
    return _scan(path.read_bytes())[0]


@dataclass(frozen=True, slots=True)
class Oracle:
    """What really happened, read from the journal's lines without the engine.

    transmissions: client_order_id → how often it arrived, refused repetitions included. accepted: client_order_id → orders that were
    made of it (more than
    one = a duplicated order). orders: client_order_id → last reported state. executions: exec_id → its valid revision, busted ones with
    `kind` BUST.
    positions: (account, symbol) → quantity from openings, executions and allocations. allocations: allocation_id → shares.
    """

    transmissions: Counter[str] = field(default_factory=Counter)
    accepted: Counter[str] = field(default_factory=Counter)
    orders: dict[str, Record] = field(default_factory=dict)
    executions: dict[str, Record] = field(default_factory=dict)
    allocations: dict[str, list[list[str]]] = field(default_factory=dict)
    openings: list[Record] = field(default_factory=list)
    blocks: dict[str, Record] = field(default_factory=dict)

    @property
    def positions(self) -> dict[tuple[str, str], Decimal]:
        """Return quantities that are not zero, by (account, symbol)."""
        held: defaultdict[tuple[str, str], Decimal] = defaultdict(Decimal)
        for accounts in self.openings:
            for account, entry in accounts.items():
                for symbol, quantity in entry.get("positions", {}).items():
                    held[account, symbol] += Decimal(quantity)
        for execution in self.executions.values():
            if execution["kind"] != "BUST":
                held[execution["account"], execution["symbol"]] += _signed(execution["side"], execution["last_qty"])
        for allocation_id, block in self.blocks.items():
            for account, quantity, *_ in self.allocations[allocation_id]:
                moved = _signed(block["side"], quantity)
                held[account, block["symbol"]] += moved
                held[block["block_account"], block["symbol"]] -= moved
        return {key: quantity for key, quantity in held.items() if quantity}

    def filled_qty(self, client_order_id: str) -> Decimal:
        """Return Σ quantity of the order's valid executions."""
        rows = (e for e in self.executions.values() if e["client_order_id"] == client_order_id and e["kind"] != "BUST")
        return sum((Decimal(e["last_qty"]) for e in rows), Decimal(0))


def read_oracle(path: Path) -> Oracle:
    """Return what the journal proves. Raises JournalDamaged."""
    oracle = Oracle()
    for record in read_records(path):
        if record.get("cmd", {}).get("op") == "submit":
            oracle.transmissions.update(order.get("client_order_id", "") for order in record["cmd"]["orders"])
        for event in record.get("events", ()):
            _learn(oracle, event)
    return oracle


def _learn(oracle: Oracle, event: Record) -> None:
    kind = event["kind"]
    if kind == "OPENED":
        oracle.openings.append(event["accounts"])
    elif kind == "ALLOCATED":
        oracle.allocations[event["allocation_id"]] = event["shares"]
        oracle.blocks[event["allocation_id"]] = event
    elif "exec_id" in event:
        oracle.executions[event["exec_id"]] = event
        oracle.orders[event["client_order_id"]] = {**oracle.orders.get(event["client_order_id"], {}), **_state(event)}
    elif "client_order_id" in event and kind != "DUPLICATE":
        oracle.accepted[event["client_order_id"]] += kind == "NEW"
        oracle.orders[event["client_order_id"]] = {**oracle.orders.get(event["client_order_id"], {}), **event}


def _state(event: Record) -> Record:
    return {name: event[name] for name in ("status", "filled_qty", "leaves_qty")}


def _signed(side: str, quantity: str) -> Decimal:
    return Decimal(quantity) if side == "BUY" else -Decimal(quantity)


def _scan(content: bytes) -> tuple[list[Record], int]:
    """Return the records and the length of the part that is whole."""
    records: list[Record] = []
    whole = 0
    for number, line in _lines(content):
        record = _decode(line)
        if record is None:
            if whole + len(line) < len(content) or line.endswith(b"\n"):
                raise JournalDamaged(f"line {number} is damaged")
            break
        records.append(record)
        whole += len(line)
    return records, whole


def _lines(content: bytes) -> Iterator[tuple[int, bytes]]:
    return enumerate(io.BytesIO(content), start=1)


def _decode(line: bytes) -> Record | None:
    if not line.endswith(b"\n") or line[8:9] != b" ":
        return None
    body = line[9:-1]
    if line[:8] != b"%08x" % zlib.crc32(body):
        return None
    record = orjson.loads(body)
    return record if isinstance(record, dict) else None


def _sync_directory(directory: Path) -> None:
    handle = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
