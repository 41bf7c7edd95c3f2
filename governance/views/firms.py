"""Which firm a person works in: chosen after sign-in, changed in the top bar."""

from __future__ import annotations

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_POST

from base.errors import NotFound

from ..queries import firms_of
from ..web import choose_firm


@require_GET
@login_required(login_url=settings.LOGIN_URL)
def firms(request: HttpRequest) -> HttpResponse:
    """Show the firms of the person, to choose one."""
    return render(request, "governance/firms.html", {"firms": firms_of(int(request.user.pk))})  # type: ignore[arg-type]


@require_POST
@login_required(login_url=settings.LOGIN_URL)
def choose(request: HttpRequest) -> HttpResponse:
    """Go on in another firm."""
    wanted = request.POST.get("firm", "")
    try:
        choose_firm(request, int(wanted) if wanted.isascii() and wanted.isdigit() and len(wanted) < 19 else 0)
    except NotFound as error:
        raise Http404 from error
    return redirect("/")
