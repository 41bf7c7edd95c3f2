"""P7: a dashboard of 10,000 accounts from stored figures.

Ours: what the dashboard itself does for a visitor who sees everything, one after the other as the view does it: fifty rows, the totals, the
lamps, all written as HTML; the floor is the same for a firm of 100 accounts, turn about in one run. Beside it, as whole requests with session,
door and frame: the refresh of a page, the whole page, a grouped and a sorted one, a manager who sees everything by grants; what they weigh
gzipped; and how long all figures take to be worked out anew, and those of one account and of a hundred after a posting. Wall time, medians; the quickest round too, since a median holds the neighbours
on the machine as well.
"""

from __future__ import annotations

import gzip
import time
from datetime import datetime, timedelta
from decimal import Decimal
from statistics import median
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.db import connections
from django.test import Client

from accounts import services as accounts
from accounts.core.entries import Stamp, flow
from accounts.core.ledger import Holder
from base import tenancy
from base.core.ids import new_id
from execution.queries import gateway_states
from governance.core.subjects import Viewer
from governance.enums import Role
from governance.models import Membership
from governance.web import FIRM_KEY
from mamweb.tour.firm import TourFirm, build_firm, generated_people
from mamweb.tour.world import generated_market
from market.core.generated_catalogue import XYZ_ANCHOR_AT
from reporting.core.account_filter import AccountFilter
from reporting.queries import figures
from reporting.queries.figure_page import page_of_rows
from reporting.queries.figures import Sight
from reporting.services import note_visit, refresh_changed, refresh_figures
from reporting.views.accounts_table import Lamps, rows_html, total_cells

ROUNDS = 40
SIZES = (100, 10_000)
SEED = 7


def rows() -> list[dict[str, Any]]:
    """Return the row: ours is the refresh of 10,000 accounts, the floor that of 100; medians of the rounds after two to warm up."""
    generated_market(SEED)
    now = XYZ_ANCHOR_AT
    settings.REHEARSAL_CLOCK = f"{now.isoformat()}@{now.isoformat()}*0"
    firms = {size: _firm(size, now) for size in SIZES}
    _vacuum()
    risk = {size: _visitor(firm, Role.RISK) for size, (firm, _) in firms.items()}
    risk_ids = {size: _user_id(firm, Role.RISK) for size, (firm, _) in firms.items()}
    manager = {size: _visitor(firm, Role.MANAGER) for size, (firm, _) in firms.items()}
    own = {size: [] for size in SIZES}
    for number in range(ROUNDS + 5):
        for size, (firm, _) in firms.items():
            spent = _own(firm, risk_ids[size], now)
            if number >= 5:
                own[size].append(spent)
    part = _timed(risk[10_000], "/accounts/", 10_000, risk)
    whole = _timed(risk[10_000], "/accounts/", 10_000, risk, htmx=False)
    grouped = _timed(risk[10_000], "/accounts/?by=currency", 10_000, risk)
    sorted_ = _timed(risk[10_000], "/accounts/?sort=day_pnl&down=1", 10_000, risk)
    granted = _timed(manager[10_000], "/accounts/", 10_000, manager)
    ours, floor, big = median(own[10_000]), median(own[100]), firms[10_000][0]
    page = risk[10_000].get("/accounts/").content
    piece = risk[10_000].get("/accounts/", headers={"HX-Request": "true"}).content
    what = (
        f"dashboard of 10,000 accounts: 50 rows, totals, lamps as HTML (quickest {min(own[10_000]):.1f} ms); floor = the same of 100. As requests: "
        f"a refresh {part:.1f} ms, the whole page {whole:.1f}, grouped {grouped:.1f}, "
        f"by day P&L {sorted_:.1f}, a manager with grants {granted:.1f} ms; gzipped {len(gzip.compress(piece, 6)) / 1024:.1f} KB, whole page "
        f"{len(gzip.compress(page, 6)) / 1024:.1f} KB; all figures worked out anew in {firms[10_000][1]:.1f} s, after a posting to one account {_changed(big, 1, now):.0f} ms, to 100 {_changed(big, 100, now):.0f} ms"
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


def _changed(firm: TourFirm, count: int, now: datetime) -> float:
    """Return the median milliseconds until the figures of so many accounts stand after money has come to them."""
    found, chosen = [], sorted(firm.accounts.values())[:count]
    for _ in range(7):
        with tenancy.firm(firm.firm_id):
            stamps = [Stamp(now.date(), now.date(), f"bench|{new_id()}") for _ in chosen]
            money = [
                flow(Holder(pk, None), stamp, amount=Decimal(1), currency_code="USD") for pk, stamp in zip(chosen, stamps, strict=True)
            ]
            accounts.post(transactions=money, now=now)
        started = time.perf_counter()
        with tenancy.firm(firm.firm_id):
            if refresh_changed(now=now).accounts != count:
                raise RuntimeError(f"not the {count} that changed were worked out")
        found.append((time.perf_counter() - started) * 1000)
    return median(found)


def _vacuum() -> None:
    """Do what the server does by itself within a minute of such a load."""
    with connections["owner"].cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")


def _own(firm: TourFirm, user_id: int, now: datetime) -> float:
    """Return the milliseconds of what the dashboard itself does."""
    started = time.perf_counter()
    with tenancy.firm(firm.firm_id):
        sight = Sight(Viewer(user_id, True, now.date()), AccountFilter())
        rows, _ = page_of_rows(sight)
        totals = figures.totals_of(sight)
        lamps = Lamps({one.connection_id: one for one in gateway_states()}, figures.synced_states(now=now))
        written = rows_html(rows, lamps, indent=False)
    if totals is None or len(rows) != 50 or written.count("data-row=") != 50 or not total_cells(totals):
        raise RuntimeError("the dashboard did not show fifty rows and totals")
    return (time.perf_counter() - started) * 1000


def _user_id(firm: TourFirm, role: Role) -> int:
    with tenancy.firm(firm.firm_id):
        return int(Membership.objects.filter(role=role).earliest("id").user_id)


def _visitor(firm: TourFirm, role: Role) -> Client:
    user = get_user_model().objects.get(pk=_user_id(firm, role))
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
