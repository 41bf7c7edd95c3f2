"""What a person knows and changes about themselves: name, address, second factor, sessions. Open to whoever has signed in."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from base import tenancy
from base.clock import process_clock
from base.core.validation import InvalidInput, parse_text
from base.errors import NotFound

from ..queries import OwnKey, firms_of, own_keys
from ..queries.people import actor_for
from ..services import accept_token, accept_webhook_key, rename_person, revoke_token, revoke_webhook_key
from ..sign_in import signed_in_lately
from ..web import needs_second_factor, to_second_factor, visit_in, visit_of


@never_cache
@require_GET
@login_required(login_url=settings.LOGIN_URL)
def you(request: HttpRequest) -> HttpResponse:
    """Show the person's own page."""
    found = {row.type: row for row in Authenticator.objects.filter(user_id=request.user.pk)}
    recovery = found.get(Authenticator.Type.RECOVERY_CODES)
    visit = visit_of(request)
    firms = firms_of(int(request.user.pk))  # type: ignore[arg-type]
    context = {
        "firms": firms,
        "keys_by_firm": [(firm, keys) for firm in firms if not _is_barred(request, firm.id) and (keys := _keys(request, firm.id))],
        "must": visit is not None and needs_second_factor(visit),
        "totp": found.get(Authenticator.Type.TOTP),
        "keys": Authenticator.objects.filter(user_id=request.user.pk, type=Authenticator.Type.WEBAUTHN).count(),
        "codes": len(recovery.wrap().get_unused_codes()) if recovery else None,
        "sessions": len(UserSession.objects.purge_and_list(request.user)),
    }
    return render(request, "auth/you.html", context)


def _keys(request: HttpRequest, firm_id: int) -> list[OwnKey]:
    with tenancy.firm(firm_id):
        return own_keys(user_id=int(request.user.pk), now=process_clock().now())  # type: ignore[arg-type]


def _is_barred(request: HttpRequest, firm_id: int) -> bool:
    """Tell whether the person has still to show, or to set up, the second factor their roles in the firm ask for."""
    visit = visit_in(request, firm_id)
    return visit is None or needs_second_factor(visit)


@require_POST
@login_required(login_url=settings.LOGIN_URL)
def answer_key(request: HttpRequest) -> HttpResponse:
    """Accept or end a token or webhook key that acts as the person. POST: firm, kind, id, answer (accept or end).

    Behind the second factor like every page; accepting asks again who is there, unless that was shown lately.
    """
    user_id, now = int(request.user.pk), process_clock().now()  # type: ignore[arg-type]
    firm = next((one for one in firms_of(user_id) if str(one.id) == request.POST.get("firm")), None)
    named = request.POST.get("kind"), request.POST.get("id")
    key = next((one for one in (_keys(request, firm.id) if firm else []) if (one.kind, one.id) == named), None)
    if firm is None or key is None:
        raise Http404
    if _is_barred(request, firm.id):
        return to_second_factor(request)
    if request.POST.get("answer") == "accept" and not signed_in_lately(request):
        return redirect(f"{reverse('account_reauthenticate')}?next={reverse('you')}")
    try:
        _answer(key, request.POST.get("answer", ""), firm.id, user_id, now)
    except NotFound as error:  # ended meanwhile, from another page or by who made it
        raise Http404 from error
    messages.success(request, f"{key.label} acts as you now." if request.POST["answer"] == "accept" else f"{key.label} is ended.")
    return redirect("you")


def _answer(key: OwnKey, answer: str, firm_id: int, user_id: int, now: datetime) -> None:
    with tenancy.firm(firm_id):
        actor = actor_for(user_id)
        match key.kind, answer:
            case "token", "accept":
                accept_token(token_id=key.id, actor=actor, now=now)
            case "token", "end":
                revoke_token(token_id=key.id, actor=actor, now=now, reason="by the person it acts as")
            case "webhook", "accept":
                accept_webhook_key(key_id=UUID(key.id), actor=actor, now=now)
            case "webhook", "end":
                revoke_webhook_key(key_id=UUID(key.id), actor=actor, now=now, reason="by the person it acts as")
            case _:
                raise NotFound("answer")


@require_POST
@login_required(login_url=settings.LOGIN_URL)
def rename(request: HttpRequest) -> HttpResponse:
    """Change the name others see."""
    try:
        name = parse_text(request.POST.get("name", "").strip(), "name", max_length=120)
    except InvalidInput:
        messages.error(request, "A name has 1 to 120 characters.", extra_tags="crit")
    else:
        rename_person(user_id=int(request.user.pk), name=name, now=process_clock().now())  # type: ignore[arg-type]
        messages.success(request, "Your name is saved.")
    return redirect("you")
