"""What a request about a break asks a second person for, in words (REC-6, REC-7, GOV-4).

Entry points: `terms_of`, `books_of`.
Invariant: figures are those the yes would book, or did; of a request that came to nothing they are not told, for the break has moved on since.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import date
from decimal import Decimal
from uuid import UUID

from base.core.figures import number, signed_money
from base.core.words import words
from governance.enums import ApprovalState
from governance.queries.approval_desk import Terms
from governance.queries.approvals import ApprovalFacts

from ..core.resolution_words import books_in_words
from ..enums import AdjustmentKind
from ..models import Break, Proposal
from ..queries.desk import sleeve_codes
from .rows import to_value

_ALIVE = (ApprovalState.REQUESTED, ApprovalState.APPROVED)


def terms_of(requests: Collection[ApprovalFacts]) -> dict[UUID, Terms]:
    """Return what each of these requests asks for, as label and words; the caller has judged who may see them."""
    asked = {one.id: one for one in requests}
    rows = list(Proposal.objects.filter(approval_id__in=list(asked)).select_related("of_break__account"))
    sleeves = sleeve_codes({row.sleeve_id for row in rows if row.sleeve_id is not None})
    return {row.approval_id: _terms(row, asked[row.approval_id], sleeves) for row in rows}


def books_of(row: Break, kind: AdjustmentKind) -> str:
    """Return what an entry of this kind would book for a break: −60 ALDER, +3,000.00 USD."""
    return books_in_words(to_value(row, row.account.custodian_account), kind)


def _terms(row: Proposal, request: ApprovalFacts, sleeves: dict[UUID, str]) -> Terms:
    found = row.of_break
    terms = [("Entry", words(row.kind))] if row.kind else []
    if row.expires_at is not None:
        terms.append(("Set aside until", f"{row.expires_at.day} {row.expires_at:%b %Y %H:%M} UTC"))
    if request.state in _ALIVE or (row.kind and request.state is ApprovalState.USED):
        if row.kind:
            terms.append(("Books", books_of(found, AdjustmentKind(row.kind))))
        value = to_value(found, found.account.custodian_account)
        terms.append(("Ours against theirs", f"{_side(value.ours)} against {_side(value.theirs)}"))
        if value.value_difference is not None:
            terms.append(("Worth", f"{signed_money(value.value_difference, value.value_currency)} {value.value_currency}"))
    if row.sleeve_id is not None:
        terms.append(("Sleeve", sleeves.get(row.sleeve_id, "")))
    if row.evidence:
        terms.append(("Evidence", row.evidence))
    return tuple(terms)


def _side(value: Decimal | date | None) -> str:
    if value is None:
        return "none"
    return number(value) if isinstance(value, Decimal) else f"{value.day} {value:%b %Y}"
