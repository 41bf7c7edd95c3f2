"""Which accounts an address means: its filter or a saved view; the menus that choose, and views kept, renamed, shared and deleted.

Entry points: `sight_of`, `state_of`; pages `filters`, `views`, `view`.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse

from base.errors import NotFound
from governance.permissions import STAFF
from governance.web import Request, page
from reporting.core.account_filter import FLAGS, GROUPS, AccountFilter, checked_filter, read_filter
from reporting.queries import figures
from reporting.queries.figures import Sight
from reporting.queries.saved_views import seen_view, seen_views
from reporting.services.saved_views import SHARERS, delete_view, rename_view, save_view, share_view


def sight_of(request: Request) -> tuple[Sight, Any]:
    """Return who looks through which filter: a saved view's where the address names one, else the address's own.

    An open page carries its filter besides the view: its refresh goes on with that once the view is gone.
    """
    view = None
    if named := request.GET.get("view"):
        try:
            view = seen_view(view_id=named, user_id=request.visit.user_id)
        except NotFound:
            if not request.htmx:
                raise
    if view is not None:
        try:
            chosen = checked_filter(view.filters)
        except ValueError as error:
            raise NotFound("view") from error
    else:
        chosen = read_filter(request.GET.dict(), request.GET.getlist("collapsed"))
    return Sight(request.visit.viewer, chosen), view


def state_of(chosen: AccountFilter, *, but: str = "") -> list[tuple[str, str]]:
    """Return the filter as the fields of a form."""
    return [pair for pair in parse_qsl(chosen.query()) if pair[0] != but]


@page
def filters(request: Request) -> HttpResponse:
    """Show the filter's menus: the groups among the accounts in sight."""
    sight, _ = sight_of(request)
    choices = figures.choices_of(sight)
    now = {kind: getattr(sight.chosen, kind) for kind in GROUPS}
    # A view that was kept with several groups as one keeps its choice.
    kept = {kind: [*choices[kind], *({now[kind]} - {*choices[kind], ""})] for kind in GROUPS}
    menus = [(kind, title, kept[kind], now[kind]) for kind, title in GROUPS.items() if choices[kind]]
    return render(request, "reporting/accounts/_filters.html", {"menus": menus, "flags": FLAGS, "chosen": sight.chosen})


@page(methods=("GET", "POST"))
def views(request: Request) -> HttpResponse:
    """List the saved views, or save the address's filter under a name."""
    visit = request.visit
    if request.method == "POST":
        chosen = read_filter(request.POST.dict(), request.POST.getlist("collapsed"))
        view, is_replaced = save_view(
            name=request.POST.get("name", ""),
            chosen=chosen,
            is_shared=request.POST.get("shared") == "1",
            actor=visit.actor(SHARERS if visit.holds(SHARERS) else STAFF),
            now=visit.now,
        )
        messages.success(request, f"View {view.name} {'replaced by what was chosen now' if is_replaced else 'saved'}.")
        return _go(request, f"?view={view.pk}")
    sight, _ = sight_of(request)
    found = seen_views(user_id=visit.user_id)
    context = {
        "views": found,
        "chosen": sight.chosen,
        "state": state_of(sight.chosen),
        "shares": visit.holds(SHARERS),
        "user_id": visit.user_id,
        "open": request.GET.get("view", ""),
    }
    return render(request, "reporting/accounts/_views.html", context)


@page(methods=("POST",))
def view(request: Request, view_id: UUID) -> HttpResponse:
    """Rename, share or delete a saved view of one's own."""
    visit, what = request.visit, request.POST.get("do", "")
    actor = visit.actor(SHARERS if visit.holds(SHARERS) else STAFF)
    if what == "delete":
        delete_view(view_id=view_id, actor=actor, now=visit.now)
        messages.success(request, "View deleted.")
        return _go(request, "")
    if what == "rename":
        named = rename_view(view_id=view_id, name=request.POST.get("name", ""), actor=actor, now=visit.now)
        messages.success(request, f"The view is called {named.name} now.")
    elif what in ("share", "unshare"):
        shared = share_view(view_id=view_id, is_shared=what == "share", actor=actor, now=visit.now)
        messages.success(request, f"View {shared.name} is {'shared with the firm’s staff' if what == 'share' else 'yours alone again'}.")
    else:
        raise NotFound("action")
    return _go(request, f"?view={view_id}")


def _go(request: Request, query: str) -> HttpResponse:
    where = reverse("reporting:accounts") + query
    if request.htmx:
        answer = HttpResponse(status=204)
        answer["HX-Redirect"] = where
        return answer
    return HttpResponseRedirect(where)
