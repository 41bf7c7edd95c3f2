"""A firm with accounts, prices and books, for the tests of both gates."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import numpy as np

from accounts.models import Account, CashBalance, EquitySnapshot, Position, Reservation, Sleeve
from governance.core.subjects import Actor
from governance.enums import AccountGate, Role, SubjectKind
from governance.models import GateRecord
from market import queries as market
from market.models import Bar, FxRate, Instrument, Quote
from risk.core.gate_one import UNLIMITED
from risk.enums import FirmLimitKind
from risk.queries.rows import UNIT, Gate2Order, Gate2Rows
from risk.services import ParentFacts, set_firm_limit
from tests.factories import as_loader, make_account, make_connection, make_instrument, make_sleeve, make_user

D = Decimal
NOW = datetime(2026, 1, 6, 15, 0, tzinfo=UTC)
FAR = datetime(2025, 12, 1, tzinfo=UTC)
GENEROUS = D(10) ** 12


@dataclass
class Scene:
    """What most tests start from: a share at 40 with a million a day, an account with 100,000 and every gate on file."""

    sleeve: Sleeve
    share: Instrument
    account: Account
    actor: Actor

    def parent(self, quantity: int | str = 100, *, price: str | None = "40", **facts: Any) -> ParentFacts:
        signed = D(quantity)
        instrument = facts.pop("instrument", self.share)
        return ParentFacts(
            facts.pop("journey_id", uuid4()),
            uuid4(),
            market.instrument(instrument.id),
            1 if signed > 0 else -1,
            abs(signed),
            None if price is None else D(price),
            **facts,
        )


def make_scene() -> Scene:
    user = make_user(Role.RISK)
    share = make_share()
    account = fund(make_account())
    return Scene(make_sleeve(), share, account, Actor(str(user.id), Role.RISK))


def make_share(price: str = "40", volume: int = 1_000_000, **facts: Any) -> Instrument:
    share = make_instrument(**facts)
    quote(share, price)
    if volume:
        daily_bars(share, volume, price)
    return share


def quote(instrument: Instrument, price: str, *, at: datetime = NOW) -> None:
    row = {"instrument_id": instrument.id, "source": "LIVE", "as_of": at, "bid": D(price), "ask": D(price), "last": D(price)}
    as_loader(lambda: Quote.objects.using("loader").create(**row))


def daily_bars(instrument: Instrument, volume: int, price: str = "40", days: int = 3) -> None:
    last = NOW.replace(hour=0)
    figures = dict.fromkeys(("open", "high", "low", "close"), D(price))
    rows = [
        Bar(
            instrument_id=instrument.id,
            source="FILE",
            interval_seconds=86400,
            starts_at=last - timedelta(days=k + 1),
            volume=volume,
            **figures,
        )
        for k in range(days)
    ]
    as_loader(lambda: Bar.objects.using("loader").bulk_create(rows))


def rate(base: str, quote_currency: str, value: str, *, at: datetime = NOW) -> None:
    row = {"base": base, "quote": quote_currency, "source": "FILE", "as_of": at, "rate": D(value)}
    as_loader(
        lambda: FxRate.objects.using("loader").update_or_create(base=base, quote=quote_currency, source="FILE", as_of=at, defaults=row)
    )


def fund(account: Account, cash: str = "100000", currency: str = "USD") -> Account:
    CashBalance.objects.create(account=account, currency=currency, settle_date=date(2026, 1, 2), amount=D(cash))
    for gate in AccountGate:
        GateRecord.objects.create(subject_kind=SubjectKind.ACCOUNT, subject_id=account.id, gate=gate, valid_from=FAR, evidence="test")
    return account


def make_accounts(n: int, **fields: Any) -> list[Account]:
    connection = make_connection()
    return [fund(make_account(connection=connection, **fields)) for _ in range(n)]


def hold(account: Account, sleeve: Sleeve, instrument: Instrument, quantity: int | str) -> None:
    facts = {"quantity": D(quantity), "last_traded_on": date(2026, 1, 2)}
    Position.objects.create(account=account, sleeve=sleeve, instrument_id=instrument.id, **facts)


def reserve(
    account: Account,
    sleeve: Sleeve,
    instrument: Instrument,
    quantity: int,
    *,
    order_id: UUID | None = None,
    cash: str = "0",
    side: str = "BUY",
):
    drawn = {"original_quantity": quantity, "original_cash": D(cash)}
    return Reservation.objects.create(
        account=account, sleeve=sleeve, instrument_id=instrument.id, side=side, order_id=order_id or uuid4(), quantity=quantity,
        cash_currency="USD", cash=D(cash), created_at=NOW, **drawn,
    )  # fmt: skip


def snapshot(account: Account, equity: str, as_of: date = date(2026, 1, 5)) -> None:
    EquitySnapshot.objects.create(account=account, as_of=as_of, cash=D(equity), market_value=0, equity=D(equity))


def set_limits(actor: Actor, **limits: Any) -> None:
    """Set every limit, those not named so high that nothing reaches them."""
    for kind in FirmLimitKind:
        figure = limits.get(kind.value.lower(), D(1000) if kind is FirmLimitKind.ADV_RATE else GENEROUS)
        if figure is not None:
            set_firm_limit(kind=kind, limit=figure if figure is UNLIMITED else D(figure), actor=actor, now=FAR)


def rows_of(orders: list[tuple[Gate2Order, list[tuple[Account, int]]]], sized: str = "40") -> Gate2Rows:
    """Return a batch: for each order its accounts with signed quantities."""
    flat = [(k, account, quantity) for k, (_, lots) in enumerate(orders) for account, quantity in lots]
    return Gate2Rows(
        orders=tuple(order for order, _ in orders),
        order=np.array([k for k, _, _ in flat]),
        account=np.frombuffer(b"".join(account.id.bytes for _, account, _ in flat), "V16"),
        side=np.array([1 if quantity > 0 else -1 for _, _, quantity in flat], np.int8),
        quantity=np.array([abs(quantity) * UNIT for _, _, quantity in flat], np.int64),
        sized_price=np.full(len(flat), int(D(sized) * UNIT), np.int64),
    )


def order_for(instrument: Instrument, **facts: Any) -> Gate2Order:
    made = {name: uuid4() for name in ("order_id", "journey_id", "strategy_id", "connection_id")}
    return Gate2Order(**{**made, "instrument_id": instrument.id, **facts})


def fresh(instrument: Instrument, price: str | None, *, age: float = 0.5, bid: str | None = None) -> dict[int, market.QuoteFacts]:
    ask = None if price is None else D(price)
    return {instrument.id: market.QuoteFacts(instrument.id, ask if bid is None else D(bid), ask, ask, NOW - timedelta(seconds=age), "LIVE")}
