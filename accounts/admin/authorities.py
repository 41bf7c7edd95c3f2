"""Authorities: documents over accounts, recorded, signed, revoked, and when they end (GOV-1..3)."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from itertools import groupby
from typing import Any

from django import forms
from django.contrib.admin import display
from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.template.response import TemplateResponse
from django.urls import path
from django.utils.safestring import SafeString

from base.core.words import words
from governance import services as governance
from governance.admin.mandates import document_link, kept, sha_of
from governance.adminforms import Reason, choices, figure, instant, text
from governance.adminsite import Act, HouseAdmin
from governance.core.authority import Signature
from governance.core.subjects import Actor, Subject
from governance.enums import AuthorityKind, Power, SubjectKind
from governance.models import Authority, Mandate, Party
from governance.queries import firm_settings
from governance.web import Request, Visit
from market.queries import rated_currencies

from ..models import Account
from .grants import Codes


class NewAuthority(Codes):
    accounts = text(help_text="The codes of the accounts it covers, between blanks, commas or lines.")
    code = forms.CharField(max_length=40)
    kind = forms.ChoiceField(choices=choices(AuthorityKind))
    grantor = forms.ModelChoiceField(Party.objects.none())
    grantee = forms.ModelChoiceField(Party.objects.none())
    powers = forms.MultipleChoiceField(choices=choices(Power), widget=forms.CheckboxSelectMultiple)
    effective_from = instant()
    expires_at = instant(required=False)
    order_notional_limit = figure(Authority, "order_notional_limit", required=False, min_value=0)
    limit_currency = forms.ChoiceField(required=False)
    fee_schedule = forms.CharField(required=False, max_length=40)
    mandate = forms.ModelChoiceField(Mandate.objects.none(), required=False)
    aggregation_consent = forms.BooleanField(required=False, label="Consents to being traded in blocks with others")
    signed_at = instant(required=False, help_text="UTC. By both sides; leave empty to record signatures one by one.")
    document = forms.FileField(help_text="PDF, PNG or JPEG, at most 10 MB.")
    field_order = ("code", "kind", "grantor", "grantee", "accounts", "powers")

    def prepare(self) -> None:
        """Offer the firm's parties and mandates, and the currencies there are rates for."""
        rated = sorted({firm_settings().reporting_currency, *rated_currencies()})
        self.fields["limit_currency"].choices = [("", "–"), *((one, one) for one in rated)]  # type: ignore[attr-defined]
        parties, mandates = Party.objects.order_by("code"), Mandate.objects.order_by("code", "version")
        for name, rows in (("grantor", parties), ("grantee", parties), ("mandate", mandates)):
            self.fields[name].queryset = rows  # type: ignore[attr-defined]
            self.fields[name].label_from_instance = lambda row: f"{row.code} {row.name}"  # type: ignore[attr-defined]


class Sign(Reason):
    party = forms.ModelChoiceField(Party.objects.none())
    signed_at = instant()
    reason = None  # type: ignore[assignment]  # a signature is its own reason

    def prepare(self) -> None:
        """Offer the firm's parties."""
        self.fields["party"].queryset = Party.objects.order_by("code")  # type: ignore[attr-defined]
        self.fields["party"].label_from_instance = lambda row: f"{row.code} {row.name}"  # type: ignore[attr-defined]


def record(actor: Actor, visit: Visit, obj: Any, data: dict[str, Any]) -> str:
    """Record a document with its file."""
    signed, parties = data["signed_at"], (data["grantor"], data["grantee"])
    governance.record_authority(
        code=data["code"],
        kind=AuthorityKind(data["kind"]),
        grantor_id=data["grantor"].pk,
        grantee_id=data["grantee"].pk,
        account_ids=data["accounts"],
        powers=[Power(power) for power in data["powers"]],
        effective_from=data["effective_from"],
        expires_at=data["expires_at"],
        order_notional_limit=data["order_notional_limit"],
        limit_currency=data["limit_currency"],
        fee_schedule=data["fee_schedule"],
        mandate_id=data["mandate"].pk if data["mandate"] else None,
        aggregation_consent=data["aggregation_consent"],
        signatures=[Signature(code, signed) for code in sorted({party.code for party in parties})] if signed else (),
        document_sha256=governance.store_document(data["document"].read()),
        actor=actor,
        now=visit.now,
    )
    return f"{data['code']} is recorded over {len(data['accounts'])} accounts."


def sign(actor: Actor, visit: Visit, obj: Any, data: dict[str, Any]) -> str:
    """Record a signature."""
    governance.sign_authority(authority_id=obj.pk, party_code=data["party"].code, signed_at=data["signed_at"], actor=actor, now=visit.now)
    return "The signature is recorded."


def revoke(actor: Actor, visit: Visit, obj: Any, data: dict[str, Any]) -> str:
    """End a document now."""
    governance.revoke_authority(authority_id=obj.pk, actor=actor, now=visit.now, reason=data["reason"])
    return "Revoked. Working orders under it alone are cancelled."


