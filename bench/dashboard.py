"""P7: a dashboard of 10,000 accounts, answered from stored figures: the rows and totals of a page, and the whole page over it.

What is measured is the answer to a refresh (rows, totals, lamps, limits, permission, rendering) as the request's own processing; beside it
the whole page with its frame, and what it weighs gzipped. Visitors alternate between a firm of 100 accounts and one of 10,000, so that
neighbours on the machine count for both. `beside` also has a manager who sees everything by a grant, and the time of a whole refresh of the
figures.
"""

from __future__ import annotations

import gzip
import time
from datetime import datetime, timedelta
from statistics import median
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.db import connection
from django.test import Client

from accounts import services as accounts
from base import tenancy
from governance.enums import Role
from governance.models import Membership
from governance.web import FIRM_KEY
from mamweb.tour.firm import TourFirm, build_firm, generated_people
from mamweb.tour.world import generated_market
from market.core.generated_catalogue import XYZ_ANCHOR_AT
from reporting.services import note_visit, refresh_figures

ROUNDS = 40
SIZES = (100, 10_000)
SEED = 7
GOAL_RATIO = 1.3


def rows() -> list[dict[str, Any]]:
    """Return the row: ours is the refresh of 10,000 accounts, the floor that of 100; medians of the rounds after two to warm up."""
    generated_market(SEED)
    now = XYZ_ANCHOR_AT
    settings.REHEARSAL_CLOCK = f"{now.isoformat()}@{now.isoformat()}*0"
    firms = {size: _firm(size, now) for size in SIZES}
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    _vacuum()
    risk = {size: _visitor(firm, Role.RISK) for size, (firm, _) in firms.items()}
    manager = {size: _visitor(firm, Role.MANAGER) for size, (firm, _) in firms.items()}
    part = {size: _timed(risk[size], "/accounts/", size, risk) for size in SIZES}
    whole = _timed(risk[10_000], "/accounts/", 10_000, risk, htmx=False)
    grouped = _timed(risk[10_000], "/accounts/?by=currency", 10_000, risk)
    sorted_ = _timed(risk[10_000], "/accounts/?sort=day_pnl&down=1", 10_000, risk)
    granted = _timed(manager[10_000], "/accounts/", 10_000, manager)
    ours, floor = part[10_000], part[100]
    page = risk[10_000].get("/accounts/").content
    piece = risk[10_000].get("/accounts/", headers={"HX-Request": "true"}).content
    what = (
        f"dashboard of 10,000 accounts: rows, totals and rendering; floor = the same of 100. Whole page {whole:.1f} ms; grouped {grouped:.1f}, "
        f"by day P&L {sorted_:.1f}, a manager with grants {granted:.1f} ms; gzipped {len(gzip.compress(piece, 6)) / 1024:.1f} KB, whole page "
        f"{len(gzip.compress(page, 6)) / 1024:.1f} KB; all figures worked out anew in {firms[10_000][1]:.1f} s"
    )
    return [{"id": "P7", "what": what, "ours_ms": ours, "floor_ms": floor, "ratio": ours / floor, "better": "lower", "n": ROUNDS}]


def _firm(size: int, now: datetime) -> tuple[TourFirm, float]:
    """A firm with an evening before and figures; returns it and the seconds its figures take the second time."""
    before = now - timedelta(days=3)
    firm = build_firm(name=f"Dashboard {size}", people=generated_people(size, SEED), now=before)
    with tenancy.firm(firm.firm_id):
        for days in (3, 2, 1):
            accounts.snapshot_equity(as_of=(now - timedelta(days=days)).date(), now=now - timedelta(minutes=1))
        refresh_figures(now=now)
        started = time.perf_counter()
        refresh_figures(now=now)
        seconds = time.perf_counter() - started
        note_visit(now=now)
    return firm, seconds


def _vacuum() -> None:
    """Do what the server does by itself within a minute of such a load."""
    from django.db import connections

    with connections["owner"].cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")


def _visitor(firm: TourFirm, role: Role) -> Client:
    with tenancy.firm(firm.firm_id):
        user = get_user_model().objects.get(pk=Membership.objects.filter(role=role).earliest("id").user_id)
    client = Client()
    client.force_login(user, backend="allauth.account.auth_backends.AuthenticationBackend")
    session = client.session
    session[FIRM_KEY] = firm.firm_id
    session.save()
    return client


def _timed(client: Client, path: str, size: int, others: dict[int, Client], *, htmx: bool = True) -> float:
    """Return the median milliseconds of an answer, turn about with the other firm's."""
    headers = {"HX-Request": "true"} if htmx else {}
    found = []
    for number in range(ROUNDS + 2):
        for other, asked in others.items():
            if other != size:
                asked.get("/accounts/", headers={"HX-Request": "true"})
        started = time.perf_counter()
        answer = client.get(path, headers=headers)
        spent = (time.perf_counter() - started) * 1000
        if answer.status_code != 200 or answer.content.count(b"data-row=") != 50:
            raise RuntimeError(f"{path} answered {answer.status_code} with {answer.content.count(b'data-row=')} rows")
        if number >= 2:
            found.append(spent)
    return median(found)
