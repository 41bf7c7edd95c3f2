"""The parts of the frame that change while a page is open, each alone for the live push to fetch again.

Entry points: `banner`, `bell`, `counts`, `switch`, `past`; of the portal `portal_past`.
"""

from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import render

from governance.permissions import EVERYBODY
from governance.web import Request, page


@page
def banner(request: Request) -> HttpResponse:
    """Answer the loudest critical alert nobody has acknowledged, or nothing."""
    return render(request, "frame/banner.html")


@page
def bell(request: Request) -> HttpResponse:
    """Answer the bell with its count."""
    return render(request, "frame/bell.html")


@page
def counts(request: Request) -> HttpResponse:
    """Answer the counts of the rail, each to take the place of its own."""
    return render(request, "frame/counts.html")


@page
def switch(request: Request) -> HttpResponse:
    """Answer the way to the kill switch, and how much it stops."""
    return render(request, "frame/switch.html")


@page
def past(request: Request) -> HttpResponse:
    """Answer how far a trial firm's history has come, or nothing."""
    return render(request, "frame/past.html")


@page(roles=EVERYBODY)
def portal_past(request: Request) -> HttpResponse:
    """Answer the same in an investor's words, or nothing."""
    return render(request, "portal/_past.html")
