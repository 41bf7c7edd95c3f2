"""Blocks: who stands behind them, what they have filled, and how that is shared out under the frozen terms (ALC-1, ALC-4).

Entry points: `block_targets`, `filled_blocks`, `share_out`, `provisional_shares`. Inside the caller's tenancy block.

Invariants:
1. The statement alone says who is in a block and how much each is to get; nobody joins or leaves after it is frozen.
2. Only the newest revision of an execution counts. 3. Shares of a working block are provisional (ALC-3).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from math import gcd
from typing import Any
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from accounts import queries as accounts
from accounts.core.scaled import exact_notional, to_scaled
from allocation import queries as allocation
from base.core.money import round_money
from market.enums import Side

from ..core.lifecycle import Execution as Fill
from ..core.sharing import ShareTerms, Target, share_block
from ..enums import SharePolicy
from ..models import ChildOrder, Execution, ParentOrder


@dataclass(frozen=True, slots=True)
class BlockTargets:
    """ids: V16[n], ascending. quantity: int64[n] > 0, units of 10⁻⁸. codes: object[n], by which ties are broken (CON-2)."""

    ids: NDArray[Any]
    quantity: NDArray[np.int64]
    codes: NDArray[np.object_]


def block_targets(*, statement_id: UUID, side: Side, connection_id: UUID) -> BlockTargets:
    """Return the accounts behind a connection's block of one side of a statement, and what each is to get."""
    lines = allocation.statement_lines(statement_id=statement_id)
    wanted = lines.quantity > 0 if side.is_buy else lines.quantity < 0
    ids, quantity = lines.ids[wanted], np.abs(lines.quantity[wanted])
    if not len(ids):
        return BlockTargets(ids, quantity, np.zeros(0, np.object_))
    routing = accounts.routing_facts(account_ids=ids)
    lanes = [number for number, lane in enumerate(routing.connections) if lane.id == connection_id]
    here = np.isin(routing.connection, lanes)
    return BlockTargets(ids[here], quantity[here], routing.codes[here])


@dataclass(frozen=True, slots=True)
class BlockFill:
    """The newest revision of one execution of a block."""

    fill: Fill
    fee: Decimal
    trade_date: date
    settle_date: date


@dataclass(frozen=True, slots=True)
class FilledBlock:
    """Everything a connection filled for a parent, and the terms it is shared under."""

    parent_id: UUID
    journey_id: UUID
    statement_id: UUID
    tie_seed: str
    connection_id: UUID
    clearing_account_id: UUID
    clearing_code: str
    sleeve_id: UUID
    instrument_id: int
    currency: str
    multiplier: Decimal
    lot_step: Decimal
    side: Side
    policy: SharePolicy
    fills: tuple[BlockFill, ...]

    @property
    def executed(self) -> Decimal:
        """Return the executed quantity."""
        return sum((row.fill.quantity for row in self.fills), Decimal(0))

    @property
    def fee(self) -> Decimal:
        """Return all fees, each in whole minor units as it was booked into clearing."""
        return sum((round_money(row.fee, self.currency) for row in self.fills), Decimal(0))

    @property
    def shared_fee(self) -> Decimal:
        """Return the fees that accounts bear: none where nothing is left executed, and nobody to bear them."""
        return self.fee if self.executed else Decimal(0)

    @property
    def clearing_money(self) -> Decimal:
        """Return the exact signed cost that the executions left in clearing."""
        parts = (exact_notional(row.fill.quantity * self.side.sign, row.fill.price, self.multiplier) for row in self.fills)
        return sum(parts, Decimal(0))


def filled_blocks(*, parent_id: UUID) -> list[FilledBlock]:
    """Return one job for each connection on which the parent had a block that executed something."""
    columns = (
        "connection_id",
        "account_id",
        "account__code",
        "broker_exec_id",
        "revision",
        "last_qty",
        "last_px",
        "fee",
        "trade_date",
        "settle_date",
    )
    rows = Execution.objects.filter(order__in=ChildOrder.objects.filter(parent_id=parent_id, is_block=True))
    newest = rows.order_by("connection_id", "broker_exec_id", "-revision").distinct("connection_id", "broker_exec_id")
    found: dict[tuple[UUID, UUID, str], list[BlockFill]] = {}
    for lane, clearing, code, exec_id, revision, quantity, price, fee, traded, settles in newest.values_list(*columns):
        fill = BlockFill(Fill(exec_id, revision, quantity, price), fee, traded, settles)
        found.setdefault((lane, clearing, code), []).append(fill)
    if not found:
        return []
    terms = (
        ParentOrder.objects.filter(pk=parent_id)
        .values_list(
            "id",
            "journey_id",
            "statement_id",
            "statement__tie_seed",
            "strategy__sleeve_id",
            "instrument_id",
            "instrument__currency",
            "instrument__multiplier",
            "instrument__lot_step",
            "side",
            "share_policy",
        )
        .get()
    )
    jobs = []
    for (lane, clearing, code), fills in sorted(found.items()):
        values: list[Any] = [*terms[:4], lane, clearing, code, *terms[4:9], Side(terms[9]), SharePolicy(terms[10]), tuple(fills)]
        jobs.append(FilledBlock(*values))
    return jobs


def share_out(job: FilledBlock, targets: BlockTargets) -> tuple[dict[str, int], Decimal, int]:
    """Return units by account code (the excess with the clearing account), the excess, and the size of a unit in 10⁻⁸ (ALC-4).

    Raises UnableToShare for terms that do not fit the accounts.
    """
    executed = to_scaled(job.executed)
    unit = gcd(to_scaled(job.lot_step), executed, int(np.gcd.reduce(targets.quantity)) if len(targets.quantity) else 0)
    names = targets.codes.tolist()
    wanted = [Target(name, quantity // unit) for name, quantity in zip(names, targets.quantity.tolist(), strict=True)]
    shares = share_block(executed // unit, wanted, ShareTerms(policy=job.policy, seed=job.tie_seed))
    given = dict(zip(names, shares.quantities, strict=True))
    if shares.excess:
        given[job.clearing_code] = shares.excess
    return given, Decimal(shares.excess * unit).scaleb(-8), unit


def ids_by_code(job: FilledBlock, targets: BlockTargets) -> dict[str, UUID]:
    """Return whose codes `share_out` names."""
    return {code: UUID(bytes=raw) for code, raw in zip(targets.codes, targets.ids.tolist(), strict=True)} | {
        job.clearing_code: job.clearing_account_id
    }


@dataclass(frozen=True, slots=True)
class ProvisionalShare:
    """What an account would get if its block ended now. is_final: it is booked, and only a correction can change it."""

    account_id: UUID
    connection_id: UUID
    quantity: Decimal
    is_final: bool


def provisional_shares(*, parent_id: UUID) -> list[ProvisionalShare]:
    """Return every account's share of what a parent's blocks have filled so far; they count for limits, and show as what they are."""
    is_final = not ParentOrder.objects.filter(pk=parent_id, needs_booking=True).exists()
    shares = []
    for job in filled_blocks(parent_id=parent_id):
        targets = block_targets(statement_id=job.statement_id, side=job.side, connection_id=job.connection_id)
        given, _, unit = share_out(job, targets)
        ids = ids_by_code(job, targets)
        for code, units in given.items():
            shares.append(ProvisionalShare(ids[code], job.connection_id, Decimal(units * unit).scaleb(-8), is_final))
    return shares
