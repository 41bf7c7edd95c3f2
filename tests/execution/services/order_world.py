"""A firm with a connection, a clearing account and some accounts at the simulated venue of `tests.execution.venue.world`, for order-path tests.

The venue's custody books are opened with what our books say, so that the two must agree whenever nothing is on its way (I7).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import numpy as np
from django.db import connection as database

from accounts import services as accounts
from accounts.core.entries import Stamp, opening_cash, opening_position
from accounts.core.ledger import Holder
from accounts.models import Account, BrokerConnection, CashBalance, Position, Reservation
from allocation.models import AllocationLine, AllocationStatement, Signal, Strategy
from base import tenancy
from base.core.ids import new_id
from execution.core.intents import client_order_id
from execution.enums import OrderState, OrderType, ParentState, RemainderPolicy, RouteKind, SharePolicy, TimeInForce
from execution.gateways.enums import VenueClass
from execution.gateways.paper.gateway import PaperGateway
from execution.gateways.paper.transports import LocalTransport
from execution.models import Booking, ChildOrder, Execution, GatewayLease, ParentOrder, Share
from execution.services.gateway_session import GatewaySession
from execution.venue.faults import FaultPlan
from execution.venue.service import VenueService
from execution.venue.setup import CommissionModel, VenueConfig
from governance.enums import AccountGate, SubjectKind
from governance.models import Alert, GateRecord
from market.enums import Side
from market.models import Instrument, Quote
from tests.execution.venue.world import make_service
from tests.factories import as_loader, make_account, make_connection, make_firm, make_sleeve, number

D = Decimal
FAR = datetime(2025, 12, 1, tzinfo=UTC)
CASH = D(100_000_000)
CONFIG = VenueConfig(block_accounts=frozenset({"BLOCK"}), commission=CommissionModel(per_share=D("0.005"), minimum=D(1)))
SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)


def instrument(symbol: str) -> Instrument:
    """Return the instrument of the venue's symbol; it outlives the test."""
    found = Instrument.objects.filter(symbol=symbol).first()
    if found is not None:
        return found
    rules: dict[str, Any] = {"lot_step": D("0.001"), "min_quantity": D("0.01"), "min_notional": D(10)} if symbol == "COIN" else {}
    return as_loader(lambda: make_instrument_now(symbol, rules))


def make_instrument_now(symbol: str, rules: Mapping[str, Any]) -> Instrument:
    """Write an instrument, and the prices that accounts holding it are valued at: one an hour, for two days."""
    fields = {"kind": "EQUITY", "currency": "USD", "calendar": "XNYS", "settlement_market": "US", "tick": D("0.01"), **rules}
    made = Instrument.objects.using("loader").get_or_create(symbol=symbol, defaults=fields)[0]
    first = datetime(2026, 1, 5, 14, tzinfo=UTC)
    prices = {"bid": D("49.99"), "ask": D("50.01"), "last": D(50)}
    quotes = [Quote(instrument=made, source="SIMULATED", as_of=first + timedelta(hours=n), **prices) for n in range(48)]
    Quote.objects.using("loader").bulk_create(quotes, ignore_conflicts=True)
    return made


