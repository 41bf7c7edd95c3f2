"""Who may hear of a parent and its blocks, as `visible` says it: whoever released its statement, or sees an account of it.

Entry point: `audience_of_parent`. Inside the caller's tenancy block. A statement is frozen, so the answer never changes.
"""

from __future__ import annotations

from uuid import UUID

from allocation.queries.visible import audience_of_statement

from ..models import ParentOrder


def audience_of_parent(*, parent_id: UUID) -> tuple[frozenset[str], int | None]:
    """Return the ids of the statement's accounts as text, and who released it; nobody for a parent the firm does not have."""
    statement_id = ParentOrder.objects.filter(pk=parent_id).values_list("statement_id", flat=True).first()
    return (frozenset(), None) if statement_id is None else audience_of_statement(statement_id=statement_id)
