"""A short history in a database of its own: everything is committed, as in life."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings

from mamweb.history import NORTHLIGHT, HistoryOptions, build_firm, live_history
from mamweb.history.lanes import open_lanes
from mamweb.history.past import evening_of
from mamweb.tour.facts import rows
from tests.database import cloned_database

OPENED, UNTIL = date(2026, 2, 26), date(2026, 3, 6)
SESSIONS = 7
NOW = datetime(2026, 2, 26, 12, tzinfo=UTC)
LANES = [lane.code for lane in NORTHLIGHT.lanes]


@dataclass
class Past:
    """The folder histories are kept in, and what makes and tells them."""

    folder: Path

    def firm(self, name: str) -> int:
        """Set Northlight up under another name."""
        plan = replace(NORTHLIGHT, name=name, domain=f"{name}.example")
        firm_id, _ = build_firm(plan=plan, now=NOW, until=UNTIL, password="only-a-test-1", addresses={}, may_trade=False)
        return firm_id

    def live(self, firm_id: int, **more: Any) -> Any:
        """Live what is left, and return what the walk says."""
        told: list[str] = []
        options = HistoryOptions(UNTIL, progress=self.folder / f"{firm_id}.json", **more)
        return live_history(firm_id=firm_id, plan=NORTHLIGHT, options=options, tell=told.append)

    def custody(self, firm_id: int) -> dict[tuple[str, str], Decimal]:
        """Return what the custodians' journals say every account holds, positions and money."""
        from base.core.clock import VirtualClock

        lanes = open_lanes(firm_id=firm_id, codes=LANES, clock=VirtualClock(evening_of(UNTIL)), until=evening_of(UNTIL))
        held: dict[tuple[str, str], Decimal] = {}
        for lane in lanes.values():
            held |= {(row.account, row.symbol): row.quantity for row in lane.gateway.positions()}
            held |= {(row.account, row.currency): row.trade_date_balance for row in lane.gateway.cash() if row.trade_date_balance}
            lane.close()
        return held


POSITIONS = """
SELECT a.custodian_account AS account, i.symbol AS unit, sum(p.quantity) AS amount FROM accounts_position p
JOIN accounts_account a ON a.id = p.account_id JOIN market_instrument i ON i.id = p.instrument_id GROUP BY 1, 2 HAVING sum(p.quantity) <> 0
UNION ALL SELECT a.custodian_account, b.currency, sum(b.amount) FROM accounts_cashbalance b JOIN accounts_account a ON a.id = b.account_id
GROUP BY 1, 2 HAVING sum(b.amount) <> 0"""


def our_books(firm_id: int) -> dict[tuple[str, str], Decimal]:
    """Return what our books say every account holds."""
    return {(row["account"], row["unit"]): row["amount"] for row in rows(firm_id, POSITIONS)}


@pytest.fixture(scope="module")
def past(django_db_blocker: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Past]:
    """Give what lives histories; the venues' journals lie in a folder of the test."""
    folder = tmp_path_factory.mktemp("history")
    name = f"history_{os.environ.get('PYTEST_XDIST_WORKER', 'main')}_{os.getpid()}"
    with pytest.MonkeyPatch.context() as patch, django_db_blocker.unblock(), cloned_database(name):
        patch.setattr(settings, "VAR_DIR", folder)
        yield Past(folder)


@pytest.fixture(scope="module")
def lived(past: Past) -> int:
    """A firm whose history was lived in one go."""
    firm_id = past.firm("straight")
    assert past.live(firm_id) is not None
    return firm_id