@dataclass
class OrderWorld:
    """One firm, one connection, one venue, one session."""

    firm_id: int
    connection: BrokerConnection
    clearing: Account
    accounts: dict[str, Account]
    strategy: Strategy
    service: VenueService
    transport: LocalTransport
    gateway: PaperGateway
    session: GatewaySession

    # -- time ---------------------------------------------------------------------------------------------------------------------

    @property
    def now(self) -> datetime:
        return self.service.host.clock.now()

    def advance(self, **span: float) -> None:
        self.service.host.move_clock(timedelta(**span))
        self.service.tick()
        self.service.host.sync()

    def steer(self, **request: Any) -> dict[str, Any]:
        reply = self.service.handle(request).reply
        assert reply is not None and reply["ok"], reply
        self.service.host.sync()
        return reply

    def step(self, times: int = 1) -> Any:
        for _ in range(times):
            activity = self.session.step()
        return activity

    def live(self, minutes: int = 1, every: float = 20) -> None:
        """Let time pass, a step each `every` seconds."""
        for _ in range(int(minutes * 60 / every)):
            self.advance(seconds=every)
            self.session.step()

    def restart(self) -> None:
        """Begin a new session as a new process would: what the old one had in memory is gone, and its lease has run out."""
        with tenancy.firm(self.firm_id):
            GatewayLease.objects.filter(connection=self.connection).update(expires_at=FAR)
        self.gateway = PaperGateway(LocalTransport(self.service), self.gateway.capabilities.venue_class)
        self.session = GatewaySession(self.firm_id, self.connection.id, self.gateway, self.service.host.clock, lease_seconds=60)

    # -- orders -------------------------------------------------------------------------------------------------------------------

    def parent(self, lines: Mapping[str, D | int], symbol: str = "FLAT", side: Side = Side.BUY, **fields: Any) -> ParentOrder:
        """Write a statement with a line for each account, and its parent."""
        traded, journey = instrument(symbol), new_id()
        signal = Signal.objects.create(
            journey_id=journey,
            source="test",
            idempotency_key=str(number()),
            body_sha256="0" * 64,
            strategy=self.strategy,
            instrument=traded,
            method="fixed",
            received_at=self.now,
        )
        statement = AllocationStatement.objects.create(
            signal=signal,
            journey_id=journey,
            revision=0,
            hash="1" * 64,
            share_policy=fields.get("share_policy", SharePolicy.PRO_RATA),
            tie_seed=fields.pop("tie_seed", "BLK-1"),
            price_scope="BLOCK",
            decision_price=D(50),
            decided_at=self.now,
            frozen=b"",
            rules=[],
        )
        for code, quantity in lines.items():
            AllocationLine.objects.create(
                statement=statement,
                account=self.accounts[code],
                raw=D(quantity),
                after_rules=[],
                binding_rule="",
                reason="",
                quantity=D(quantity) * side.sign,
            )
        values = {
            "journey_id": journey,
            "statement": statement,
            "strategy": self.strategy,
            "instrument": traded,
            "side": side,
            "quantity": sum(map(D, lines.values()), D(0)),
            "state": ParentState.WORKING,
            "route": RouteKind.MARKETABLE_LIMIT,
            "order_type": OrderType.LIMIT,
            "time_in_force": TimeInForce.DAY,
            "decision_price": D(50),
            "arrival_price": D(50),
            "share_policy": SharePolicy.PRO_RATA,
            "remainder_policy": RemainderPolicy.CANCEL,
            "plan_seed": "s",
            "chunks": 1,
            "chunks_done": 1,
            "created_at": self.now,
        }
        return ParentOrder.objects.create(**{**values, **fields})

    def order(self, parent: ParentOrder, code: str | None, quantity: D | int, **fields: Any) -> ChildOrder:
        """Write a child: of one account, or (code None) the block of everybody; and reserve for it."""
        account = self.clearing if code is None else self.accounts[code]
        name = client_order_id(
            parent_id=parent.id, slice_number=0, account_id=None if code is None else account.id, connection_id=self.connection.id
        )
        values = {
            "journey_id": parent.journey_id,
            "parent": parent,
            "connection": self.connection,
            "account": account,
            "instrument": parent.instrument,
            "is_block": code is None,
            "side": parent.side,
            "quantity": D(quantity),
            "order_type": OrderType.MARKET,
            "time_in_force": TimeInForce.DAY,
            "client_order_id": name,
            "sequence": number(),
            "created_at": self.now,
        }
        child = ChildOrder.objects.create(**{**values, **fields})
        codes = {account.id: name for name, account in self.accounts.items()}
        behind = dict(parent.statement.lines.values_list("account_id", "quantity"))
        self.reserve(child.id, parent, {code: D(quantity)} if code else {codes[pk]: abs(q) for pk, q in behind.items()})
        return child

    def reserve(self, order_id: UUID, parent: ParentOrder, quantities: Mapping[str, D]) -> None:
        """Reserve under an id what each account may have to deliver or pay."""
        n, buys = len(quantities), parent.side == Side.BUY
        accounts.reserve(
            order_ids=np.frombuffer(order_id.bytes * n, dtype="V16"),
            account_ids=np.frombuffer(b"".join(self.accounts[code].id.bytes for code in quantities), dtype="V16"),
            sleeve_id=self.strategy.sleeve_id,
            instrument_id=parent.instrument_id,
            side=str(parent.side),
            quantity=np.array([int(q * 10**8) for q in quantities.values()], dtype=np.int64),
            cash_currency="USD",
            cash=np.array([int(q * 51 * 10**8) if buys else 0 for q in quantities.values()], dtype=np.int64),
            limit_price=D(51),
            now=self.now,
        )

    def single(self, quantity: D | int = 100, code: str = "A", symbol: str = "FLAT", side: Side = Side.BUY, **fields: Any) -> ChildOrder:
        """Write a parent with one account's order."""
        return self.order(self.parent({code: quantity}, symbol, side), code, quantity, **fields)

    def block(self, lines: Mapping[str, D | int], symbol: str = "FLAT", side: Side = Side.BUY, **fields: Any) -> ChildOrder:
        """Write a parent with one block for all accounts."""
        parent = {name: fields.pop(name) for name in ("share_policy", "tie_seed") if name in fields}
        return self.order(self.parent(lines, symbol, side, **parent), None, sum(map(D, lines.values()), D(0)), **fields)

    # -- looking ------------------------------------------------------------------------------------------------------------------

    def state(self, order: ChildOrder) -> OrderState:
        return OrderState(ChildOrder.objects.values_list("state", flat=True).get(pk=order.pk))

    def position(self, code: str, symbol: str = "FLAT") -> D:
        account = self.clearing if code == "BLOCK" else self.accounts[code]
        rows = Position.objects.filter(account=account, instrument__symbol=symbol).values_list("quantity", flat=True)
        return sum(rows, D(0))

    def cash(self, code: str) -> D:
        account = self.clearing if code == "BLOCK" else self.accounts[code]
        return sum(CashBalance.objects.filter(account=account).values_list("amount", flat=True), D(0))

    def alerts(self) -> set[str]:
        return set(Alert.objects.filter(ended_at=None).values_list("rule", flat=True))

    def assert_books_equal_custody(self) -> None:
        """I7: positions and cash of every account are what the custodian says."""
        theirs = self.service.host.venue.custody
        held = {(account, symbol): quantity for account, symbol, quantity in theirs.positions()}
        money = {account: total for account, _, total, _ in theirs.cash("", date(2030, 1, 1))}
        for code, account in [*self.accounts.items(), ("BLOCK", self.clearing)]:
            name = account.custodian_account
            symbols = {symbol for owner, symbol in held if owner == name} | {"FLAT", "RISE", "THIN", "COIN"}
            for symbol in symbols:
                assert self.position(code, symbol) == held.get((name, symbol), D(0)), (code, symbol)
            assert self.cash(code) == money.get(name, D(0)), code

    def assert_clearing_is_zero(self) -> None:
        """Everything executed for blocks has been shared out."""
        sql = """SELECT coalesce(sum(abs(total)), 0) FROM (SELECT sum(amount) AS total FROM accounts_ledgerentry
                 WHERE account_id = %s GROUP BY book, currency, instrument_id) x"""
        with database.cursor() as cursor:
            cursor.execute(sql, [self.clearing.id])
            assert cursor.fetchone()[0] == 0

    def assert_shares_equal_executions(self) -> None:
        """I3, I4: Σ shares of the newest booking = Σ newest executions = what parents say was filled."""
        for parent in ParentOrder.objects.all():
            newest: dict[str, Execution] = {}
            for row in Execution.objects.filter(order__parent=parent).order_by("revision"):
                newest[row.broker_exec_id] = row
            total = sum((row.last_qty for row in newest.values()), D(0))
            assert parent.filled_qty == total
            blocks = sum((row.last_qty for row in newest.values() if row.order.is_block), D(0))
            booking = Booking.objects.filter(parent=parent).order_by("-revision").first()
            if booking is not None:
                shares = list(Share.objects.filter(booking=booking))
                assert sum((s.quantity for s in shares), D(0)) == booking.quantity == blocks
                assert sum((s.notional for s in shares), D(0)) == booking.notional
                assert sum((s.fee for s in shares), D(0)) == booking.fee
            else:
                assert blocks == 0

    def assert_nothing_reserved(self) -> None:
        assert not Reservation.objects.filter(released_at=None, quantity__gt=0).exists()

    def assert_venue_has_each_order_once(self) -> None:
        """I1: at most one venue order per intent."""
        names = [view["client_order_id"] for view in self.service.host.venue.events if view["kind"] == "NEW"]
        assert len(names) == len(set(names))


