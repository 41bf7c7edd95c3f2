"""P10: the ticket's preview of 1,000 accounts, as a person gets it, against the engine's own sizing and gates for the same signal.

Ours is the whole request: session, form, sizing, both gates, costs, the signed token and the page's fragment. The floor is `size_signal` and both
gates' questions, nothing else.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from statistics import median
from typing import Any

from django.conf import settings
from django.test import Client

from allocation import services as allocation
from allocation.core.signal_body import SignalBody
from allocation.enums import SizingMethod
from base import tenancy
from execution.forms import new_key
from execution.services.drafting import parent_of, plans_of
from execution.services.ticket_gates import judge_lots, judge_parents
from governance.models import User
from governance.web import FIRM_KEY
from mamweb.tour.firm import TourFirm
from market.core.generated_catalogue import XYZ_ANCHOR_AT

from .release import SYMBOL, _firm, _market

ACCOUNTS, RUNS = 1_000, 9


def rows() -> list[dict[str, Any]]:
    """Return P10, medians of nine runs after one to warm up."""
    _market()
    firm, now = _firm(ACCOUNTS), XYZ_ANCHOR_AT
    settings.REHEARSAL_CLOCK = f"{now.isoformat()}@{now.isoformat()}*0"
    settings.ALLOWED_HOSTS = ["testserver"]
    client = _signed_in(firm)
    form = {"strategy": "CORE", "symbol": SYMBOL, "method": "target_weight", "side": "buy", "figure": "0.50"}
    body = SignalBody("CORE", SYMBOL, SizingMethod.TARGET_WEIGHT, Decimal("0.005"))
    ours, floor = _milliseconds(lambda: _asked(client, form), lambda: _engine(firm, body, now))
    what = f"a ticket's preview of {ACCOUNTS:,} accounts, request to fragment; floor = the engine's sizing and both gates for them"
    return [{"id": "P10", "what": what, "ours_ms": ours, "floor_ms": floor, "ratio": ours / floor, "better": "lower", "n": RUNS}]


def _asked(client: Client, form: dict[str, str]) -> None:
    answer = client.post("/ticket/preview", form | {"key": new_key()})
    if answer.status_code != 200 or b"data-release" not in answer.content:
        raise RuntimeError(f"P10: the preview was not whole: {answer.status_code}")


def _engine(firm: TourFirm, body: SignalBody, now: datetime) -> None:
    with tenancy.firm(firm.firm_id):
        sized = allocation.size_draft(source="bench", idempotency_key=new_key(), body=body, actor=firm.actors["TRADER"], now=now)
        plans = plans_of(sized)
        judge_parents([parent_of(plan, sized, now) for plan in plans], sized, now)
        judge_lots(plans, sized, now)


def _signed_in(firm: TourFirm) -> Client:
    client = Client()
    client.force_login(
        User.objects.get(pk=int(firm.actors["TRADER"].user_id)), backend="allauth.account.auth_backends.AuthenticationBackend"
    )
    session = client.session
    session[FIRM_KEY] = firm.firm_id
    session.save()
    return client


def _milliseconds(*works: Callable[[], None]) -> list[float]:
    """Return the median of each work, measured by turns, so that what else the machine does falls on all alike."""
    found: list[list[float]] = [[] for _ in works]
    for number in range(RUNS + 1):
        for times, work in zip(found, works, strict=True):
            start = time.perf_counter()
            work()
            if number:
                times.append(1000 * (time.perf_counter() - start))
    return [median(times) for times in found]
