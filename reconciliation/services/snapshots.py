"""Take what a custodian says of a day and keep it as it came (REC-1).

Entry points: `take_snapshot_from_file`, `take_snapshot_from_gateway` and its halves `ask_gateway` and `keep_reports`, `stored_snapshot`,
`Taken`, `UnableToTakeSnapshot`.
Invariants: 1. nothing is stored unless all of it was understood; 2. the same bytes are stored once; 3. a gateway's report counts for a
date only if it was made between that date's close and the next open; 4. what a gateway did not list is not taken for flat, unless the
broker, asked for that account, says it holds nothing; 5. of a custodian with several connections the newest report of each is one
snapshot together, and each speaks for its own accounts.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

import numpy as np

from base.core.ids import new_id
from base.errors import NotFound, Refused
from execution.gateways.base import Gateway, GatewayError
from market.core import calendars

from ..core.merging import Part, merge_parts
from ..core.snapshot import Snapshot
from ..models import CustodianSnapshot
from ..queries.codebook import Codebook, codebook_of
from ..queries.columns import execute
from ..queries.expected import REQUIRED
from ..readers.csv_form import CustodianFileError, read_custodian_csv
from ..readers.csv_form_writer import write_custodian_csv
from .gateway_reports import Reports, snapshot_of

FILE, GATEWAY = "FILE", "GATEWAY"
MAX_FILE_BYTES = 64 * 1024 * 1024
_INSERT = (
    "INSERT INTO reconciliation_custodiansnapshot (id, firm_id, custodian_id, as_of, received_at, source, sha256, is_complete, content) "
    "SELECT %(id)s, c.firm_id, c.id, %(as_of)s, %(received_at)s, %(source)s, %(sha256)s, %(is_complete)s, %(content)s "
    "FROM accounts_custodian c WHERE c.id = %(custodian_id)s"
)


class UnableToTakeSnapshot(Refused):
    """A file or report that is not taken; nothing was stored. code: CSV-… of the file, NOT_A_SESSION, NOT_AS_OF,
    WRONG_CUSTODIAN, UNKNOWN_NAME, INCOMPLETE or GATEWAY."""


@dataclass(frozen=True, slots=True, eq=False)
class Taken:
    """A stored snapshot with its value, ready to be reconciled.

    snapshot_id: the newest of what it was made from. repeated: these bytes were stored before. parts: all it was made from, where it is
    the reports of several connections. disagreements: why accounts that were reported are not covered, in words.
    """

    snapshot_id: UUID
    as_of: date
    snapshot: Snapshot
    book: Codebook
    is_complete: bool
    source: str
    repeated: bool
    parts: tuple[UUID, ...] = ()
    disagreements: tuple[str, ...] = ()


def take_snapshot_from_file(*, custodian_id: UUID, data: bytes, now: datetime) -> Taken:
    """Read and store a custodian's file in the documented CSV form.

    Raises UnableToTakeSnapshot naming line, field, value and rule; NotFound. Nothing is stored then.
    """
    book = codebook_of(custodian_id=custodian_id)
    return store(book, read_file(book, data, now), data, FILE, now)


def read_file(book: Codebook, data: bytes, now: datetime) -> Snapshot:
    """Return what a custodian's file says; nothing is asked of the database. Raises UnableToTakeSnapshot."""
    today = now.astimezone(calendars.session_table(book.calendar).zone).date()
    try:
        snapshot = read_custodian_csv(data, book.directory, today=today, max_bytes=MAX_FILE_BYTES)
    except CustodianFileError as error:
        where = {"line": error.line, "field": error.field, "value": error.value}
        raise UnableToTakeSnapshot(error.rule, str(error), **where) from error
    if snapshot.custodian not in (book.code, book.name):
        message = f"the file is of {snapshot.custodian!r}, not of {book.code}"
        raise UnableToTakeSnapshot("WRONG_CUSTODIAN", message, value=snapshot.custodian)
    check_session(book, snapshot.as_of)
    return snapshot


