"""The blotter's rows as they are shown: one shape for parents, orders and fills. Entry points: `Row`, `shown`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from base.core.figures import number

from ..core.replacing import may_replace
from ..core.states import average, lamp_of, leaves, may_cancel, meaning_of, reason_of, words_of
from .blotter import Children
from .route_words import route_words


@dataclass(frozen=True, slots=True)
class Row:
    """A parent, an order or a fill. filled: None while it is UNKNOWN. note: the rule or the reason, in words.

    parent_id, may_replace: whose limit a replace would change, and whether there is something to change.
    is_part: the figures are those of the accounts the viewer sees, not the parent's.
    """

    tab: str
    id: UUID
    at: datetime
    journey_id: UUID | None
    symbol: str
    tick: Decimal
    currency: str
    side: str
    quantity: Decimal
    state: str
    filled: Decimal | None = None
    leaves: Decimal = Decimal(0)
    avg_px: Decimal | None = None
    limit: Decimal | None = None
    time_in_force: str = ""
    account: str = ""
    account_name: str = ""
    is_block: bool = False
    is_part: bool = False
    connection: str = ""
    is_paper: bool = False
    broker_id: str = ""
    client_id: str = ""
    note: str = ""
    strategy: str = ""
    route: str = ""
    is_limit_stated: bool = False
    orders: Children | None = None
    value: Decimal | None = None
    fee: Decimal | None = None
    settles: date | None = None
    is_cancel_asked: bool = False
    parent_id: UUID | None = None
    may_replace: bool = False
    unknown_since: datetime | None = None
    asked_at: datetime | None = None

    @property
    def lamp(self) -> str:
        """Return the shape of the state's lamp."""
        return lamp_of("CANCELED" if self.state == "DONE" and self.quantity and not self.filled else self.state)

    @property
    def word(self) -> str:
        """Return the state's word."""
        return words_of(self.state)

    @property
    def meaning(self) -> str:
        """Return what the state means."""
        return meaning_of(self.state)

    @property
    def route_words(self) -> tuple[str, str]:
        """Return how it goes to the market, and what that means."""
        return route_words(route=self.route, is_limit_stated=self.is_limit_stated, time_in_force=self.time_in_force)

    @property
    def is_open(self) -> bool:
        """Tell whether there is something left to cancel that nobody has asked to be canceled."""
        return self.tab != "fills" and may_cancel(self.state) and not self.is_cancel_asked


def shown(tab: str, rows: Sequence[Any], counts: Mapping[UUID, Children]) -> list[Row]:
    """Return the rows as they are shown. counts: what each parent's orders come to."""
    if tab == "parents":
        return [_parent(row, counts.get(row.pk, Children())) for row in rows]
    make: Callable[[Any], Row] = _order if tab == "orders" else _fill
    return [make(row) for row in rows]


def _parent(row: Any, orders: Children) -> Row:
    lost = row.seen_quantity - row.seen_filled if row.state == "DONE" else 0
    note = "; ".join(
        text
        for n, text in (
            (orders.unknown, f"{orders.unknown} unknown"),
            (orders.denied, f"{orders.denied} denied by us"),
            (orders.rejected, f"{orders.rejected} rejected by the broker"),
            (lost > 0, f"{number(lost)} not filled"),
            (row.cancel_requested_at, "cancel asked"),
            (not row.is_whole, "share of the accounts you see"),
        )
        if n
    )
    return Row(
        "parents", row.pk, row.created_at, row.journey_id, row.instrument.symbol, row.instrument.tick, row.instrument.currency, row.side,
        row.seen_quantity, row.state, filled=row.seen_filled, leaves=leaves(row.state, row.seen_quantity, row.seen_filled), avg_px=orders.avg_px,
        is_part=not row.is_whole, limit=row.limit_price, time_in_force=row.time_in_force, strategy=row.strategy.code, route=row.route, is_limit_stated=row.is_limit_stated, orders=orders, note=note, is_paper=row.is_paper,
        is_cancel_asked=row.cancel_requested_at is not None, parent_id=row.pk, may_replace=row.is_whole and may_replace(row),
    )  # fmt: skip


def _order(row: Any) -> Row:
    is_unknown = row.state == "UNKNOWN"
    return Row(
        "orders", row.pk, row.created_at, row.journey_id, row.instrument.symbol, row.instrument.tick, row.instrument.currency, row.side,
        row.quantity, row.state, filled=None if is_unknown else row.filled_qty, leaves=leaves(row.state, row.quantity, row.filled_qty),
        avg_px=average(row.filled_notional, row.filled_qty), limit=row.limit_price, time_in_force=row.time_in_force, account=row.account.code,
        account_name=row.account.name, is_block=row.is_block, connection=row.connection.code, is_paper=row.connection.is_paper,
        broker_id=row.broker_order_id, client_id=row.client_order_id, note=reason_of(row.reason), strategy=row.parent.strategy.code,
        is_cancel_asked=row.cancel_requested_at is not None and not row.to_resend, unknown_since=row.unknown_since, asked_at=row.asked_at,
        parent_id=row.parent_id, may_replace=may_cancel(row.state) and may_replace(row.parent),
    )  # fmt: skip


def _fill(row: Any) -> Row:
    return Row(
        "fills", row.pk, row.executed_at, row.journey_id, row.instrument.symbol, row.instrument.tick, row.instrument.currency, row.side,
        row.last_qty, row.kind, avg_px=row.last_px, account=row.account.code, account_name=row.account.name, is_block=row.order.is_block,
        connection=row.connection.code, is_paper=row.connection.is_paper, broker_id=row.broker_exec_id, client_id=row.order.client_order_id,
        value=row.last_qty * row.last_px * row.instrument.multiplier, fee=row.fee, settles=row.settle_date,
    )  # fmt: skip