def _listed(codes: Iterable[str]) -> str:
    return ", ".join(words(str(code)) for code in codes)


_REVOKED = "The authority has been revoked."


def _stands(row: Any, visit: Visit) -> bool:
    return row.revoked_at is None


class AuthorityAdmin(HouseAdmin):
    group, title, icon = "Authority", "Authorities", "history_edu"
    list_display = ("code", "kind", "from_whom", "to_whom", "begins_at", "expires_at", "revoked_at")
    list_filter = ("kind",)
    search_fields = ("code", "grantor__name", "grantee__name")
    list_select_related = ("grantor", "grantee", "mandate")
    fields: Any = ("code", "kind", "from_whom", "to_whom", "covers", "may", "kinds", "only", "never")
    fields += ("order_notional_limit", "limit_currency", "fee_schedule", "under", "aggregation_consent", "effective_from", "expires_at")
    fields += ("revoked_at", "begins_at", "signed", "in_words", "document_sha256", "document")
    readonly_fields = ("from_whom", "to_whom", "covers", "may", "kinds", "only", "never", "under", "signed", "in_words", "document")
    ordering = ("expires_at", "code")
    links = (("Expiry calendar", "calendar"),)
    acts = (
        Act("record", "Record an authority", record, NewAuthority, about_row=False, fresh=True),
        Act("sign", "Record a signature", sign, Sign, when=_stands, unfit=_REVOKED),
        Act("revoke", "Revoke", revoke, Reason, fresh=True, danger=True, when=_stands, unfit=_REVOKED),
    )

    def own_urls(self, info: str) -> list[Any]:
        """Return the addresses of the document and the calendar."""
        view = self.admin_site.admin_view
        return [
            path("calendar", view(self.calendar), name=f"{info}_calendar"),
            path("<path:object_id>/document", view(self.download), name=f"{info}_document"),
        ]

    def download(self, request: Request, object_id: str) -> HttpResponseBase:
        """Hand out the document."""
        return kept(request, Subject(SubjectKind.AUTHORITY, object_id), sha_of(self, request, object_id))

    def calendar(self, request: Request) -> HttpResponse:
        """Show when documents end, month by month."""
        rows = self.get_queryset(request).filter(expires_at__isnull=False, revoked_at__isnull=True).order_by("expires_at", "code")
        months = [(day, list(found)) for day, found in groupby(rows, lambda row: date(row.expires_at.year, row.expires_at.month, 1))]
        context = {
            **self.admin_site.each_context(request),
            "title": "Expiry calendar",
            "crumbs": [*self._crumbs(None), ("Expiry calendar", request.path)],
            "months": months,
            "now": request.visit.now,
        }
        return TemplateResponse(request, "admin/calendar.html", context)

    def from_whom(self, obj: Any) -> str:
        """Return the grantor."""
        return str(obj.grantor.name)

    def to_whom(self, obj: Any) -> str:
        """Return the grantee."""
        return str(obj.grantee.name)

    def covers(self, obj: Any) -> str:
        """Return the codes of its accounts."""
        ids = obj.subjects.filter(subject_kind=SubjectKind.ACCOUNT).values_list("subject_id", flat=True)
        return ", ".join(Account.objects.filter(id__in=list(ids)).order_by("code").values_list("code", flat=True)) or "none"

    @display(description="powers")
    def may(self, obj: Any) -> str:
        """Return its powers in words."""
        return _listed(obj.powers)

    @display(description="instrument kinds")
    def kinds(self, obj: Any) -> str:
        """Return the kinds of instrument it is for."""
        return _listed(obj.instrument_kinds) or "any"

    @display(description="symbols allowed")
    def only(self, obj: Any) -> str:
        """Return the symbols it is for alone."""
        return ", ".join(obj.symbols_allowed) or "any"

    @display(description="symbols denied")
    def never(self, obj: Any) -> str:
        """Return the symbols it is not for."""
        return ", ".join(obj.symbols_denied) or "none"

    def under(self, obj: Any) -> str:
        """Return its mandate."""
        return f"{obj.mandate.code}, version {obj.mandate.version} or later" if obj.mandate_id else "none"

    def signed(self, obj: Any) -> str:
        """Return who has signed, and who has still to."""
        given = {row.party.code: row.signed_at for row in obj.signatures.select_related("party")}
        parts = [f"{code} {given[code]:%Y-%m-%d}" if code in given else f"{code} has still to" for code in obj.required_signers]
        return ", ".join(parts) or "nobody has to"

    @display(description="clauses")
    def in_words(self, obj: Any) -> str:
        """Return its clauses, each under what it is about."""
        return "; ".join(f"{words(str(name))}: {text}" for name, text in dict(obj.clauses).items()) or "–"

    def document(self, obj: Any) -> SafeString | str:
        """Return a link to the document."""
        return document_link(obj, "governance_authority")  # type: ignore[no-any-return]
