"""Where a person is signed in, and ending it there."""

from __future__ import annotations

from allauth.usersessions.models import UserSession
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from base.clock import process_clock

from ..core.browsers import browser_words
from ..enums import AuditAction
from ..services import record_signing
from ..sign_in import keep_track


@never_cache
@require_http_methods(["GET", "HEAD"])
@login_required(login_url=settings.LOGIN_URL)
def sessions(request: HttpRequest) -> HttpResponse:
    """List the person's sessions, this one first."""
    keep_track(request)
    found = UserSession.objects.purge_and_list(request.user)
    found.sort(key=lambda one: (one.is_current(), one.last_seen_at), reverse=True)
    named = [(one, browser_words(one.user_agent)) for one in found]
    return render(request, "usersessions/usersession_list.html", {"sessions": named, "others": len(found) > 1})


@require_POST
@login_required(login_url=settings.LOGIN_URL)
def end(request: HttpRequest) -> HttpResponse:
    """End one other session, or with `session=others` all of them: they are dead at their next request."""
    wanted = request.POST.get("session", "")
    rows = UserSession.objects.filter(user_id=request.user.pk).exclude(session_key=request.session.session_key)
    if wanted != "others":
        rows = rows.filter(pk=int(wanted)) if wanted.isascii() and wanted.isdigit() and len(wanted) < 10 else rows.none()
        if not rows:
            raise Http404
    ended = [row.end() for row in rows]
    if ended:
        record_signing(
            user_id=int(request.user.pk),  # type: ignore[arg-type]
            action=AuditAction.SIGNED_OUT,
            now=process_clock().now(),
            after={"other_sessions_count": len(ended)},
        )
        messages.success(request, "Signed out there." if len(ended) == 1 else f"Signed out in {len(ended)} other places.")
    return redirect("usersessions_list")