def make_world(
    path: Path,
    *,
    codes: str = "ABCDE",
    config: VenueConfig = CONFIG,
    faults: FaultPlan | None = None,
    seed: int = 0,
    holdings: Mapping[str, D | int] | None = None,
) -> OrderWorld:
    """Return a world in the open tenancy block of a new firm, its session not started. holdings: FLAT shares each account starts with."""
    firm_id = tenancy.current_firm()
    assert firm_id is not None
    connection = make_connection(pools_blocks=True)
    clearing = make_account(connection=connection, code="BLOCK", custodian_account="BLOCK", is_clearing=True)
    people = {code: make_account(connection=connection, code=code, custodian_account=code) for code in codes}
    sleeve = make_sleeve()
    strategy = Strategy.objects.create(code=f"S{number()}", name="Test", sleeve=sleeve)
    _open_books(people, sleeve.id, holdings or {})
    service = make_service(path, config, faults=faults, seed=seed)
    books: dict[str, Any] = {"BLOCK": {"cash": {}, "positions": {}}}
    for code in codes:
        held = {"FLAT": str(D(holdings[code]))} if holdings and code in holdings else {}
        books[code] = {"cash": {"USD": str(CASH)}, "positions": held}
    service.handle({"op": "open", "accounts": books})
    transport = LocalTransport(service)
    gateway = PaperGateway(transport, VenueClass(config.venue_class))
    session = GatewaySession(firm_id, connection.id, gateway, service.host.clock, lease_seconds=60)
    return OrderWorld(firm_id, connection, clearing, people, strategy, service, transport, gateway, session)


