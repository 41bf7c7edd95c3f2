"""The trial's firms and who signs in to them: made on the first start, kept for the next ones.

Entry points: `trial_firms`, `Trial`. What is printed stands in one file that only its owner reads.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import date, datetime
from pathlib import Path
from typing import Any

from django.db import connection

from base import tenancy
from governance import services as governance
from governance.enums import Role
from market.core import calendars

from .build import Login, build_firm, join
from .northlight import NORTHLIGHT
from .past import EXCHANGE, evening_of
from .plans import HARBOUR_LANE, TESSELLATE, FirmPlan

PLANS = (NORTHLIGHT, HARBOUR_LANE, TESSELLATE)
YEAR = 250


@dataclass(frozen=True, slots=True)
class Trial:
    """What the trial's file says.

    firm: the first firm's id; firms: id of each, by its plan's key. tokens: the first firm's API tokens, by role. logins: key → facts of
    a `Login`, by firm. until: the last day of the first firm's history, "" for none.
    """

    firm: int
    firms: Mapping[str, int]
    tokens: Mapping[str, str]
    logins: Mapping[str, list[dict[str, Any]]]
    password: str
    until: str


def trial_firms(path: Path, *, now: datetime, days: int, sockets: Mapping[str, str]) -> Trial:
    """Return the trial's firms. days: sessions of history before today, 0 for none; counts when the firms are made."""
    if path.exists():
        known = json.loads(path.read_text())
        if "firms" in known:
            return Trial(**known)
        path.rename(path.with_suffix(".before"))
    opened, until = _history(now, days)
    password = secrets.token_urlsafe(9)
    firms: dict[str, int] = {}
    logins: dict[str, list[Login]] = {}
    for plan in PLANS:
        lives = plan is NORTHLIGHT and until is not None
        firms[plan.key], logins[plan.key] = build_firm(
            plan=_free(plan),
            now=opened if lives else now,
            until=until or now.date(),
            password=password,
            addresses=sockets,
            may_trade=not lives,
        )
    users = {(key, login.key): login.user_id for key, ones in logins.items() for login in ones}
    for home in PLANS:
        for person in home.people:
            for key, role in person.elsewhere.items():
                join(firm_id=firms[key], user_id=users[home.key, person.key], role=role, now=now)
    first = firms[NORTHLIGHT.key]
    trial = Trial(
        firm=first,
        firms=firms,
        tokens=_tokens(first, logins[NORTHLIGHT.key], now),
        logins={key: [asdict(one) for one in ones] for key, ones in logins.items()},
        password=password,
        until=until.isoformat() if until else "",
    )
    path.touch(mode=0o600)
    path.write_text(json.dumps(asdict(trial)))
    return trial


def _history(now: datetime, days: int) -> tuple[datetime, date | None]:
    """Return when the first firm's accounts are opened, and the last session before today."""
    if not days:
        return now, None
    until = calendars.previous_session(EXCHANGE, now.date())
    opened = until
    for _ in range(days):
        opened = calendars.previous_session(EXCHANGE, opened)
    return evening_of(opened).replace(hour=12, minute=0), until


def _free(plan: FirmPlan) -> FirmPlan:
    """Return the plan, with a number where a firm of its name stands already (the trial's file was lost, the database was not)."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM governance_firm WHERE name = %s OR name LIKE %s", [plan.name, f"{plan.name} %"])
        number = int(cursor.fetchone()[0])
    return replace(plan, name=f"{plan.name} {number + 1}", domain=f"{plan.key}{number + 1}.example") if number else plan


def _tokens(firm_id: int, logins: list[Login], now: datetime) -> dict[str, str]:
    found: dict[str, str] = {}
    with tenancy.firm(firm_id):
        for role in Role:
            login = next(one for one in logins if one.role is role)
            found[role.value] = governance.issue_token(user_id=login.user_id, label="demo", now=now, firm_id=firm_id)
    return found
