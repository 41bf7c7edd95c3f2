"""Ask every broker connection for the day's custody report, once its session has closed (REC-1).

Entry points: `fetch_reports`, `Fetched`. It opens its own blocks: none is held over a call to a broker. It belongs into a process of its
own (`manage.py fetch_reports`); neither web nor worker talks to a broker.
Invariants: 1. every enabled connection of a custodian is asked, however many there are; 2. the answers of one custodian are stored
together; one that is missing raises an alert, named by its connection, which ends when the report has come; 3. what is whole is not asked
again, what is not is asked again at every call; 4. a broker that fails stops nobody else.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from itertools import groupby
from typing import Any
from uuid import UUID

from accounts.queries import ConnectionFacts
from accounts.queries import connections as broker_connections
from base import tenancy
from base.errors import Refused
from execution.gateways.base import Gateway, GatewayError
from execution.gateways.registry import GATEWAYS, open_gateway
from execution.services.serving import clock_for
from governance.core.subjects import Subject
from governance.enums import AlertTier, Role, SubjectKind
from governance.services import end_alert, raise_alert
from market.core import calendars

from ..queries.codebook import Codebook, codebook_of
from ..queries.columns import execute
from .gateway_reports import Reports
from .snapshots import FILE, GATEWAY, UnableToTakeSnapshot, ask_gateway, keep_reports

logger = logging.getLogger(__name__)
PAUSE = timedelta(minutes=15)
"""After the close: so long the last fills and shares may take to be booked. The hour of REC-1 leaves room for three more tries."""
RULE = "REC-1"
NOT_STORED = "could not be stored; see the log"
Opening = Callable[[str, Mapping[str, Any]], Gateway]
_OPEN_ACCOUNTS = """
SELECT EXISTS (SELECT 1 FROM accounts_account WHERE connection_id = %(connection)s AND opened_on <= %(as_of)s
               AND (closed_on IS NULL OR closed_on >= %(as_of)s)),
       EXISTS (SELECT 1 FROM reconciliation_custodiansnapshot WHERE custodian_id = %(custodian)s AND as_of = %(as_of)s AND is_complete
               AND source = ANY(%(sources)s))
"""


@dataclass(frozen=True, slots=True)
class Fetched:
    """What one call did: connections whose report was stored, and those that were asked in vain with the reason, by code."""

    stored: tuple[str, ...]
    failed: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class _Answer:
    """What one connection said of a date: reports, or why there are none."""

    lane: ConnectionFacts
    book: Codebook
    as_of: date
    now: datetime
    reports: Reports | None
    code: str = ""
    message: str = ""


def fetch_reports(*, firm_id: int, now: datetime, opening: Opening = open_gateway) -> Fetched:
    """Ask the connections of a firm for what is due and not stored whole yet. Safe to repeat.

    opening: makes the gateway of a connection's kind and settings. A kind that is not built in sends files, and is not asked.
    """
    with tenancy.firm(firm_id):
        lanes = sorted((one for one in broker_connections() if one.is_enabled), key=lambda one: (one.custodian_id, one.code))
    stored: list[str] = []
    failed: list[tuple[str, str]] = []
    for _, group in groupby(lanes, key=lambda one: one.custodian_id):
        answers = [answer for lane in group if (answer := _ask(firm_id, lane, now, opening)) is not None]
        for answer, reason in zip(answers, _store(firm_id, answers), strict=True):
            if reason:
                failed.append((answer.lane.code, reason))
            else:
                stored.append(answer.lane.code)
    return Fetched(tuple(stored), tuple(failed))


def _store(firm_id: int, answers: Sequence[_Answer]) -> list[str]:
    """Keep one custodian's answers together; return for each why it was not stored, "" where it was. What nobody foresaw is alarmed too."""
    try:
        with tenancy.firm(firm_id):
            return [_keep(answer) for answer in answers]
    except Exception:
        logger.exception("custody reports of firm %s could not be stored", firm_id)
    try:
        with tenancy.firm(firm_id):
            for answer in answers:
                _keep(replace(answer, reports=None, code="NOT_STORED", message=NOT_STORED))
    except Exception:
        logger.exception("custody reports of firm %s: nobody could be told", firm_id)
    return [NOT_STORED] * len(answers)


