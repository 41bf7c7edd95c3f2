"""Who reports an account's gains, and with whom their losses wash (CON-3, WASH-2).

Entry points: `TaxFacts`, `UnitMember`, `tax_units`.

Invariants:
1. What the TAX_UNIT graph records about an account wins; only an account it does not name is its owner's.
2. An account that neither names is a unit of its own: nobody is assumed to be anybody else.
3. A unit may hold several taxpayers (a spouse, a controlled corporation): linked, never the same (WASH-11).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date

from accounts.enums import REGISTRATIONS, AccountClass, NodeKind, Registration, RelationshipKind, TaxClassification

from .ledger import Id
from .relationships import Edge, account, edges_on, group_labels, party
from .wash_values import UnitAccount

OWN_RETURN = frozenset(
    {
        TaxClassification.PARTNERSHIP,
        TaxClassification.S_CORPORATION,
        TaxClassification.C_CORPORATION,
        TaxClassification.NON_GRANTOR_TRUST,
        TaxClassification.FIRM,
    }
)
"""Classifications that file a return of their own: linked with whoever owns them, not the same taxpayer."""


@dataclass(frozen=True, slots=True)
class TaxFacts:
    """What an account's record says. owner_id: the beneficial owner, None where none is recorded."""

    account_id: Id
    owner_id: Id | None
    tax_classification: TaxClassification
    registration: Registration | None = None

    @property
    def is_sheltered(self) -> bool:
        """Tell whether nobody reports the account's gains: a retirement or health account, or an owner free of tax."""
        free = {TaxClassification.TAX_DEFERRED, TaxClassification.TAX_FREE}
        return self.tax_classification in free or self.registration in REGISTRATIONS[AccountClass.SHELTERED]


@dataclass(frozen=True, slots=True)
class UnitMember:
    """An account in its unit. unit: 0, 1, …, equal for accounts of one unit."""

    unit: int
    account: UnitAccount


def tax_units(facts: Sequence[TaxFacts], edges: Iterable[Edge], on: date) -> dict[Id, UnitMember]:
    """Return every account's unit and taxpayer as they stand on that day.

    Source: CON-3, WASH-2; the day's units judge the whole replay, so a link that has ended is not looked through.
    """
    graph = edges_on(edges, RelationshipKind.TAX_UNIT, on)
    reports: dict[Id, list[Id]] = {}
    for edge in graph:
        for one, other in ((edge.source, edge.target), (edge.target, edge.source)):
            if one.kind is NodeKind.ACCOUNT:
                reports.setdefault(one.id, []).extend([other.id] if other.kind is NodeKind.PARTY else [])
    owned = [
        Edge(RelationshipKind.TAX_UNIT, account(one.account_id), party(one.owner_id), on)
        for one in facts
        if one.account_id not in reports and one.owner_id is not None
    ]
    labels = group_labels([*graph, *owned], RelationshipKind.TAX_UNIT, [one.account_id for one in facts], on)
    return {
        one.account_id: UnitMember(unit, UnitAccount(one.account_id, _taxpayer(one, reports.get(one.account_id, [])), one.is_sheltered))
        for one, unit in zip(facts, labels.tolist(), strict=True)
    }


def _taxpayer(one: TaxFacts, parties: Sequence[Id]) -> Id:
    """Return who files: the one party the graph names, else the owner, else the account itself; a return of one's own sets apart."""
    recorded = set(parties)
    who = recorded.pop() if len(recorded) == 1 else one.owner_id
    if who is None:
        return str(one.account_id)
    if one.tax_classification in OWN_RETURN:
        return f"{who} {one.tax_classification}"
    return f"{who} {Registration.SPOUSE}" if one.registration is Registration.SPOUSE else str(who)
