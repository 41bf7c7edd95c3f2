"""Saved views of the dashboard that a person may open: their own, and those shared in the firm.

Entry points: `seen_views`, `seen_view`, `accounts_of_view`. Inside the caller's tenancy block.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db.models import Q

from base.errors import NotFound
from governance.core.subjects import Viewer

from ..core.account_filter import checked_filter
from ..models import SavedView
from .figures import Sight, selected_ids


def seen_views(*, user_id: int) -> list[SavedView]:
    """Return the person's views and the shared ones by name, with their owners."""
    return list(SavedView.objects.filter(Q(owner_id=user_id) | Q(is_shared=True)).select_related("owner").order_by("name", "id"))


def seen_view(*, view_id: Any, user_id: int) -> SavedView:
    """Return one view. Raises NotFound for one that is somebody else's and not shared, or no id at all."""
    try:
        pk = view_id if isinstance(view_id, UUID) else UUID(str(view_id))
    except ValueError as error:
        raise NotFound("view") from error
    found = SavedView.objects.filter(Q(owner_id=user_id) | Q(is_shared=True), pk=pk).first()
    if found is None:
        raise NotFound("view")
    return found


def accounts_of_view(*, view_id: UUID, viewer: Viewer) -> list[UUID]:
    """Return the accounts a view means for this person now: explicit ids, for a preview. Raises NotFound; ValueError if it no longer holds."""
    return selected_ids(Sight(viewer, checked_filter(seen_view(view_id=view_id, user_id=viewer.user_id).filters)))
