"""What a release over a limit asks a second person for, in words (GOV-4).

Entry point: `register`.
"""

from __future__ import annotations

from collections.abc import Collection
from uuid import UUID

from allocation.queries import stated_signals
from governance.enums import ApprovalAction
from governance.queries.approval_desk import Terms, register_terms
from governance.queries.approvals import ApprovalFacts
from governance.queries.names import uuids_of

from ..core.journey_words import intent


def register() -> None:
    """Tell what a release over a limit asks for wherever governance shows the request."""
    register_terms(ApprovalAction.RELEASE_OVER_LIMIT, _terms)


def _terms(requests: Collection[ApprovalFacts]) -> dict[UUID, Terms]:
    stated = {str(pk): one for pk, one in stated_signals(ids=uuids_of([one.subject.id for one in requests])).items()}
    found = ((request.id, stated.get(request.subject.id)) for request in requests)
    return {
        pk: (("Asks for", intent(one.method, one.figure, one.symbol)), ("Strategy", one.strategy)) for pk, one in found if one is not None
    }
