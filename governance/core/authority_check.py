"""The authority check for many accounts and one instrument at once (GOV-2, GOV-3).

Entry points: `AuthorityBook.build` once per set of documents (`authority_columns` from columns), `AuthorityBook.check` per instrument
and instant, `AuthorityCheck.decision` to explain one account.

Invariants
1. An account passes only if one live document covers its order, or a recorded client instruction lets it close after the document ended.
2. An account without any document gets AUTH_NONE; an account the book does not know cannot be asked about.
3. The outcome does not depend on the order of documents; cost is linear in accounts plus (account, document) pairs.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
import numpy.typing as npt

from base.core.money import minor_exponent
from governance.core.authority import Authority, ClientInstruction, InstrumentScope, powers_needed, standing
from governance.enums import AuthorityFinding, Power

BoolArray = npt.NDArray[np.bool_]
IntArray = npt.NDArray[np.int64]

_BIT = {power: 1 << position for position, power in enumerate(Power)}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FAR = np.iinfo(np.int64).max
NO_LIMIT = np.iinfo(np.int64).max
# Best first: what an account is told when several documents all fall short is the one that came nearest.
RANKS: tuple[AuthorityFinding | None, ...] = (
    None,
    AuthorityFinding.AUTH_SCOPE,
    AuthorityFinding.AUTH_REVOKED,
    AuthorityFinding.AUTH_EXPIRED,
    AuthorityFinding.AUTH_NONE,
)
RANK = {finding: rank for rank, finding in enumerate(RANKS)}
_ENDED = (RANK[AuthorityFinding.AUTH_REVOKED], RANK[AuthorityFinding.AUTH_EXPIRED])


@dataclass(frozen=True, slots=True)
class AuthorityAsk:
    """What is to be done in one instrument, for each account of the book (same order, n accounts) or alike for all (one bool).

    symbols: the instrument's own symbol first, then its underlyings'. opens: bool[n] or bool, the order opens or increases. short, margin:
    it sells short / borrows. notional: int64[n], absolute order value in minor units of each account's base currency; None = not known yet
    (documents with a limit then refuse openings). Raises ValueError without a symbol, or for a set of several: which one is first?
    """

    instrument_kind: str
    symbols: Iterable[str]
    opens: BoolArray | bool
    short: BoolArray | bool = False
    margin: BoolArray | bool = False
    notional: IntArray | None = None

    def __post_init__(self) -> None:
        symbols = tuple(self.symbols)
        if not symbols or (len(symbols) > 1 and isinstance(self.symbols, (set, frozenset))):
            raise ValueError("symbols must name the instrument first, then its underlyings")
        object.__setattr__(self, "symbols", symbols)

    def spread(self, size: int) -> SpreadAsk:
        """Return the ask with one entry for each of `size` accounts. Raises ValueError for arrays of another length."""
        flags = [np.asarray(flag, dtype=np.bool_) for flag in (self.opens, self.short, self.margin)]
        if any(flag.ndim and len(flag) != size for flag in flags) or (self.notional is not None and len(self.notional) != size):
            raise ValueError(f"the ask must have one entry for each of {size} accounts")
        opens, short, margin = (np.broadcast_to(flag, (size,)) for flag in flags)
        return SpreadAsk(self.instrument_kind, tuple(self.symbols), opens, short, margin, self.notional)


@dataclass(frozen=True, slots=True)
class SpreadAsk:
    """An ask laid out over n accounts: opens, short, margin bool[n]."""

    instrument_kind: str
    symbols: tuple[str, ...]
    opens: BoolArray
    short: BoolArray
    margin: BoolArray
    notional: IntArray | None


@dataclass(frozen=True, slots=True)
class AuthorityDecision:
    """The outcome for one account. finding None = passed. authority_id: the document that decided it ("" if there is none)."""

    account_id: Hashable
    finding: AuthorityFinding | None
    reason: str
    authority_id: str = ""
    clause: str = ""
    instruction_id: str = ""
    rule: str = "GOV-2"


@dataclass(frozen=True, slots=True)
class AuthorityBook:
    """Documents and accounts laid out as arrays. pair_account, pair_document: int64[pairs], sorted by account, then document id."""

    account_ids: Sequence[Hashable]
    documents: Sequence[Authority]
    pair_account: IntArray
    pair_document: IntArray
    pair_limit: IntArray
    powers: IntArray
    begins: IntArray
    ends: IntArray
    end_rank: IntArray
    scopes: tuple[InstrumentScope, ...]
    scope_of: IntArray

    @classmethod
    def build(cls, authorities: Sequence[Authority], account_ids: Sequence[str], base_currencies: Sequence[str]) -> AuthorityBook:
        """Lay out `authorities` for the given accounts; documents about other accounts are ignored.

        base_currencies: one per account. A limit stated in another currency than the account's allows no opening there (CON-5).
        Raises ValueError for unequal lengths or an account named twice.
        """
        if len(account_ids) != len(base_currencies) or len(set(account_ids)) != len(account_ids):
            raise ValueError("account_ids must be distinct, with one base currency each")
        position = {account_id: index for index, account_id in enumerate(account_ids)}
        documents = tuple(sorted(authorities, key=lambda authority: authority.authority_id))
        pairs = sorted(
            (position[account_id], number)
            for number, document in enumerate(documents)
            for account_id in document.account_ids
            if account_id in position
        )
        scope_numbers: dict[InstrumentScope, int] = {}
        scope_of = [scope_numbers.setdefault(document.scope, len(scope_numbers)) for document in documents]
        return cls(
            account_ids=tuple(account_ids),
            documents=documents,
            pair_account=np.array([account for account, _ in pairs], dtype=np.int64),
            pair_document=np.array([number for _, number in pairs], dtype=np.int64),
            pair_limit=np.array([_limit(documents[number], base_currencies[account]) for account, number in pairs], dtype=np.int64),
            powers=np.array([power_mask(document.granted) for document in documents], dtype=np.int64),
            begins=np.array([_micros(document.begins_at) for document in documents], dtype=np.int64),
            ends=np.array([_micros(document.ended_at) for document in documents], dtype=np.int64),
            end_rank=np.array([_end_rank(document) for document in documents], dtype=np.int64),
            scopes=tuple(scope_numbers),
            scope_of=np.array(scope_of, dtype=np.int64),
        )

    def check(
        self, ask: AuthorityAsk, now: datetime, *, needed: BoolArray | None = None, instructions: Sequence[ClientInstruction] = ()
    ) -> AuthorityCheck:
        """Judge every account of the book at `now`.

        needed: bool[n], accounts that need an authority at all (MANAGED, ACC-1); None = all. Raises ValueError for arrays of another
        length.
        """
        return self._check(ask.spread(len(self.account_ids)), now, needed, instructions)

    def _check(self, ask: SpreadAsk, now: datetime, needed: BoolArray | None, instructions: Sequence[ClientInstruction]) -> AuthorityCheck:
        size = len(self.account_ids)
        ranks = np.full(size, RANK[AuthorityFinding.AUTH_NONE], dtype=np.int64)
        deciding = np.full(size, -1, dtype=np.int64)
        if len(self.pair_account):
            pair_ranks = self._pair_ranks(ask, now)
            ends = self.ends[self.pair_document]
            # Of documents of equal rank the one that lasts (or lasted) longest speaks; then the smaller document id, which the pairs are
            # sorted by.
            order = np.lexsort((self.pair_document, -ends, pair_ranks, self.pair_account))
            accounts, first = np.unique(self.pair_account[order], return_index=True)
            ranks[accounts] = pair_ranks[order][first]
            deciding[accounts] = self.pair_document[order][first]
        if needed is not None:
            deciding[~needed & (ranks != 0)] = -1
            ranks[~needed] = 0
        lifted = self._lifted(ask, now, ranks, instructions)
        return AuthorityCheck(self, ask, now, np.where(lifted >= 0, 0, ranks), deciding, lifted, tuple(instructions))

    def _pair_ranks(self, ask: SpreadAsk, now: datetime) -> IntArray:
        instant = _micros(now)
        after = np.where(instant < self.ends, 0, self.end_rank)
        standings = np.where(instant < self.begins, RANK[AuthorityFinding.AUTH_NONE], after)
        in_scope = np.array([scope.covers(ask.instrument_kind, ask.symbols) for scope in self.scopes], dtype=np.bool_)[self.scope_of]
        required = _required(ask)[self.pair_account]
        opens = ask.opens[self.pair_account]
        limited = self.pair_limit != NO_LIMIT
        over = limited if ask.notional is None else ask.notional[self.pair_account] > self.pair_limit
        falls_short = ((required & ~self.powers[self.pair_document]) != 0) | ~in_scope[self.pair_document] | (opens & over)
        live = standings[self.pair_document]
        return np.where((live == 0) & falls_short, RANK[AuthorityFinding.AUTH_SCOPE], live)

    def _lifted(self, ask: SpreadAsk, now: datetime, ranks: IntArray, instructions: Sequence[ClientInstruction]) -> IntArray:
        lifted = np.full(len(ranks), -1, dtype=np.int64)
        position = {account_id: index for index, account_id in enumerate(self.account_ids)} if instructions else {}
        for number, instruction in enumerate(instructions):
            account = position.get(instruction.account_id)
            if account is None or ask.opens[account] or ranks[account] not in _ENDED:
                continue
            if instruction.permits_closing(instruction.account_id, ask.symbols[:1], now):
                lifted[account] = number
        return lifted


@dataclass(frozen=True, slots=True)
class AuthorityCheck:
    """The outcome per account of the book.

    ranks: int64[n], 0 = passed; deciding: int64[n], index of the document that decided, −1 = none.
    """

    book: AuthorityBook
    ask: SpreadAsk
    now: datetime
    ranks: IntArray
    deciding: IntArray
    lifted: IntArray
    instructions: tuple[ClientInstruction, ...]

    @property
    def passed(self) -> BoolArray:
        """bool[n]: the account may stay in the block."""
        return np.equal(self.ranks, 0)

    def finding(self, index: int) -> AuthorityFinding | None:
        """Return the finding of account `index`, None if it passed."""
        return RANKS[int(self.ranks[index])]

    def decision(self, index: int) -> AuthorityDecision:
        """Explain account `index`: finding, reason, document and clause."""
        account_id = self.book.account_ids[index]
        document = None if self.deciding[index] < 0 else self.book.documents[self.deciding[index]]
        if self.lifted[index] >= 0 and document is not None:
            instruction = self.instructions[self.lifted[index]]
            reason = f"closes on the client's instruction; the authority {standing(document, self.now)[1]}"
            return AuthorityDecision(
                account_id, None, reason, document.authority_id, document.clause("term"), instruction.instruction_id, "GOV-3"
            )
        finding = self.finding(index)
        if document is None:
            reason = "no authority is needed" if finding is None else "no authority is recorded"
            return AuthorityDecision(account_id, finding, reason, rule="GOV-1")
        if finding is None:
            return AuthorityDecision(account_id, None, f"covered by {document.kind}", document.authority_id, document.clause(Power.TRADE))
        reason, key = (
            self._shortfall(index, document) if finding is AuthorityFinding.AUTH_SCOPE else (standing(document, self.now)[1], "term")
        )
        return AuthorityDecision(account_id, finding, reason, document.authority_id, document.clause(key))

    def removed(self) -> list[AuthorityDecision]:
        """Return the decisions of the accounts that leave the block, in the book's order."""
        return [self.decision(int(index)) for index in np.flatnonzero(self.ranks)]

    def _shortfall(self, index: int, document: Authority) -> tuple[str, str]:
        ask = self.ask
        flags = {"opens": bool(ask.opens[index]), "short": bool(ask.short[index]), "margin": bool(ask.margin[index])}
        missing = sorted(powers_needed(ask.instrument_kind, **flags) - document.granted)
        if missing:
            return f"gives no power to {', '.join(missing)}", str(missing[0])
        if not document.scope.covers(ask.instrument_kind, ask.symbols):
            return f"does not cover {ask.symbols[0]} ({ask.instrument_kind})", "instruments"
        if ask.notional is None:
            return "limits the order value, which is not known", "limits"
        return f"limits an order to {document.max_order_notional} {document.limit_currency}", "limits"


def _required(ask: SpreadAsk) -> IntArray:
    closing = power_mask(powers_needed(ask.instrument_kind, opens=False))
    required = np.full(len(ask.opens), closing, dtype=np.int64)
    required[ask.opens & ask.short] |= _BIT[Power.SHORT]
    required[ask.opens & ask.margin] |= _BIT[Power.MARGIN]
    return required


def power_mask(powers: frozenset[Power]) -> int:
    return sum(_BIT[power] for power in powers)


def _limit(document: Authority, base_currency: str) -> int:
    if document.max_order_notional is None:
        return NO_LIMIT
    if document.limit_currency != base_currency:
        return -1
    return min(int(document.max_order_notional.scaleb(minor_exponent(base_currency))), NO_LIMIT - 1)


def _end_rank(document: Authority) -> int:
    revoked = document.revoked_at is not None and document.ended_at == document.revoked_at
    return RANK[AuthorityFinding.AUTH_REVOKED if revoked else AuthorityFinding.AUTH_EXPIRED]


def _micros(instant: datetime | None) -> int:
    return _FAR if instant is None else (instant - _EPOCH) // timedelta(microseconds=1)
