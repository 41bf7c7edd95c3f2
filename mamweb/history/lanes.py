"""The connections of a firm in its history: a venue with its journal, and the gateway session that serves it, in this process.

Entry point: `Lane`, `open_lanes`.
Invariant: what the custodian's own people do carries a name, and is done once however often the history is started.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from accounts import queries as accounts
from base import tenancy
from base.core.clock import VirtualClock
from execution.gateways.paper.gateway import PaperGateway
from execution.gateways.paper.transports import LocalTransport
from execution.services.gateway_session import GatewaySession
from execution.services.lease import LeaseHeld
from execution.venue.journal import FileJournal, read_records
from execution.venue.paper import open_books, paper_service, venue_folder
from execution.venue.service import VenueService

VENUE_DAYS, VENUE_SEED = 3, 1
SWEEP_EVERY = timedelta(hours=4)
"""A venue in this process loses no report, and minutes pass in moments."""
_LEASE_WAIT = 0.25


@dataclass(slots=True)
class Lane:
    """One connection: the broker by day, the custodian in the evening."""

    code: str
    service: VenueService
    gateway: PaperGateway
    session: GatewaySession
    told: set[str]

    def steer(self, name: str, command: Mapping[str, Any]) -> bool:
        """Give the venue a command under a name; False if one of this name was given before. Raises RuntimeError if it is refused."""
        if name in self.told:
            return False
        answer = self.service.handle({**command, "note": name})
        if not answer.reply or not answer.reply.get("ok"):
            raise RuntimeError(f"the venue {self.code} refused {name}: {answer.reply}")
        self.service.host.sync()
        self.told.add(name)
        return True

    def close(self) -> None:
        """Let the lease and the journal go."""
        self.session.stop()
        journal = self.service.host.journal
        if isinstance(journal, FileJournal):
            journal.close()


def open_lanes(*, firm_id: int, codes: Sequence[str], clock: VirtualClock, until: datetime) -> dict[str, Lane]:
    """Bring up every venue from its journal, move the clock past all they have lived, and reconcile each gateway before it trades (R8)."""
    facts, services, told = {}, {}, {}
    with tenancy.firm(firm_id):
        for code in codes:
            lane = accounts.connection(code=code)
            if lane is None:
                raise LookupError(f"no connection {code}")
            facts[code] = (lane, accounts.custody_books(connection_id=lane.id))
    for code, (lane, books) in facts.items():
        folder = venue_folder(firm_id, lane)
        told[code] = _told(folder / "venue.journal")
        services[code] = paper_service(lane, folder, clock, days=VENUE_DAYS, seed=VENUE_SEED, until=until)
        open_books(services[code], lane, books)
    clock.move_to(max([clock.now(), *(service.host.now() for service in services.values())]))
    lanes = {}
    for code, (lane, _) in facts.items():
        gateway = PaperGateway(LocalTransport(services[code]))
        session = GatewaySession(firm_id=firm_id, connection_id=lane.id, gateway=gateway, clock=clock, sweep_every=SWEEP_EVERY)
        _start(session)
        lanes[code] = Lane(code, services[code], gateway, session, told[code])
    return lanes


def _told(journal: Path) -> set[str]:
    records = read_records(journal) if journal.exists() else []
    return {str(record["cmd"]["note"]) for record in records if "note" in record.get("cmd", {})}


def _start(session: GatewaySession) -> None:
    """Take the lease; one that a killed predecessor held runs out by itself."""
    while True:
        try:
            session.start()
        except LeaseHeld:
            time.sleep(_LEASE_WAIT)
        else:
            return
