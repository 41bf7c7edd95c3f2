"""Saved views of the dashboard: a name for a filter, private or shared with the firm's staff (DESIGN §6).

Entry points: `save_view`, `rename_view`, `share_view`, `delete_view`. Errors: `UnableToSaveView`.
Invariants: 1. a view is a filter, never a grant: whoever opens it sees of it what they may see. 2. only its owner changes it; sharing is for
`SHARERS`. 3. what is kept has been checked; what no longer holds is refused when it is opened.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from uuid import UUID

from django.db import IntegrityError
from django.db import transaction as database

from base.errors import Conflict, Forbidden, NotFound, Refused
from governance.core.subjects import Actor, Subject
from governance.enums import AuditAction, Role, SubjectKind
from governance.services import audit

from ..core.account_filter import AccountFilter, checked_filter
from ..models import SavedView

SHARERS = frozenset({Role.MANAGER, Role.RISK, Role.COMPLIANCE, Role.OPERATIONS})
MOST_VIEWS = 50


class UnableToSaveView(Refused):
    """The name or the filter cannot be kept."""


@database.atomic
def save_view(*, name: str, chosen: AccountFilter, is_shared: bool, actor: Actor, now: datetime) -> tuple[SavedView, bool]:
    """Keep a filter under a name of the actor's; one of the same name is replaced. Returns the view, and whether it replaced one.

    Raises UnableToSaveView, Forbidden, Conflict for a name that is being given elsewhere at this moment.
    """
    title = _title(name)
    _may_share(is_shared, actor)
    owner_id = int(actor.user_id)
    kept = checked_filter(chosen.as_json()).as_json()
    row = SavedView.objects.select_for_update().filter(owner_id=owner_id, name=title).first()
    if row is None and SavedView.objects.filter(owner_id=owner_id).count() >= MOST_VIEWS:
        raise UnableToSaveView("views", f"{MOST_VIEWS} views are enough; delete one first", field="name", value=title)
    before = None if row is None else {"filters": row.filters, "is_shared": row.is_shared}
    view = row or SavedView(owner_id=owner_id, name=title, created_at=now)
    view.filters, view.is_shared, view.changed_at = kept, is_shared, now
    with _one_of_a_name(title):
        view.save()
    _told(AuditAction.CREATED if row is None else AuditAction.CHANGED, view, actor, now, before, {"filters": kept, "is_shared": is_shared})
    return view, row is not None


@database.atomic
def rename_view(*, view_id: UUID, name: str, actor: Actor, now: datetime) -> SavedView:
    """Give a view another name. Raises NotFound for one that is not the actor's, UnableToSaveView, Conflict for a name in use."""
    view, title = _own(view_id, actor), _title(name)
    if SavedView.objects.filter(owner_id=view.owner_id, name=title).exclude(pk=view.pk).exists():
        raise Conflict("name", f"you have a view called {title}", field="name", value=title)
    before, view.name, view.changed_at = view.name, title, now
    with _one_of_a_name(title):
        view.save(update_fields=["name", "changed_at"])
    _told(AuditAction.CHANGED, view, actor, now, {"name": before}, {"name": title})
    return view


@database.atomic
def share_view(*, view_id: UUID, is_shared: bool, actor: Actor, now: datetime) -> SavedView:
    """Show a view to the firm's staff, or to its owner alone. Raises NotFound, Forbidden."""
    view = _own(view_id, actor)
    _may_share(is_shared, actor)
    before, view.is_shared, view.changed_at = view.is_shared, is_shared, now
    view.save(update_fields=["is_shared", "changed_at"])
    _told(AuditAction.CHANGED, view, actor, now, {"is_shared": before}, {"is_shared": is_shared})
    return view


@database.atomic
def delete_view(*, view_id: UUID, actor: Actor, now: datetime) -> None:
    """Delete a view. Raises NotFound for one that is not the actor's."""
    view = _own(view_id, actor)
    _told(AuditAction.ENDED, view, actor, now, {"name": view.name, "filters": view.filters}, None)
    view.delete()


def _own(view_id: UUID, actor: Actor) -> SavedView:
    view = SavedView.objects.select_for_update().filter(pk=view_id, owner_id=int(actor.user_id)).first()
    if view is None:
        raise NotFound("view")
    return view


def _title(name: str) -> str:
    title = " ".join("".join(c if c.isprintable() else " " for c in name).split())
    if not 1 <= len(title) <= 60:
        raise UnableToSaveView("name", "a name has 1 to 60 characters", field="name", value=name[:80])
    return title


@contextmanager
def _one_of_a_name(title: str) -> Iterator[None]:
    """Save within a savepoint. Raises Conflict where another window was quicker with the name."""
    try:
        with database.atomic():
            yield
    except IntegrityError as error:
        raise Conflict("name", f"a view called {title} has just been saved from another window", field="name", value=title) from error


def _may_share(is_shared: bool, actor: Actor) -> None:
    if is_shared and actor.role not in SHARERS:
        raise Forbidden("role", "your role may not share views")


def _told(
    action: AuditAction, view: SavedView, actor: Actor, now: datetime, before: dict[str, object] | None, after: dict[str, object] | None
) -> None:
    audit(
        action=action,
        subject=Subject(SubjectKind.FIRM, str(view.firm_id)),
        actor=actor,
        now=now,
        before=before,
        after=after,
        reason=f"saved view {view.name}",
    )
