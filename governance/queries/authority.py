"""May these accounts be traded: authority and gates for ten thousand accounts at once (GOV-1..3, ACC-1).

Entry point: `authority_verdict`.

Invariants
1. Classes that need an authority pass by a document or a client's instruction alone; other classes pass their gates. MANAGED accounts also
   need a fee schedule and an address for statements, taken from a live document, its grantor, or a gate record.
2. Missing gates stop what opens; what only closes goes on (CON-5). An unknown class stops both (ACC-2).
3. The number of queries does not depend on the number of accounts; full documents are read only to explain a refusal.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, SupportsIndex, overload
from uuid import UUID

import numpy as np
from django.db import connection
from numpy.typing import NDArray

from ..core.authority import Authority, ClientInstruction, InstrumentScope
from ..core.authority_check import RANKS, AuthorityAsk, AuthorityBook, AuthorityCheck
from ..core.authority_columns import AuthorityPairs, DocumentTerms, book_from_columns
from ..core.gates import MISSING, NEEDS_AUTHORITY, first_open_gate
from ..core.id_columns import id_at, id_column, numbered, places
from ..enums import AccountGate, AuthorityFinding, AuthorityKind, Power
from ..models import Authority as AuthorityRow
from ..models import ClientInstruction as InstructionRow
from .authority_documents import authority_values

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

FEW = 2_000
_NEVER = np.iinfo(np.int64).max
_SINCE_1970 = int(datetime(2000, 1, 1, tzinfo=UTC).timestamp()) * 1_000_000
_CODE: dict[AuthorityFinding | None, int] = {finding: number for number, finding in enumerate([None, *AuthorityFinding])}
_CODE_OF_RANK = np.array([_CODE[finding] for finding in RANKS], dtype=np.int8)
_GATES = list(AccountGate)

# Three plain scans, joined as arrays: quick whatever the planner knows of the tables. Many clients sign the same terms: one row each.
_PAIRS = """
SELECT coalesce(string_agg(uuid_send(s.subject_id), ''), ''), coalesce(string_agg(uuid_send(s.authority_id), ''), '')
  FROM governance_authoritysubject s
 WHERE s.subject_kind = 'ACCOUNT' AND (%(few)s::uuid[] IS NULL OR s.subject_id = ANY(%(few)s::uuid[]))
"""
_DOCUMENTS = """
SELECT a.kind, a.powers, a.instrument_kinds, a.symbols_allowed, a.symbols_denied, a.order_notional_limit, a.limit_currency,
       a.fee_schedule <> '' AS fees,
       string_agg(uuid_send(a.id), ''), string_agg(uuid_send(a.grantor_id), ''),
       string_agg(timestamptz_send(coalesce(a.begins_at, 'infinity')), ''),
       string_agg(timestamptz_send(coalesce(a.expires_at, 'infinity')), ''),
       string_agg(timestamptz_send(coalesce(a.revoked_at, 'infinity')), '')
  FROM governance_authority a
 WHERE %(few)s::uuid[] IS NULL OR a.id IN (SELECT authority_id FROM governance_authoritysubject WHERE subject_id = ANY(%(few)s::uuid[]))
 GROUP BY 1, 2, 3, 4, 5, 6, 7, 8
"""
_ADDRESSED = "SELECT coalesce(string_agg(uuid_send(p.id), ''), '') FROM governance_party p WHERE p.statement_address <> ''"
_ON_FILE = """
SELECT g.gate, string_agg(uuid_send(g.subject_id), '')
  FROM governance_gaterecord g
 WHERE g.subject_kind = 'ACCOUNT' AND g.valid_from <= %(now)s AND (g.valid_until IS NULL OR g.valid_until > %(now)s)
   AND (%(few)s::uuid[] IS NULL OR g.subject_id = ANY(%(few)s::uuid[]))
 GROUP BY 1
