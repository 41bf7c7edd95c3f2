"""API tokens and webhook keys: made, listed without their secrets, ended."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django import forms
from django.http import HttpRequest

from .. import services
from ..adminforms import ActForm, Reason
from ..adminsite import Act, Done, HouseAdmin
from ..core.subjects import Actor, token_name
from ..enums import Role
from ..queries import api_tokens
from ..queries.people import members
from ..web import Visit

LONGEST_DAYS = 730


class NewToken(ActForm):
    user = forms.TypedChoiceField(coerce=int, label="Acts as")
    label = forms.CharField(max_length=80, help_text="What it is for.")
    days = forms.IntegerField(min_value=1, max_value=LONGEST_DAYS, initial=90, help_text="How long it is good for.")

    def prepare(self) -> None:
        """Offer the firm's people."""
        self.fields["user"].choices = members()  # type: ignore[attr-defined]


class EndToken(ActForm):
    token = forms.ChoiceField()
    reason = forms.CharField(max_length=200)

    def prepare(self) -> None:
        """Offer the firm's tokens."""
        self.fields["token"].choices = [(one.id, f"{one.label}, {one.email} ({one.id})") for one in api_tokens()]  # type: ignore[attr-defined]


class NewKey(ActForm):
    source = forms.RegexField(r"^[A-Za-z0-9_-]{1,64}\Z", help_text="The last part of the address it posts to: letters, digits, - and _.")
    user = forms.TypedChoiceField(coerce=int, label="Its signals act as")

    def prepare(self) -> None:
        """Offer the firm's managers and traders."""
        self.fields["user"].choices = members(frozenset({Role.MANAGER, Role.TRADER}))  # type: ignore[attr-defined]


class Rotate(ActForm):
    hours = forms.IntegerField(min_value=0, max_value=24 * 31, initial=24, help_text="How long the old key stays good besides the new one.")
    reason = forms.CharField(max_length=200)


def issue(actor: Actor, visit: Visit, obj: Any, data: dict[str, Any]) -> Done:
    """Make a token and show it once."""
    lifetime = timedelta(days=data["days"])
    secret = services.issue_token(
        user_id=data["user"], label=data["label"], now=visit.now, firm_id=visit.firm_id, actor=actor, lifetime=lifetime
    )
    return Done(f"The token is made.{_waits(actor, data['user'])}", secret)


def _waits(actor: Actor, user_id: int) -> str:
    return "" if int(actor.user_id) == user_id else " It opens nothing until the person it acts as accepts it, on their own page."


def revoke(actor: Actor, visit: Visit, obj: Any, data: dict[str, Any]) -> str:
    """End a token."""
    services.revoke_token(token_id=data["token"], actor=actor, now=visit.now, reason=data["reason"])
    return "The token is ended."


def create(actor: Actor, visit: Visit, obj: Any, data: dict[str, Any]) -> Done:
    """Make a webhook key and show its secret once."""
    key_id, secret = services.create_webhook_key(source=data["source"], user_id=data["user"], now=visit.now, actor=actor)
    return Done(f"Key {key_id} is made.{_waits(actor, data['user'])}", secret)


def rotate(actor: Actor, visit: Visit, obj: Any, data: dict[str, Any]) -> Done:
    """Make a successor and show its secret once."""
    ends = visit.now + timedelta(hours=data["hours"])
    key_id, secret = services.rotate_webhook_key(key_id=obj.pk, ends_at=ends, actor=actor, now=visit.now, reason=data["reason"])
    return Done(f"Key {key_id} takes its place.{_waits(actor, obj.user_id)}", secret)


def end(actor: Actor, visit: Visit, obj: Any, data: dict[str, Any]) -> str:
    """End a webhook key."""
    services.revoke_webhook_key(key_id=obj.pk, actor=actor, now=visit.now, reason=data["reason"])
    return "The key is ended."


class ApiTokenAdmin(HouseAdmin):
    group, title, icon = "People", "API tokens", "key"
    list_display = ("label", "acts_as", "token", "created", "expiry", "is_accepted")
    list_display_links = None
    list_select_related = ("user",)
    search_fields = ("label", "user__email")
    ordering = ("-created",)
    acts = (
        Act("issue", "Make a token", issue, NewToken, about_row=False, fresh=True),
        Act("revoke", "End a token", revoke, EndToken, about_row=False, fresh=True, danger=True),
    )

    def get_queryset(self, request: HttpRequest) -> Any:
        """Return this firm's: the table is global."""
        return super().get_queryset(request).filter(firm_id=request.visit.firm_id)  # type: ignore[attr-defined]

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> None:
        """Return nothing: a token has no page, its key is its digest."""

    def acts_as(self, obj: Any) -> str:
        """Return the person's address."""
        return str(obj.user.email)

    def token(self, obj: Any) -> str:
        """Return what the audit trail calls it."""
        return token_name(obj.digest)


class WebhookKeyAdmin(HouseAdmin):
    group, title, icon = "People", "Webhook keys", "webhook"
    list_display = ("source", "acts_as", "created_at", "revoked_at", "is_accepted")
    list_select_related = ("user",)
    fields: Any = ("source", "acts_as", "created_at", "revoked_at", "is_accepted")
    readonly_fields = ("acts_as",)
    ordering = ("-created_at",)
    acts = (
        Act("create", "Make a key", create, NewKey, about_row=False, fresh=True),
        Act("rotate", "Rotate", rotate, Rotate, fresh=True, when=lambda row, _: row.revoked_at is None),
        Act("end", "End the key", end, Reason, fresh=True, danger=True, when=lambda row, _: row.revoked_at is None),
    )

    def acts_as(self, obj: Any) -> str:
        """Return the person's address."""
        return str(obj.user.email)

    def named(self, obj: Any) -> str:
        """Return the source."""
        return str(obj.source)
