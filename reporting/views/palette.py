"""The command palette's answers, and the first page after sign-in."""

from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import redirect, render

from governance.enums import Role
from governance.permissions import DEALERS, EVERYBODY
from governance.web import Request, page
from reporting.queries.palette import found


@page(roles=EVERYBODY)
def start(request: Request) -> HttpResponse:
    """Go to the visitor's first page."""
    return redirect("/portal/" if request.visit.roles == {Role.INVESTOR} else "/home/")


@page
def search(request: Request) -> HttpResponse:
    """Answer what `q` finds."""
    text = request.GET.get("q", "")
    groups = found(text=text, viewer=request.visit.viewer, may_deal=request.visit.holds(DEALERS))
    return render(request, "frame/_found.html", {"groups": groups, "text": text.strip()[:60]})
