"""One connection's block: executions to shares, shares to money, money to the ledger (ALC-3, ALC-4).

Entry points: `book_connection`, `BlockOutcome`.

Invariants:
1. Policy, tie seed and targets are the frozen statement's; nothing here decides anything.
2. A revision equal to the one before is not written.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID

import numpy as np

from base import bulk
from base.core.ids import digest
from base.core.money import from_minor, minor_unit
from base.core.splitting import tie_keys

from ..core import booking as money
from ..models import Booking, Share
from ..queries.blocks import FilledBlock, block_targets, ids_by_code, share_out
from .notices import write_notice
from .share_ledger import ShareColumns, SharePlace, post_shares, reverse_shares

UNIT = 10**8
ALLOCATOR_VERSION = "1"


@dataclass(frozen=True, slots=True)
class BlockOutcome:
    """is_new: a revision was written. excess: filled above all targets. is_out_of_step: the custodian has an older split.

    unborne: fees charged for what was taken back altogether; they stay with the clearing account.
    """

    is_new: bool
    excess: Decimal = Decimal(0)
    unborne: Decimal = Decimal(0)
    is_out_of_step: bool = False


def book_connection(*, job: FilledBlock, now: datetime) -> BlockOutcome:
    """Share out a block and book it, or rebook it where an earlier revision says something else."""
    previous = Booking.objects.filter(parent_id=job.parent_id, connection_id=job.connection_id).order_by("-revision").first()
    unborne = job.fee - job.shared_fee
    if previous is None and not job.executed:
        return BlockOutcome(is_new=False, unborne=unborne)
    targets = block_targets(statement_id=job.statement_id, side=job.side, connection_id=job.connection_id)
    shared, excess, unit = share_out(job, targets)
    revision = 0 if previous is None else previous.revision + 1
    booked = _money(job, shared, unit, revision)
    columns = _columns(booked, unit, job.currency, ids_by_code(job, targets))
    fingerprint = _hash(job, booked)
    if previous is not None and previous.hash == fingerprint:
        return BlockOutcome(is_new=False, excess=excess, unborne=unborne)
    if previous is not None:
        reverse_shares(booking=previous, place=_place(job), now=now)
    row = _write(job, booked, columns, fingerprint, now)
    if len(columns.ids):
        post_shares(booking=row, place=_place(job), columns=columns, now=now)
    told = write_notice(booking=row, previous=previous)
    return BlockOutcome(is_new=True, excess=excess, unborne=unborne, is_out_of_step=not told)


def _money(job: FilledBlock, shared: dict[str, int], unit: int, revision: int) -> money.Booking:
    keys = dict(zip(shared, tie_keys(job.tie_seed, list(shared)), strict=True))
    return money.book_block(
        [row.fill for row in job.fills],
        shared,
        revision=revision,
        tie_keys=keys,
        currency=job.currency,
        unit=Decimal(unit).scaleb(-8),
        multiplier=job.multiplier,
        fees={"COMMISSION": job.shared_fee},
        money=job.clearing_money * job.side.sign,
    )


def _columns(booked: money.Booking, unit: int, currency: str, ids_of: Mapping[str, UUID]) -> ShareColumns:
    """Return the shares that are not empty as arrays by account, in units of 10⁻⁸."""
    minor = int(minor_unit(currency) * UNIT)
    quantity = np.array(booked.quantities, dtype=np.int64) * unit
    gross = np.array(booked.gross, dtype=np.int64) * minor
    fee = np.array(booked.fees["COMMISSION"], dtype=np.int64) * minor
    raw = [ids_of[code].bytes for code in booked.account_ids]
    live = np.flatnonzero((quantity != 0) | (gross != 0) | (fee != 0))
    rows = np.array(sorted(live.tolist(), key=raw.__getitem__), dtype=np.int64)
    return ShareColumns(np.frombuffer(b"".join(raw), dtype="V16")[rows], quantity[rows], gross[rows], fee[rows])


def _hash(job: FilledBlock, booked: money.Booking) -> str:
    """Name what was booked, whatever the revision's number: equal figures, equal name."""
    average = None if booked.avg_px is None else f"{booked.avg_px.numerator}/{booked.avg_px.denominator}"
    fees = list(booked.fees["COMMISSION"])
    parts = [list(booked.account_ids), list(map(str, booked.quantities)), list(map(str, booked.gross)), list(map(str, fees)), average]
    return digest([ALLOCATOR_VERSION, str(job.policy), job.tie_seed, parts])


def _place(job: FilledBlock) -> SharePlace:
    return SharePlace(job.clearing_account_id, job.sleeve_id, job.instrument_id, job.currency, job.side)


def _write(job: FilledBlock, booked: money.Booking, columns: ShareColumns, fingerprint: str, now: datetime) -> Booking:
    row = Booking.objects.create(
        journey_id=job.journey_id,
        parent_id=job.parent_id,
        connection_id=job.connection_id,
        revision=booked.revision,
        quantity=job.executed,
        notional=from_minor(sum(booked.gross), job.currency),
        fee=job.shared_fee,
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
