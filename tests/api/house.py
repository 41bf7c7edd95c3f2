"""A firm and a market as the product sets them up, at a known instant, asked over HTTP."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from base import tenancy
from governance.services import issue_token
from mamweb.tour.firm import FIXED, TourFirm, build_firm
from tests.api.scene import Person
from tests.desk import the_market


class House:
    """A firm of seven accounts, a market at a known instant, and a trader with a token."""

    def __init__(self, settings: Any) -> None:
        self.settings = settings
        self.market = the_market()
        self.at(self.market.start)
        self.firm: TourFirm = build_firm(name=f"House {id(self)}", people=FIXED, now=self.now - timedelta(minutes=1))
        self.trader = self.person("TRADER")

    def at(self, instant: datetime) -> None:
        """Set the clock."""
        self.now = instant
        self.settings.REHEARSAL_CLOCK = f"{instant.isoformat()}@{instant.isoformat()}*0"

    def person(self, role: str) -> Person:
        with tenancy.firm(self.firm.firm_id):
            user_id = int(self.firm.actors[role].user_id)
            token = issue_token(user_id=user_id, label="session", now=datetime.now(UTC), firm_id=self.firm.firm_id)
        return Person(None, token, self.firm.firm_id)

    def signal(self, key: str = "one", figure: str = "0.03") -> Any:
        body = {"strategy": "CORE", "symbol": "XYZ", "method": "target_weight", "figure": figure}
        return self.trader.post("signals", body, **{"Idempotency-Key": key}).json()

    def preview(self, signal: Any) -> Any:
        answer = self.trader.post(f"signals/{signal['id']}/preview")
        assert answer.status_code == 200, answer.content
        return answer.json()

    def release(self, signal: Any, preview: Any) -> Any:
        return self.trader.post(f"signals/{signal['id']}/release", {"preview_hash": preview["hash"]})
