"""How the connections are: the fragment of the top bar and the page."""

from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import render

from governance.web import Request, page

from ..queries.health import account_counts, connection_health, lamp_words


@page
def lamps(request: Request) -> HttpResponse:
    """Show the worst lamp and its words."""
    lamp, words, title = lamp_words(connection_health(request.visit.viewer))
    return render(request, "execution/_lamps.html", {"lamp": lamp, "words": words, "title": title})


@page
def connections(request: Request) -> HttpResponse:
    """Show every enabled connection; htmx gets the table alone."""
    counts = account_counts(request.visit.viewer)
    rows = [(one, counts.get(one.connection_id, 0)) for one in connection_health(request.visit.viewer)]
    return render(request, "execution/_connections.html" if request.htmx else "execution/connections.html", {"rows": rows})