def _ask(firm_id: int, lane: ConnectionFacts, now: datetime, opening: Opening) -> _Answer | None:
    """Return what a connection answers, None where nothing is due of it."""
    if lane.gateway not in GATEWAYS:
        return None
    with tenancy.firm(firm_id):
        book = codebook_of(custodian_id=lane.custodian_id)
        if lane.settings.get("clock") != "broker" and _day(book, lane, now) is None:
            return None
    as_of: date | None = None
    gateway: Gateway | None = None
    try:
        gateway = opening(lane.gateway, lane.settings)
        gateway.connect()
        instant = clock_for(lane.settings, gateway).now() if lane.settings.get("clock") == "broker" else now
        with tenancy.firm(firm_id):
            as_of = _day(book, lane, instant)
        if as_of is None:
            return None
        return _Answer(lane, book, as_of, instant, ask_gateway(book=book, as_of=as_of, gateway=gateway, connection=lane.code))
    except (Refused, GatewayError) as error:
        code = error.code if isinstance(error, Refused) else "GATEWAY"
        return _Answer(lane, book, as_of or calendars.last_closed_session(book.calendar, now), now, None, code, error.message)
    except Exception as error:
        logger.exception("custody report of connection %s of firm %s", lane.code, firm_id)
        return _Answer(lane, book, as_of or calendars.last_closed_session(book.calendar, now), now, None, "GATEWAY", type(error).__name__)
    finally:
        if gateway is not None:
            gateway.close()


def _day(book: Codebook, lane: ConnectionFacts, now: datetime) -> date | None:
    """Return the date of which this connection's report is due at `now`, None where there is none or it is stored whole."""
    as_of = calendars.last_closed_session(book.calendar, now)
    if now < calendars.session_close(book.calendar, as_of) + PAUSE:
        return None
    sources = [FILE, GATEWAY, f"{GATEWAY} {lane.code}"]
    asked = {"connection": lane.id, "custodian": lane.custodian_id, "as_of": as_of, "sources": sources}
    has_accounts, is_stored = execute(_OPEN_ACCOUNTS, asked).fetchone() or (False, False)
    return as_of if has_accounts and not is_stored else None


def _keep(answer: _Answer) -> str:
    """Store a report and end its alert, or raise the alert; return why nothing was stored, "" where it was."""
    code, message = answer.code, answer.message
    if answer.reports is not None:
        try:
            taken = keep_reports(book=answer.book, as_of=answer.as_of, reports=answer.reports, now=answer.now, connection=answer.lane.code)
        except UnableToTakeSnapshot as error:
            code, message = error.code, error.message
        else:
            code, message = ("", "") if taken.is_complete else ("SILENT", _unreported(answer))
    if not code:
        end_alert(dedupe_key=_alert_key(answer.lane.id, answer.as_of), now=answer.now)
        return ""
    raise_alert(
        tier=AlertTier.WARNING,
        audience=Role.OPERATIONS,
        rule=RULE,
        subject=Subject(SubjectKind.BROKER_CONNECTION, str(answer.lane.id)),
        message=f"No whole custody report from {answer.lane.code} for {answer.as_of}: {message} [{code}]"[:400],
        now=answer.now,
        dedupe_key=_alert_key(answer.lane.id, answer.as_of),
    )
    return code


def _unreported(answer: _Answer) -> str:
    covered = answer.reports.covered if answer.reports else frozenset()
    silent = _own_accounts(answer.book, answer.lane.code, covered)
    return f"{len(silent)} accounts are not in it, {silent[0]} first" if silent else "a section is missing"


def _own_accounts(book: Codebook, code: str, covered: frozenset[str]) -> Sequence[str]:
    pairs = zip(book.directory.accounts, book.connections, strict=True)
    return [account for account, over in pairs if over == code and account not in covered]


def _alert_key(connection_id: UUID, as_of: date) -> str:
    return f"{RULE}|{connection_id}|{as_of}"
