"""An authority book straight from columns, without an object for each of ten thousand documents (GOV-2).

Entry points: `DocumentTerms` (what several documents have in common), `AuthorityPairs` (who is covered by which document, and when),
`book_from_columns`. The outcome is that of `AuthorityBook.build` on the same documents.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import numpy as np
from numpy.typing import NDArray

from base.core.money import minor_exponent
from governance.core.authority import KIND_MAY_GIVE, Authority, InstrumentScope
from governance.core.authority_check import NO_LIMIT, RANK, AuthorityBook, power_mask
from governance.core.id_columns import numbered
from governance.enums import AuthorityFinding, AuthorityKind, Power

Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class DocumentTerms:
    """What a document gives; many clients sign the same."""

    kind: AuthorityKind
    powers: frozenset[Power]
    scope: InstrumentScope
    max_order_notional: Decimal | None
    limit_currency: str

    def limit_in(self, base_currency: str) -> int:
        """Return the largest order in minor units of the account's currency; −1 where the limit is stated in another (CON-5)."""
        if self.max_order_notional is None:
            return NO_LIMIT
        if self.limit_currency != base_currency:
            return -1
        return min(int(self.max_order_notional.scaleb(minor_exponent(base_currency))), NO_LIMIT - 1)


@dataclass(frozen=True, slots=True)
class AuthorityPairs:
    """One entry for each (account, document), in any order.

    account: int64[p], place in the accounts asked about. document: V16[p], ids. terms: int64[p], place in the list of terms.
    begins, expires, revoked: int64[p], microseconds since 1970; the largest int64 = never.
    """

    account: Ints
    document: NDArray[Any]
    terms: Ints
    begins: Ints
    expires: Ints
    revoked: Ints


def book_from_columns(
    account_ids: Sequence[Hashable],
    base_currencies: Sequence[str],
    terms: Sequence[DocumentTerms],
    pairs: AuthorityPairs,
    documents: Sequence[Authority],
) -> AuthorityBook:
    """Return the book of these pairs. documents: the full documents in ascending order of id, fetched only to explain.

    Raises ValueError for unequal lengths.
    """
    if len(account_ids) != len(base_currencies):
        raise ValueError("account_ids must have one base currency each")
    _, number = numbered(pairs.document)
    count = int(number.max()) + 1 if len(number) else 0
    first = np.zeros(count, dtype=np.int64)
    first[number[::-1]] = np.arange(len(number))[::-1]
    terms_of = pairs.terms[first]
    expires, revoked = pairs.expires[first], pairs.revoked[first]
    scopes = {scope: place for place, scope in enumerate(dict.fromkeys(item.scope for item in terms))}
    order = np.lexsort((number, pairs.account))
    return AuthorityBook(
        account_ids=account_ids,
        documents=documents,
        pair_account=pairs.account[order],
        pair_document=number[order],
        pair_limit=_limits(terms, pairs, base_currencies)[order],
        powers=_taken([power_mask(item.powers & KIND_MAY_GIVE[item.kind]) for item in terms], terms_of),
        begins=pairs.begins[first],
        ends=np.minimum(expires, revoked),
        end_rank=np.where(revoked <= expires, RANK[AuthorityFinding.AUTH_REVOKED], RANK[AuthorityFinding.AUTH_EXPIRED]),
        scopes=tuple(scopes),
        scope_of=_taken([scopes[item.scope] for item in terms], terms_of),
    )


def _taken(values: list[int], places: Ints) -> Ints:
    return np.array(values, dtype=np.int64)[places]


def _limits(terms: Sequence[DocumentTerms], pairs: AuthorityPairs, base_currencies: Sequence[str]) -> Ints:
    legend = {currency: place for place, currency in enumerate(dict.fromkeys(base_currencies))}
    currency = np.array([legend[name] for name in base_currencies], dtype=np.int64)[pairs.account]
    table = np.array([[item.limit_in(name) for name in legend] for item in terms], dtype=np.int64).reshape(len(terms), len(legend))
    return table[pairs.terms, currency]
