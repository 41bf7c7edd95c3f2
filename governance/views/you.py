"""What a person knows and changes about themselves: name, address, second factor, sessions. Open to whoever has signed in."""

from __future__ import annotations

from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from base.clock import process_clock
from base.core.validation import InvalidInput, parse_text

from ..queries import firms_of
from ..services import rename_person
from ..web import needs_second_factor, visit_of


@never_cache
@require_GET
@login_required(login_url=settings.LOGIN_URL)
def you(request: HttpRequest) -> HttpResponse:
    """Show the person's own page."""
    found = {row.type: row for row in Authenticator.objects.filter(user_id=request.user.pk)}
    recovery = found.get(Authenticator.Type.RECOVERY_CODES)
    visit = visit_of(request)
    context = {
        "firms": firms_of(int(request.user.pk)),  # type: ignore[arg-type]
        "must": visit is not None and needs_second_factor(visit),
        "totp": found.get(Authenticator.Type.TOTP),
        "keys": Authenticator.objects.filter(user_id=request.user.pk, type=Authenticator.Type.WEBAUTHN).count(),
        "codes": len(recovery.wrap().get_unused_codes()) if recovery else None,
        "sessions": len(UserSession.objects.purge_and_list(request.user)),
    }
    return render(request, "auth/you.html", context)


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
