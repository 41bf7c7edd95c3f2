"""A firm of seven accounts and a market at a known instant, as the product sets them up, asked through its services.

HARBOR pools its accounts' orders (A1, A3, A5, A7), ALPINE does not (A2, A4, A6); A7's authority has run out.
"""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db import connection, connections

from accounts import services as accounts
from accounts.core import relationships
from accounts.core.entries import Stamp, opening_position
from accounts.core.ledger import Holder
from accounts.enums import RelationshipKind
from accounts.models import Account, Sleeve
from allocation import services as allocation
from allocation.core.signal_body import SignalBody
from allocation.enums import CustomKind, SizingMethod
from allocation.services import PreviewFacts, SignalFacts
from base import tenancy
from execution.enums import ParentState
from execution.models import ChildOrder, ParentOrder
from execution.services.release import ReleaseFacts, release
from governance import services as governance
from governance.core.subjects import Actor
from mamweb.tour.firm import FIXED, TourFirm, build_firm
from mamweb.tour.world import Market, generated_market
from market.models import Instrument
from tests.factories import as_loader, number

D = Decimal
SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)


@dataclass
class Desk:
    """The firm, its trader, and what they do. now: the instant of everything that is not told another one."""

    firm: TourFirm
    market: Market
    now: datetime

    @property
    def firm_id(self) -> int:
        return self.firm.firm_id

    @property
    def trader(self) -> Actor:
        return self.firm.actors["TRADER"]

    def instrument(self, symbol: str = "XYZ") -> Instrument:
        return Instrument.objects.get(symbol=symbol)

    def ids(self, codes: str) -> list[UUID]:
        """Return the accounts of codes like "A1 A3"."""
        return [self.firm.accounts[code] for code in codes.split()]

    # -- intents ------------------------------------------------------------------------------------------------------------------

    def receive(
        self, figure: Any = "0.03", method: SizingMethod = SizingMethod.TARGET_WEIGHT, *, key: str = "", **body: Any
    ) -> SignalFacts:
        """State a signal. codes: the accounts it names; quantities: code → signed quantity, for a custom list."""
        named = tuple(self.ids(body.pop("codes", "")))
        listed = {self.firm.accounts[code]: (CustomKind.QUANTITY, D(str(q))) for code, q in body.pop("quantities", {}).items()}
        if listed:
            method, figure = SizingMethod.CUSTOM, None
        facts = {"strategy": "CORE", "symbol": "XYZ", "accounts": named, "per_account": listed, **body}
        stated = SignalBody(method=method, figure=None if figure is None else D(str(figure)), **facts)
        with tenancy.firm(self.firm_id):
            return allocation.receive_signal(
                source="desk", idempotency_key=key or f"K{number()}", body=stated, actor=self.trader, now=self.now
            )

    def preview(self, signal: SignalFacts, *, now: datetime | None = None) -> PreviewFacts:
        with tenancy.firm(self.firm_id):
            return allocation.preview_signal(signal_id=signal.id, actor=self.trader, now=now or self.now)

    def release(self, signal: SignalFacts, preview: PreviewFacts | None = None, *, now: datetime | None = None) -> ReleaseFacts:
        """Release what was previewed, or what is previewed now."""
        shown = preview or self.preview(signal)
        return release(firm_id=self.firm_id, signal_id=signal.id, preview_hash=shown.hash, actor=self.trader, now=now or self.now)

    def trade(self, quantities: Mapping[str, Any], **body: Any) -> ReleaseFacts:
        """State and release a list of quantities: code → signed quantity."""
        return self.release(self.receive(quantities=quantities, **body))

    # -- books and relations ------------------------------------------------------------------------------------------------------

    def hold(self, quantities: Mapping[str, Any], symbol: str = "XYZ") -> None:
        """Open positions."""
        day = (self.now - timedelta(days=30)).date()
        with tenancy.firm(self.firm_id):
            sleeve = Sleeve.objects.get(code="CORE")
            transactions = [
                opening_position(
                    Holder(self.firm.accounts[code], sleeve.id),
                    Stamp(day, day, f"held|{symbol}|{code}|{number()}"),
                    instrument_id=self.instrument(symbol).id,
                    quantity=D(str(quantity)),
                    basis=D(str(quantity)) * 40,
                    currency_code="USD",
                    acquired_date=day,
                )
                for code, quantity in quantities.items()
            ]
            accounts.post(transactions=transactions, now=self.now - timedelta(days=1))

    def control(self, codes: str, name: str, *, valid_until: datetime | None = None) -> None:
        """Record that one party decides the trading of these accounts, since yesterday."""
        with tenancy.firm(self.firm_id):
            who = governance.record_party(code=name, name=name, actor=None, now=self.now)
            for account in self.ids(codes):
                edge = accounts.relate(
                    kind=RelationshipKind.CONTROL_GROUP,
                    source=relationships.account(account),
                    target=relationships.party(who),
                    valid_from=(self.now - timedelta(days=1)).date(),
                    now=self.now,
                )
                if valid_until is not None:
                    accounts.end_relationship(relationship_id=edge, valid_until=valid_until.date(), now=self.now)

    def own(self, codes: str, name: str) -> None:
        """Record a party as the owner of these accounts, in place of the one they came with."""
        with tenancy.firm(self.firm_id):
            who = governance.record_party(code=name, name=name, actor=None, now=self.now)
            Account.objects.filter(pk__in=self.ids(codes)).update(owner=who)

    # -- looking ------------------------------------------------------------------------------------------------------------------

    def parents(self, released: ReleaseFacts) -> dict[str, ParentOrder]:
        """Return the parents of a release by side."""
        with tenancy.firm(self.firm_id):
            return {str(p.side): p for p in ParentOrder.objects.filter(pk__in=released.parents)}

    def states(self, released: ReleaseFacts) -> dict[str, str]:
        return {side: str(parent.state) for side, parent in self.parents(released).items()}

    def orders(self, released: ReleaseFacts) -> list[ChildOrder]:
        with tenancy.firm(self.firm_id):
            return list(ChildOrder.objects.filter(parent_id__in=released.parents).order_by("parent_id", "sequence"))

    def end(self, released: ReleaseFacts) -> None:
        """Let the parents of a release have ended."""
        with tenancy.firm(self.firm_id):
            ParentOrder.objects.filter(pk__in=released.parents).update(state=ParentState.DONE, done_at=self.now)