def _open_books(people: Mapping[str, Account], sleeve_id: UUID, holdings: Mapping[str, D | int]) -> None:
    day = date(2026, 1, 2)
    transactions = []
    for code, account in people.items():
        holder = Holder(account.id, sleeve_id)
        transactions.append(opening_cash(holder, Stamp(day, day, f"cash|{account.id}"), amount=CASH, currency_code="USD"))
        if code in holdings:
            quantity = D(holdings[code])
            stamp = Stamp(day, day, f"held|{account.id}")
            transactions.append(
                opening_position(
                    holder,
                    stamp,
                    instrument_id=instrument("FLAT").id,
                    quantity=quantity,
                    basis=quantity * 40,
                    currency_code="USD",
                    acquired_date=day,
                )
            )
        for gate in AccountGate:
            GateRecord.objects.create(subject_kind=SubjectKind.ACCOUNT, subject_id=account.id, gate=gate, valid_from=FAR, evidence="test")
    accounts.post(transactions=transactions, now=FAR)


def bare_parent(connection: BrokerConnection) -> tuple[ParentOrder, Account]:
    """Write a parent with a statement of no lines, and an account."""
    account, traded, journey = make_account(connection=connection), instrument("FLAT"), new_id()
    strategy = Strategy.objects.create(code=f"S{number()}", name="Test", sleeve=make_sleeve())
    signal = Signal.objects.create(
        journey_id=journey,
        source="test",
        idempotency_key=str(number()),
        body_sha256="0" * 64,
        strategy=strategy,
        instrument=traded,
        method="fixed",
        received_at=FAR,
    )
    statement = AllocationStatement.objects.create(
        signal=signal,
        journey_id=journey,
        revision=0,
        hash="1" * 64,
        share_policy="PRO_RATA",
        tie_seed="S",
        price_scope="BLOCK",
        decision_price=D(50),
        decided_at=FAR,
        frozen=b"",
        rules=[],
    )
    parent = ParentOrder.objects.create(
        journey_id=journey,
        statement=statement,
        strategy=strategy,
        instrument=traded,
        side=Side.BUY,
        quantity=D(40),
        state=ParentState.WORKING,
        route=RouteKind.MARKETABLE_LIMIT,
        order_type=OrderType.MARKET,
        time_in_force=TimeInForce.GTC,
        decision_price=D(50),
        share_policy=SharePolicy.PRO_RATA,
        remainder_policy=RemainderPolicy.CANCEL,
        plan_seed="s",
        created_at=FAR,
    )
    return parent, account


__all__ = ["CASH", "CONFIG", "OrderWorld", "instrument", "make_firm", "make_world"]
