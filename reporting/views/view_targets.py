"""Saved views as the targets of a ticket: a view is a filter, so it is resolved to explicit accounts, and grants nothing."""

from __future__ import annotations

from uuid import UUID

from django.http import HttpResponse, JsonResponse
from django.shortcuts import render

from allocation.queries import tradable_followers
from base.errors import NotFound
from governance.permissions import DEALERS
from governance.web import Request, page
from reporting.queries.saved_views import accounts_of_view, seen_views


@page(roles=DEALERS)
def ticket_views(request: Request) -> HttpResponse:
    """List the views a ticket may be for; nothing where there are none."""
    return render(request, "reporting/accounts/_ticket_views.html", {"views": seen_views(user_id=request.visit.user_id)})


@page(roles=DEALERS)
def view_accounts(request: Request, view_id: UUID) -> HttpResponse:
    """Answer the codes of the view's accounts that the person may trade in `strategy`, and how many are left out."""
    visit = request.visit
    try:
        seen = set(accounts_of_view(view_id=view_id, viewer=visit.viewer))
    except ValueError as error:
        raise NotFound("view") from error
    followers = tradable_followers(user_id=visit.user_id, strategy=request.GET.get("strategy", ""), with_groups=False)
    codes = [one.code for one in followers if one.id in seen]
    return JsonResponse({"codes": codes, "left_out": len(seen) - len(codes)})