_MARKETS: dict[str, tuple[Any, Market]] = {}  # of each test database: what its rows were like, and what was loaded
_ROWS = """
SELECT (SELECT md5(string_agg(i::text, '|' ORDER BY i.id)) FROM market_instrument i WHERE i.id = ANY(%(ids)s)),
    (SELECT count(*) FROM market_quote WHERE instrument_id = ANY(%(ids)s)),
    (SELECT count(*) FROM market_bar WHERE instrument_id = ANY(%(ids)s)),
    (SELECT count(*) FROM market_fxrate)"""


def the_market() -> Market:
    """Return the generated market. It outlives tests: loaded once a database, and again when a test has changed its rows."""
    database = str(connection.settings_dict["NAME"])
    if database in _MARKETS:
        rows, market = _MARKETS[database]
        if rows == _rows_of(market):
            return market
    market = as_loader(lambda: generated_market(1))
    _MARKETS[database] = _rows_of(market), market
    return market


def _rows_of(market: Market) -> Any:
    with connection.cursor() as cursor:
        cursor.execute(_ROWS, {"ids": [one.id for one in market.instruments.values()]})
        return cursor.fetchone()


def make_desk(*, committed: bool = False) -> Desk:
    """Set up a firm. committed: on a connection of its own, so that other connections see it, and see it after the test too."""
    market = the_market()
    terms: dict[str, Any] = {"name": f"Desk {number()}", "people": FIXED, "now": market.start - MINUTE}
    firm = as_loader(lambda: build_firm(**terms)) if committed else build_firm(**terms)
    return Desk(firm, market, market.start)


def together(*works: Any) -> list[Any]:
    """Run works at once, each on a connection of its own; returns what each returned or raised."""

    def run(work: Any) -> Any:
        try:
            return work()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(len(works)) as threads:
        running = [threads.submit(run, work) for work in works]
    return [one.exception() or one.result() for one in running]