def date_in(data: bytes) -> date | None:
    """Return the business date that a file's first record names, if it names one: a hint, the file is not read."""
    second = data[:400].split(b"\n", 2)[1:2]
    words = second[0].split(b",") if second else []
    try:
        return date.fromisoformat(words[8].decode("ascii")) if len(words) > 8 else None
    except ValueError:
        return None


def is_known_session(book: Codebook, as_of: date) -> bool:
    """Return whether the custodian's calendar has that day as a session; False for a day outside of what the calendar covers."""
    try:
        return calendars.is_session(book.calendar, as_of)
    except calendars.OutsideCalendar:
        return False


def check_session(book: Codebook, as_of: date) -> None:
    """Raise UnableToTakeSnapshot (NOT_A_SESSION) for a day without a close."""
    if not is_known_session(book, as_of):
        raise UnableToTakeSnapshot("NOT_A_SESSION", f"{as_of} is not a session of {book.calendar}", value=as_of)


def take_snapshot_from_gateway(*, custodian_id: UUID, as_of: date, gateway: Gateway, now: datetime, connection: str = "") -> Taken:
    """Ask a broker for positions, cash, trades and charges of a date, and store them as the documented CSV form.

    gateway: connected. connection: its code; "" where it speaks for the whole custodian. This holds a block open over the network: where
    the broker is not in this process use `ask_gateway` outside a block and `keep_reports` in one.
    Raises UnableToTakeSnapshot (NOT_A_SESSION, NOT_AS_OF, INCOMPLETE, GATEWAY, UNKNOWN_NAME); nothing is stored then.
    """
    book = codebook_of(custodian_id=custodian_id)
    reports = ask_gateway(book=book, as_of=as_of, gateway=gateway, connection=connection)
    return keep_reports(book=book, as_of=as_of, reports=reports, now=now, connection=connection)


def ask_gateway(*, book: Codebook, as_of: date, gateway: Gateway, connection: str = "") -> Reports:
    """Return what a broker says of a date; the database is not asked. Raises UnableToTakeSnapshot."""
    check_session(book, as_of)
    try:
        return _ask(book, gateway, as_of, connection)
    except GatewayError as error:
        raise UnableToTakeSnapshot("GATEWAY", f"the broker did not answer: {error.message}", permanent=error.permanent) from error


def keep_reports(*, book: Codebook, as_of: date, reports: Reports, now: datetime, connection: str = "") -> Taken:
    """Store what `ask_gateway` returned as the documented CSV form. Raises UnableToTakeSnapshot (UNKNOWN_NAME)."""
    try:
        snapshot = snapshot_of(book, as_of, reports)
        data = write_custodian_csv(snapshot, book.directory)
    except (KeyError, ValueError) as error:
        raise UnableToTakeSnapshot("UNKNOWN_NAME", f"the broker reports what we do not know: {error}") from error
    return store(book, snapshot, data, f"{GATEWAY} {connection}".strip(), now)


def stored_snapshot(*, custodian_id: UUID, as_of: date) -> Taken | None:
    """Return the newest snapshot of a custodian and date, read again from its bytes; None where there is none.

    A file, or a report for the whole custodian, stands alone; reports of connections are merged, the newest of each.
    """
    sql = (
        "SELECT DISTINCT ON (source) id, source, received_at FROM reconciliation_custodiansnapshot "
        "WHERE custodian_id = %(custodian)s AND as_of = %(as_of)s ORDER BY source, received_at DESC, id DESC"
    )
    found = execute(sql, {"custodian": custodian_id, "as_of": as_of}).fetchall()
    if not found:
        return None
    found.sort(key=lambda row: (row[2], row[0]), reverse=True)
    newest, source, _ = found[0]
    book = codebook_of(custodian_id=custodian_id)
    if not _of_connection(source):
        snapshot = _read_again(book, newest, as_of)
        return Taken(newest, as_of, snapshot, book, _is_complete(book, snapshot), source, repeated=True)
    parts = {row[0]: _of_connection(row[1]) for row in found if _of_connection(row[1])}
    merged = merge_parts(
        [Part(code, _read_again(book, snapshot_id, as_of)) for snapshot_id, code in parts.items()],
        book.connections,
        book.directory.accounts,
    )
    complete = _is_complete(book, merged.snapshot)
    return Taken(newest, as_of, merged.snapshot, book, complete, GATEWAY, True, tuple(sorted(parts)), merged.disagreements)


