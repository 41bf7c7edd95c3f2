"""A firm worth looking at, and a web process that shows it while its last day is traded.

Entry points: `Stage`, `prepare`. The firm is the trial's first with its history (`mamweb/history`); its database is kept under the state
folder and made anew when that is deleted.
"""

from __future__ import annotations

import os
import secrets
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.test import Client

from base import tenancy
from governance.enums import Role
from governance.models import Firm, Membership, User
from governance.web import FIRM_KEY
from mamweb.assets import make_assets
from mamweb.history import NORTHLIGHT, HistoryOptions, build_firm, live_history
from mamweb.history.past import EXCHANGE, evening_of
from mamweb.history.statements import state_past
from market.core import calendars
from reporting.models import SavedView
from reporting.services import refresh_figures
from tests.screens.papers import furnish, is_furnished, look_served, open_bare_firm

UNTIL, SESSIONS = date(2026, 11, 20), 64


@dataclass(frozen=True, slots=True)
class Stage:
    """firm_id, a firm that has nothing yet, and the instant they are looked at. ids: what paths may name."""

    firm_id: int
    bare_id: int
    now: datetime
    ids: dict[str, str]

    def cookie(self, role: str) -> str:
        """Return the session of somebody in the role; "MANAGER@empty" is the manager of the firm that has nothing."""
        role, _, where = role.partition("@")
        firm_id = self.bare_id if where else self.firm_id
        with tenancy.firm(firm_id):
            user = User.objects.get(pk=Membership.objects.filter(role=role, is_active=True).earliest("id").user_id)
        client = Client()
        client.force_login(user, backend="allauth.account.auth_backends.AuthenticationBackend")
        session = client.session
        session[FIRM_KEY] = firm_id
        session.save()
        return str(client.cookies["sessionid"].value)

    @contextmanager
    def web(self) -> Iterator[str]:
        """Serve the pages for the length of the block; yields the address."""
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        address = f"http://127.0.0.1:{port}"
        clock = f"{self.now.isoformat()}@{self.now.isoformat()}*0"
        env = {**os.environ, "MAMWEB_CLOCK": clock, "MAMWEB_ENV": "demo", "MAMWEB_VAR": str(settings.VAR_DIR)}
        command = [sys.executable, "-m", "uvicorn", "mamweb.asgi:application", "--port", str(port), "--log-level", "warning"]
        process = subprocess.Popen(command, env=env, cwd=settings.BASE_DIR)
        try:
            _wait(address)
            yield address
        finally:
            process.terminate()
            process.wait(10)


def prepare() -> Stage:
    """Return the stage; lives the firm's past first if nobody has."""
    call_command("migrate", database="owner", verbosity=0)
    make_assets()
    firm = Firm.objects.filter(name=NORTHLIGHT.name).first()
    if firm is None or not is_furnished(firm.pk):
        _live(firm)
        firm = Firm.objects.get(name=NORTHLIGHT.name)
    with tenancy.firm(firm.pk):
        now = _end_of_day()
        look_served()
        ids = _ids()
    return Stage(firm.pk, open_bare_firm(now), now, ids)


def _live(firm: Firm | None) -> None:
    """Live the sessions up to the day that is shown, where they are not lived yet, and put what else there is on the desks."""
    opened = UNTIL
    for _ in range(SESSIONS):
        opened = calendars.previous_session(EXCHANGE, opened)
    made = evening_of(opened).replace(hour=12, minute=0)
    firm_id = firm.pk if firm else _built(made)
    settings.VAR_DIR.mkdir(parents=True, exist_ok=True)
    options = HistoryOptions(UNTIL, progress=settings.VAR_DIR / "history.json")
    live_history(firm_id=firm_id, plan=NORTHLIGHT, options=options, tell=lambda line: print(f"· {line}", flush=True))
    state_past(firm_id=firm_id, plan=NORTHLIGHT, until=UNTIL, tell=lambda done, months, problem: None)
    with tenancy.firm(firm_id):
        now = _end_of_day()
        furnish(now)
        refresh_figures(now=now, with_history=True)


def _built(made: datetime) -> int:
    firm_id, _ = build_firm(plan=NORTHLIGHT, now=made, until=UNTIL, password=secrets.token_urlsafe(12), addresses={}, may_trade=True)
    return firm_id


def _end_of_day() -> datetime:
    from execution.models import Execution

    last = Execution.objects.order_by("-recorded_at").values_list("recorded_at", flat=True).first()
    if last is None:
        raise RuntimeError("the firm of the stage has no fills; delete its state folder")
    return last + timedelta(minutes=2)


def _ids() -> dict[str, str]:
    from accounts.models import Account, AccountUserObjectPermission
    from execution.models import ParentOrder
    from governance.models import Alert, Authority, Mandate
    from reconciliation.models import Break
    from reporting.models import StatementDocument

    investor = Membership.objects.filter(role=Role.INVESTOR, is_active=True).earliest("id").user_id
    granted = AccountUserObjectPermission.objects.filter(user_id=investor).values_list("content_object_id", flat=True).first()

    def first(rows: Any, field: str = "id") -> str:
        return str(rows.values_list(field, flat=True).first() or "")

    return {
        "account": str(granted or first(Account.objects.filter(is_clearing=False).order_by("code"))),
        "journey": first(ParentOrder.objects.order_by("-created_at"), "journey_id"),
        "statement": first(StatementDocument.objects.order_by("-id")),
        "alert": first(Alert.objects.filter(ended_at=None).order_by("-raised_at")),
        "break": first(Break.objects.filter(closed_at=None).order_by("-is_material", "id")),
        "authority": first(Authority.objects.order_by("id")),
        "mandate": first(Mandate.objects.order_by("id")),
        "view": first(SavedView.objects.order_by("id")),
    }


def _wait(address: str) -> None:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(f"{address}/healthz", timeout=2):
                return
        except OSError:
            time.sleep(0.2)
    raise RuntimeError("the web process did not answer within two minutes")