"""


@dataclass(frozen=True, slots=True)
class AuthorityVerdict:
    """codes: int8[n], 0 = may be traded, else 1 + the place of the finding in AuthorityFinding.

    open_gate: int64[n], 0 = none, else 1 + the place of the gate in AccountGate.
    """

    codes: NDArray[np.int8]
    open_gate: Ints
    check: AuthorityCheck
    documents: Documents = field(repr=False)

    def reason(self, index: int) -> str:
        """Say why account `index` may not be traded, "" if it may. The first call reads the documents of all refused accounts."""
        if not self.codes[index]:
            return ""
        if not self.check.ranks[index] and self.open_gate[index]:
            return MISSING[_GATES[int(self.open_gate[index]) - 1]]
        refused = self.check.deciding[np.flatnonzero(self.check.ranks)]
        self.documents.load(np.unique(refused[refused >= 0]))
        return self.check.decision(index).reason

    def finding(self, index: int) -> AuthorityFinding | None:
        """Return the finding of account `index`, None if it may be traded."""
        return list(AuthorityFinding)[self.codes[index] - 1] if self.codes[index] else None


class Documents(Sequence[Authority]):
    """The documents of a book in ascending order of id, read when somebody asks why."""

    def __init__(self, ids: NDArray[Any]) -> None:
        self._ids = ids
        self._loaded: dict[int, Authority] = {}

    def __len__(self) -> int:
        return len(self._ids)

    def load(self, numbers: Ints) -> None:
        """Read these documents, those read before excepted, in one go."""
        missing = {id_at(self._ids, number): number for number in numbers.tolist() if number not in self._loaded}
        if missing:
            for document in authority_values(AuthorityRow.objects.filter(id__in=list(missing)), with_accounts=False):
                self._loaded[missing[UUID(document.authority_id)]] = document

    @overload
    def __getitem__(self, index: SupportsIndex) -> Authority: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Authority]: ...
    def __getitem__(self, index: SupportsIndex | slice) -> Authority | Sequence[Authority]:
        numbers = list(range(len(self))[index]) if isinstance(index, slice) else [range(len(self))[index]]
        self.load(np.array(numbers, dtype=np.int64))
        found = [self._loaded[number] for number in numbers]
        return found if isinstance(index, slice) else found[0]


def authority_verdict(
    *, account_ids: Sequence[UUID], account_classes: Sequence[str], base_currencies: Sequence[str], ask: AuthorityAsk, now: datetime
) -> AuthorityVerdict:
    """Judge every account for `ask` at `now`. account_ids: distinct; classes, currencies: one for each account, in the same order.

    Raises ValueError for unequal lengths.
    """
    size = len(account_ids)
    if len(account_classes) != size or len(base_currencies) != size:
        raise ValueError("each account needs a class and a base currency")
    ids = id_column(account_ids)
    legend = list(dict.fromkeys(account_classes))
    number = {name: place for place, name in enumerate(legend)}
    classes = np.array([number[name] for name in account_classes], dtype=np.int64)
    needed = np.isin(classes, [number[name] for name in legend if name in NEEDS_AUTHORITY])
    satisfied = _gates_on_file(ids, account_ids, now)
    if needed.any():
        book, documents = _book(ids, account_ids, base_currencies, satisfied, now)
    else:
        documents = Documents(np.zeros(0, dtype="V16"))
        book = book_from_columns(account_ids, base_currencies, [], _no_pairs(), documents)
    opens = ask.spread(size).opens
    check = book.check(ask, now, needed=needed, instructions=() if opens.all() else _instructions(ask, now))
    gate = first_open_gate(classes, legend, satisfied)
    unknown = gate == 1 + _GATES.index(AccountGate.CLASSIFIED)
    gate = np.where(opens | unknown, gate, 0)
    by_document = _CODE_OF_RANK[check.ranks]
    codes = np.where((by_document == 0) & (gate > 0), np.int8(_CODE[AuthorityFinding.AUTH_NONE]), by_document)
    return AuthorityVerdict(codes, gate, check, documents)


def _few(account_ids: Sequence[UUID]) -> str | None:
    """Return the ids to ask the database for as a uuid[] literal, None for all: reading a firm whole is faster than naming thousands."""
    return "{" + ",".join([id_.hex for id_ in account_ids]) + "}" if len(account_ids) <= FEW else None


def _gates_on_file(ids: NDArray[Any], account_ids: Sequence[UUID], now: datetime) -> dict[AccountGate, Bools]:
    # AUTHORITY is judged by document, MANDATE by `mandate_limits` and by what an account must state to be routed (ACC-2).
    everyone = np.ones(len(ids), dtype=np.bool_)
    satisfied = dict.fromkeys(AccountGate, ~everyone) | {AccountGate.AUTHORITY: everyone, AccountGate.MANDATE: everyone}
    with connection.cursor() as cursor:
        cursor.execute(_ON_FILE, {"now": now, "few": _few(account_ids)})
        for gate, subjects in cursor.fetchall():
            found = places(np.frombuffer(subjects, dtype="V16"), ids)
            satisfied[AccountGate(gate)] = satisfied[AccountGate(gate)] | _marked(found, len(ids))
    return satisfied


@dataclass(frozen=True, slots=True)
class _Columns:
    """Documents as the database sends them, d of them. ids, grantors: V16[d]; instants: int64[d], microseconds since 1970."""

    terms: list[DocumentTerms]
    ids: NDArray[Any]
    grantors: NDArray[Any]
    begins: Ints
    expires: Ints
    revoked: Ints
    terms_of: Ints
    has_fees: Bools


def _documents(rows: Sequence[Sequence[Any]]) -> _Columns:
    ids, grantors = (np.frombuffer(b"".join([row[k] for row in rows]), dtype="V16") for k in (8, 9))
    begins, expires, revoked = (_micros(b"".join([row[k] for row in rows])) for k in (10, 11, 12))
    terms_of = np.repeat(np.arange(len(rows)), [len(row[8]) // 16 for row in rows])
    has_fees = np.array([row[7] for row in rows], dtype=np.bool_)[terms_of]
    return _Columns([_terms(row) for row in rows], ids, grantors, begins, expires, revoked, terms_of, has_fees)


def _book(
    ids: NDArray[Any], account_ids: Sequence[UUID], base_currencies: Sequence[str], satisfied: dict[AccountGate, Bools], now: datetime
) -> tuple[AuthorityBook, Documents]:
    few = {"few": _few(account_ids)}
    with connection.cursor() as cursor:
        cursor.execute(_PAIRS, few)
        subjects, authorities = (np.frombuffer(sent, dtype="V16") for sent in cursor.fetchone())
        cursor.execute(_DOCUMENTS, few)
        found = _documents(cursor.fetchall())
        cursor.execute(_ADDRESSED)
        addressed = np.frombuffer(cursor.fetchone()[0], dtype="V16")
    account, document = places(subjects, ids), places(authorities, found.ids)
    here = (account >= 0) & (document >= 0)
    account, document = account[here], document[here]
    live = (found.begins <= _micros_of(now)) & (_micros_of(now) < np.minimum(found.expires, found.revoked))
    given = {AccountGate.FEE_SCHEDULE: found.has_fees, AccountGate.STATEMENT_ADDRESS: ~_absent(found.grantors, addressed)}
    for gate, by_document in given.items():
        satisfied[gate] = satisfied[gate] | _marked(account[(live & by_document)[document]], len(ids))
    pairs = AuthorityPairs(
        account,
        found.ids[document],
        found.terms_of[document],
        found.begins[document],
        found.expires[document],
        found.revoked[document],
    )
    documents = Documents(numbered(pairs.document)[0])
    return book_from_columns(account_ids, base_currencies, found.terms, pairs, documents), documents


def _absent(ids: NDArray[Any], among: NDArray[Any]) -> Bools:
    return np.less(places(ids, among), 0)


def _micros_of(instant: datetime) -> int:
    return (instant - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


def _terms(row: Sequence[Any]) -> DocumentTerms:
    kind, powers, kinds, allowed, denied, limit, currency = row[:7]
    scope = InstrumentScope(frozenset(kinds), frozenset(allowed), frozenset(denied))
    return DocumentTerms(AuthorityKind(kind), frozenset(Power(power) for power in powers), scope, limit, currency)


def _no_pairs() -> AuthorityPairs:
    none = np.zeros(0, dtype=np.int64)
    return AuthorityPairs(none, np.zeros(0, dtype="V16"), none, none, none, none)


def _micros(sent: bytes) -> Ints:
    since_2000 = np.frombuffer(sent, dtype=">i8").astype(np.int64)
    return np.where(since_2000 == _NEVER, _NEVER, since_2000 + np.where(since_2000 == _NEVER, 0, _SINCE_1970))


def _marked(found: Ints, size: int) -> Bools:
    marks = np.zeros(size, dtype=np.bool_)
    marks[found[found >= 0]] = True
    return marks


def _instructions(ask: AuthorityAsk, now: datetime) -> list[ClientInstruction]:
    own = next(iter(ask.symbols))
    rows = InstructionRow.objects.filter(received_at__lte=now, valid_until__gt=now, symbol__in=["", own])
    return [
        ClientInstruction(str(row.id), row.account_id, row.received_at, row.valid_until, row.document_sha256, row.symbol or None)
        for row in rows.order_by("received_at", "id")
    ]