def _of_connection(source: str) -> str:
    """Return the code of the connection a report came over, "" for a file or a report of the whole custodian."""
    return source.removeprefix(GATEWAY).strip() if source.startswith(GATEWAY) else ""


def _read_again(book: Codebook, snapshot_id: UUID, as_of: date) -> Snapshot:
    sql = "SELECT content FROM reconciliation_custodiansnapshot WHERE id = %(id)s"
    (content,) = execute(sql, {"id": snapshot_id}).fetchone() or (b"",)
    return read_custodian_csv(content, book.directory, today=as_of, max_bytes=len(content))


def _ask(book: Codebook, gateway: Gateway, as_of: date, connection: str) -> Reports:
    positions, cash, trades, fees = gateway.positions(), gateway.cash(), gateway.trades(as_of), gateway.fees(as_of)
    lists = {"positions": positions, "cash": cash, "trades": trades, "fees": fees}
    cut = [name for name, listed in lists.items() if not listed.complete]
    if cut:
        raise UnableToTakeSnapshot("INCOMPLETE", f"the broker's list of {', '.join(cut)} is not whole", value=cut[0])
    _check_time(book, as_of, [positions.as_of, cash.as_of])
    following = calendars.next_session(book.calendar, as_of)
    if gateway.trades(following).items:
        raise UnableToTakeSnapshot("NOT_AS_OF", f"trades of {following} are on the broker's books already", value=following)
    named = {row.account for row in cash.items} | {row.account for row in positions.items}
    own = zip(book.directory.accounts, book.connections, strict=True)
    silent = [account for account, over in own if account not in named and connection in ("", over)]
    empty = frozenset(account for account in silent if _holds_nothing(gateway, account))
    return Reports(positions.items, cash.items, trades.items, fees.items, frozenset(named) | empty)


def _check_time(book: Codebook, as_of: date, instants: list[datetime]) -> None:
    close = calendars.session_close(book.calendar, as_of)
    limit = max(calendars.session_open(book.calendar, calendars.next_session(book.calendar, as_of)), close)
    for instant in instants:
        if instant < close or (instant >= limit > close):
            raise UnableToTakeSnapshot("NOT_AS_OF", f"the report was made at {instant}, not after the close of {as_of}", value=instant)


def _holds_nothing(gateway: Gateway, account: str) -> bool:
    """Tell whether the broker knows this account and says that it holds nothing."""
    try:
        cash, positions = gateway.cash(account), gateway.positions(account)
    except GatewayError as error:
        if not error.permanent:
            raise
        return False
    return cash.complete and positions.complete and not cash.items and not positions.items


def store(book: Codebook, snapshot: Snapshot, data: bytes, source: str, now: datetime) -> Taken:
    """Keep a snapshot's bytes, once."""
    sha256 = hashlib.sha256(data).hexdigest()
    known = CustodianSnapshot.objects.filter(custodian_id=book.custodian_id, as_of=snapshot.as_of, sha256=sha256)
    complete = _is_complete(book, snapshot, _of_connection(source))
    row = known.values_list("id", "source").first()
    if row is not None:
        return Taken(row[0], snapshot.as_of, snapshot, book, complete, row[1], repeated=True)
    snapshot_id = new_id()
    values = {"id": snapshot_id, "custodian_id": book.custodian_id, "as_of": snapshot.as_of, "received_at": now, "source": source}
    if execute(_INSERT, {**values, "sha256": sha256, "is_complete": complete, "content": data}).rowcount != 1:
        raise NotFound("custodian")
    return Taken(snapshot_id, snapshot.as_of, snapshot, book, complete, source, repeated=False)


def _is_complete(book: Codebook, snapshot: Snapshot, connection: str = "") -> bool:
    """Tell whether nothing is missing of all accounts, or of those of one connection."""
    due = book.open_on((snapshot.as_of - date(1970, 1, 1)).days)
    if connection:
        due &= np.array([over == connection for over in book.connections], np.bool_)
    return snapshot.sections >= REQUIRED and bool(snapshot.covered[due].all())
