"""Who is in the firm, in which roles; the parties it deals with."""

from __future__ import annotations

from typing import Any

from django import forms
from django.http import HttpRequest

from .. import services
from ..adminforms import ActForm, Reason, choices, text
from ..adminsite import Act, HouseAdmin
from ..core.subjects import Actor
from ..enums import Role
from ..permissions import CONTROL
from ..queries import person_with_email
from ..services.permission import MEMBERS
from ..sign_in import invite
from ..web import Visit


class NewMember(ActForm):
    email = forms.EmailField(max_length=254, label="Mail address")
    name = forms.CharField(max_length=120, help_text="Ignored for somebody who signs in here already.")
    role = forms.ChoiceField(choices=choices(Role))
    reason = forms.CharField(max_length=200, help_text="Stands in the audit trail.")


class NewParty(ActForm):
    code = forms.CharField(max_length=40)
    name = forms.CharField(max_length=160)
    is_entity = forms.BooleanField(required=False, label="A legal entity")
    statement_address = text(required=False, max_length=2000)


def add(actor: Actor, visit: Visit, obj: Any, data: dict[str, Any]) -> str:
    """Give a person a role; somebody new gets a letter with a link."""
    email = data["email"].strip().lower()
    user_id = person_with_email(email)
    is_new = user_id is None
    if user_id is None:
        user_id = services.create_user(email=email, name=data["name"])
    services.add_member(user_id=user_id, role=Role(data["role"]), actor=actor, now=visit.now, reason=data["reason"])
    if is_new:
        invite(user_id)
    return f"{email} has the role; whoever is new gets a letter."


def take(actor: Actor, visit: Visit, obj: Any, data: dict[str, Any]) -> str:
    """Take a role away."""
    services.remove_member(user_id=obj.user_id, role=Role(obj.role), actor=actor, now=visit.now, reason=data["reason"])
    return "The role is gone, from the next request on."


def record_party(actor: Actor, visit: Visit, obj: Any, data: dict[str, Any]) -> str:
    """Record a party."""
    services.record_party(actor=actor, now=visit.now, **data)
    return f"{data['name']} is recorded."


class MembershipAdmin(HouseAdmin):
    group, title, icon = "People", "People and roles", "group"
    list_display = ("email", "name", "role", "is_active")
    list_filter = ("is_active", "role")
    search_fields = ("user__email", "user__name")
    list_select_related = ("user",)
    fields: Any = ("email", "name", "role", "is_active")
    readonly_fields = ("email", "name")
    ordering = ("user__email", "role")
    acts = (
        Act("add", "Add a person or role", add, NewMember, about_row=False, roles=MEMBERS & CONTROL, fresh=True),
        Act(
            "take", "Take the role away", take, Reason, roles=MEMBERS & CONTROL, fresh=True, danger=True, when=lambda row, _: row.is_active
        ),
    )

    def get_queryset(self, request: HttpRequest) -> Any:
        """Return this firm's; one's own memberships elsewhere are not this firm's business."""
        return super().get_queryset(request).filter(firm_id=request.visit.firm_id)  # type: ignore[attr-defined]

    def email(self, obj: Any) -> str:
        """Return the person's address."""
        return str(obj.user.email)

    def name(self, obj: Any) -> str:
        """Return the person's name."""
        return str(obj.user.name)

    def named(self, obj: Any) -> str:
        """Return who."""
        return f"{obj.user.email}, {obj.role.capitalize()}"


class PartyAdmin(HouseAdmin):
    group, title, icon = "People", "Parties", "contacts"
    list_display = ("code", "name", "is_entity")
    search_fields = ("code", "name")
    fields: Any = ("code", "name", "is_entity", "statement_address")
    ordering = ("code",)
    acts = (Act("record", "Record a party", record_party, NewParty, about_row=False),)
