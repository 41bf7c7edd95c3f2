"""Keep a person's home page as they arranged it.

Entry points: `layout_of`, `keep_layout`, `forget_layout`. Inside the caller's tenancy block. A layout grants nothing: each widget asks anew
what its visitor may see.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from base.core.validation import InvalidInput
from base.errors import Refused
from governance.enums import Role
from reporting.core.home import Placed, default_for, read_layout
from reporting.models import HomeLayout


class UnableToKeepLayout(Refused):
    """What was sent is no layout."""


def layout_of(*, user_id: int, roles: Collection[Role]) -> tuple[Placed, ...]:
    """Return the person's layout; the default of their role where they made none, or where their role has changed."""
    row = HomeLayout.objects.filter(user_id=user_id).first()
    try:
        return default_for(roles) if row is None else read_layout(row.widgets, roles=roles)
    except InvalidInput:
        return default_for(roles)


def keep_layout(*, user_id: int, roles: Collection[Role], stated: Any) -> tuple[Placed, ...]:
    """Keep what the person arranged. Raises UnableToKeepLayout."""
    try:
        placed = read_layout(stated, roles=roles)
    except InvalidInput as error:
        raise UnableToKeepLayout("layout", f"{error.field}: {error.rule}", field=error.field, value=error.value) from error
    widgets = [{"name": one.widget.name, "width": one.width} for one in placed]
    HomeLayout.objects.update_or_create(user_id=user_id, defaults={"widgets": widgets})
    return placed


def forget_layout(*, user_id: int) -> None:
    """Go back to the default of the person's role."""
    HomeLayout.objects.filter(user_id=user_id).delete()
