"""One connection's block: executions to shares, shares to money, money to the ledger (ALC-3, ALC-4).

Entry points: `block_jobs`, `book_connection`, `BlockJob`, `BlockOutcome`.

Invariants:
1. Policy, tie seed and targets are the frozen statement's; nothing here decides anything.
2. A revision equal to the one before is not written.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from math import gcd
from uuid import UUID

import numpy as np

from accounts.core.scaled import exact_notional, to_scaled
from base import bulk
from base.core.ids import digest, uuid_texts
from base.core.money import from_minor, minor_unit
from base.core.splitting import tie_keys

from ..core import booking as money
from ..core.lifecycle import Execution as Fill
from ..core.sharing import ShareTerms, Target, share_block
from ..enums import SharePolicy, Side
from ..models import Booking, ChildOrder, Execution, ParentOrder, Share
from .blocks import BlockTargets, block_targets
from .notices import write_notice
from .share_ledger import ShareColumns, SharePlace, post_shares, reverse_shares

UNIT = 10**8
ALLOCATOR_VERSION = "1"


@dataclass(frozen=True, slots=True)
class BlockFill:
    """The newest revision of one execution of a block."""

    fill: Fill
    fee: Decimal
    trade_date: date
    settle_date: date


@dataclass(frozen=True, slots=True)
class BlockJob:
    """Everything a connection filled for a parent, and the terms it is shared under."""

    parent_id: UUID
    journey_id: UUID
    statement_id: UUID
    tie_seed: str
    connection_id: UUID
    clearing_account_id: UUID
    sleeve_id: UUID
    instrument_id: int
    currency: str
    multiplier: Decimal
    lot_step: Decimal
    side: Side
    policy: SharePolicy
    fills: tuple[BlockFill, ...]

    @property
    def place(self) -> SharePlace:
        """Return where its shares are booked."""
        return SharePlace(self.clearing_account_id, self.sleeve_id, self.instrument_id, self.currency, self.side)

    @property
    def executed(self) -> Decimal:
        """Return the executed quantity."""
        return sum((row.fill.quantity for row in self.fills), Decimal(0))

    @property
    def fee(self) -> Decimal:
        """Return all fees."""
        return sum((row.fee for row in self.fills), Decimal(0))

    @property
    def clearing_money(self) -> Decimal:
        """Return the exact signed cost that the executions left in clearing."""
        parts = (exact_notional(row.fill.quantity * self.side.sign, row.fill.price, self.multiplier) for row in self.fills)
        return sum(parts, Decimal(0))


@dataclass(frozen=True, slots=True)
class BlockOutcome:
    """is_new: a revision was written. excess: filled above all targets. is_out_of_step: the custodian has an older split."""

    is_new: bool
    excess: Decimal = Decimal(0)
    is_out_of_step: bool = False


def block_jobs(*, parent_id: UUID) -> list[BlockJob]:
    """Return one job for each connection on which the parent had a block that executed something."""
    columns = ("connection_id", "account_id", "broker_exec_id", "revision", "last_qty", "last_px", "fee", "trade_date", "settle_date")
    rows = Execution.objects.filter(order__in=ChildOrder.objects.filter(parent_id=parent_id, is_block=True))
    newest = rows.order_by("connection_id", "broker_exec_id", "-revision").distinct("connection_id", "broker_exec_id")
    found: dict[tuple[UUID, UUID], list[BlockFill]] = {}
    for lane, clearing, exec_id, revision, quantity, price, fee, traded, settles in newest.values_list(*columns):
        fill = BlockFill(Fill(exec_id, revision, quantity, price), fee, traded, settles)
        found.setdefault((lane, clearing), []).append(fill)
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
    head, side, policy = terms[:4], Side(terms[9]), SharePolicy(terms[10])
    return [BlockJob(*head, lane, clearing, *terms[4:9], side, policy, tuple(fills)) for (lane, clearing), fills in sorted(found.items())]


def book_connection(*, job: BlockJob, now: datetime) -> BlockOutcome:
    """Share out a block and book it, or rebook it where an earlier revision says something else."""
    previous = Booking.objects.filter(parent_id=job.parent_id, connection_id=job.connection_id).order_by("-revision").first()
    if previous is None and not job.executed:
        return BlockOutcome(is_new=False)
    targets = block_targets(statement_id=job.statement_id, side=job.side, connection_id=job.connection_id)
    shared, excess, unit = _share(job, targets)
    revision = 0 if previous is None else previous.revision + 1
    booked = _money(job, shared, unit, revision)
    columns = _columns(booked, unit, job.currency)
    fingerprint = _hash(job, booked)
    if previous is not None and previous.hash == fingerprint:
        return BlockOutcome(is_new=False, excess=excess)
    if previous is not None:
        reverse_shares(booking=previous, place=job.place, now=now)
    row = _write(job, booked, columns, fingerprint, now)
    if len(columns.ids):
        post_shares(booking=row, place=job.place, columns=columns, now=now)
    told = write_notice(booking=row, previous=previous)
    return BlockOutcome(is_new=True, excess=excess, is_out_of_step=not told)


def _share(job: BlockJob, targets: BlockTargets) -> tuple[dict[str, int], Decimal, int]:
    """Return units per account (the excess with the clearing account), the excess, and the size of a unit in 10⁻⁸."""
    executed = to_scaled(job.executed)
    unit = gcd(to_scaled(job.lot_step), executed, int(np.gcd.reduce(targets.quantity)) if len(targets.quantity) else 0)
    names = uuid_texts(targets.ids)
    wanted = [Target(name, quantity // unit) for name, quantity in zip(names, targets.quantity.tolist(), strict=True)]
    shares = share_block(executed // unit, wanted, ShareTerms(policy=job.policy, seed=job.tie_seed))
    given = dict(zip(names, shares.quantities, strict=True))
    if shares.excess:
        given[str(job.clearing_account_id)] = shares.excess
    return given, Decimal(shares.excess * unit).scaleb(-8), unit


def _money(job: BlockJob, shared: dict[str, int], unit: int, revision: int) -> money.Booking:
    keys = dict(zip(shared, tie_keys(job.tie_seed, list(shared)), strict=True))
    return money.book_block(
        [row.fill for row in job.fills],
        shared,
        revision=revision,
        tie_keys=keys,
        currency=job.currency,
        unit=Decimal(unit).scaleb(-8),
        multiplier=job.multiplier,
        fees={"COMMISSION": job.fee},
    )


def _columns(booked: money.Booking, unit: int, currency: str) -> ShareColumns:
    """Return the shares that are not empty as arrays, in units of 10⁻⁸."""
    minor = int(minor_unit(currency) * UNIT)
    quantity = np.array(booked.quantities, dtype=np.int64) * unit
    gross = np.array(booked.gross, dtype=np.int64) * minor
    fee = np.array(booked.fees["COMMISSION"], dtype=np.int64) * minor
    ids = np.frombuffer(bytes.fromhex("".join(booked.account_ids).replace("-", "")), dtype="V16")
    live = (quantity != 0) | (gross != 0) | (fee != 0)
    return ShareColumns(ids[live], quantity[live], gross[live], fee[live])


def _hash(job: BlockJob, booked: money.Booking) -> str:
    """Name what was booked, whatever the revision's number: equal figures, equal name."""
    average = None if booked.avg_px is None else f"{booked.avg_px.numerator}/{booked.avg_px.denominator}"
    fees = list(booked.fees["COMMISSION"])
    parts = [list(booked.account_ids), list(map(str, booked.quantities)), list(map(str, booked.gross)), list(map(str, fees)), average]
    return digest([ALLOCATOR_VERSION, str(job.policy), job.tie_seed, parts])


def _write(job: BlockJob, booked: money.Booking, columns: ShareColumns, fingerprint: str, now: datetime) -> Booking:
    row = Booking.objects.create(
        journey_id=job.journey_id,
        parent_id=job.parent_id,
        connection_id=job.connection_id,
        revision=booked.revision,
        quantity=job.executed,
        notional=from_minor(sum(booked.gross), job.currency),
        fee=job.fee,
        clearing_money=job.clearing_money,
        trade_date=max(fill.trade_date for fill in job.fills),
        settle_date=max(fill.settle_date for fill in job.fills),
        share_policy=job.policy,
        allocator_version=ALLOCATOR_VERSION,
        hash=fingerprint,
        booked_at=now,
    )
    shares = {
        "booking_id": row.id,
        "account_id": bulk.Uuids(columns.ids),
        "quantity": bulk.Decimals(columns.quantity),
        "notional": bulk.Decimals(columns.notional),
        "fee": bulk.Decimals(columns.fee),
    }
    bulk.insert(Share, len(columns.ids), shares)
    return row
