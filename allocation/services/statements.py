"""Freeze the allocation statement (ALC-1): after this, nothing about who gets what is open any more."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID

import numpy as np

from accounts.queries import AccountArrays
from base import bulk
from base.errors import Conflict
from governance.core.subjects import Actor, Subject
from governance.enums import AuditAction, SubjectKind
from governance.services import audit
from market.queries import InstrumentFacts, QuoteFacts

from ..core.scales import MICRO, UNIT, Ints
from ..core.statement import AllocationStatement as Statement
from ..core.statement_differences import differences
from ..enums import Reason, Rule, SignalState
from ..models import AllocationLine, AllocationStatement, Preview, Signal
from .previews import excluded_rows
from .sizing import SizedSignal


class UnableToFreeze(Conflict):
    """The preview is unknown, out of date, or no longer what a release would freeze; nothing was written."""


@dataclass(frozen=True, slots=True)
class FrozenStatement:
    """A statement as orders need it. quantity: int64[n], UNIT = 1, signed (+ buy), rows as `accounts`."""

    id: UUID
    journey_id: UUID
    signal_id: UUID
    strategy_id: UUID
    sleeve_id: UUID
    revision: int
    hash: str
    tie_seed: str
    decided_at: datetime
    price: Decimal
    instrument: InstrumentFacts
    quote: QuoteFacts
    accounts: AccountArrays
    account_ids: list[str]
    quantity: Ints


def standing_preview(*, signal: Signal, preview_hash: str, now: datetime) -> Preview:
    """Return the preview a release names. Raises UnableToFreeze with code `preview_unknown` or `preview_expired`."""
    preview = Preview.objects.filter(signal=signal, hash=preview_hash).order_by("-created_at").first()
    context = {"field": "preview_hash", "value": preview_hash}
    if preview is None:
        raise UnableToFreeze("preview_unknown", "no preview of this signal has this hash", **context)
    if now >= preview.expires_at:
        raise UnableToFreeze("preview_expired", f"the preview was good until {preview.expires_at:%H:%M:%S} UTC", **context)
    return preview


def check_unchanged(*, preview: Preview, sized: SizedSignal) -> None:
    """Refuse to freeze anything but what was previewed.

    Raises UnableToFreeze (409) with code `preview_changed` and the first differences. Source: DESIGN §4.5.
    """
    fresh = sized.statement()
    if fresh.preview_hash == preview.hash:
        return
    found, total = differences(Statement.from_bytes(bytes(preview.frozen)), fresh, most=50)
    rows = [{"account": d.account_id, "field": d.field, "before": d.before, "after": d.after} for d in found]
    context = {"field": "preview_hash", "value": preview.hash, "differences": rows}
    raise UnableToFreeze("preview_changed", f"{total} numbers are not what was previewed", **context)


def freeze(*, sized: SizedSignal, actor: Actor | None, now: datetime) -> FrozenStatement:
    """Write the statement and its lines, as the signal's next revision, and return it.

    The caller holds the signal's row lock. Source: ALC-1.
    """
    signal = sized.signal
    revision = AllocationStatement.objects.filter(signal=signal).count() + 1
    statement = sized.statement(frozen_at=now)
    quantity = sized.result.quantity[:, 0]
    row = AllocationStatement(
        signal=signal,
        journey_id=signal.journey_id,
        revision=revision,
        hash=statement.sha256,
        share_policy=str(statement.header["policy"]),
        tie_seed=signal.tie_seed,
        price_scope=str(statement.header["price_scope"]),
        decision_price=sized.price,
        decided_at=now,
        frozen=statement.canonical_bytes(),
        excluded=excluded_rows(sized),
        rules=[str(rule) for rule, _ in sized.result.stages],
        released_by_id=int(actor.user_id) if actor else None,
    )
    row.save(force_insert=True)
    _write_lines(row.id, sized, quantity)
    Signal.objects.filter(pk=signal.pk).update(state=SignalState.RELEASED)
    subject = Subject(SubjectKind.ALLOCATION_STATEMENT, str(row.id))
    after = {"hash": row.hash, "revision": revision, "accounts": len(quantity), "excluded": row.excluded}
    after |= {"bought": str(_total(quantity[quantity > 0])), "sold": str(_total(-quantity[quantity < 0]))}
    audit(
        action=AuditAction.STATEMENT_FROZEN, subject=subject, actor=actor, now=now, after=after, journey_id=signal.journey_id, rule="ALC-1"
    )
    return FrozenStatement(
        id=row.id,
        journey_id=signal.journey_id,
        signal_id=signal.id,
        strategy_id=signal.strategy_id,
        sleeve_id=signal.strategy.sleeve_id,
        revision=revision,
        hash=row.hash,
        tie_seed=row.tie_seed,
        decided_at=now,
        price=sized.price,
        instrument=sized.instrument,
        quote=sized.quote,
        accounts=sized.accounts,
        account_ids=sized.account_ids,
        quantity=quantity,
    )


def _write_lines(statement_id: UUID, sized: SizedSignal, quantity: Ints) -> None:
    result = sized.result
    stages: Sequence[Ints] = [lots[:, 0] for _, lots in result.stages]
    after_rules = np.stack(stages, axis=1) if stages else np.zeros((len(quantity), 0), dtype=np.int64)
    lot = sized.instrument.lot_step
    raw = _in_units(result.raw[:, 0], int(lot * UNIT))
    columns = {
        "statement_id": statement_id,
        "account_id": bulk.Uuids(sized.accounts.ids),
        "raw": bulk.Decimals(raw),
        "after_rules": bulk.IntegerArrays(after_rules),
        "binding_rule": bulk.Codes(result.binding[:, 0], [rule.value for rule in Rule]),
        "reason": bulk.Codes(result.reason[:, 0], [reason.value for reason in Reason]),
        "quantity": bulk.Decimals(quantity),
    }
    bulk.insert(AllocationLine, len(quantity), columns)


def _in_units(micro_lots: Ints, lot: int) -> Ints:
    """Return millionths of a lot as quantities, UNIT = 1; a wish that no quantity holds stands at the largest there is."""
    whole, part = np.divmod(micro_lots, MICRO)
    most = 2**62 // lot
    return np.clip(whole, -most, most) * lot + part * lot // MICRO


def _total(quantity: Ints) -> Decimal:
    return Decimal(int(quantity.sum(dtype=object) if len(quantity) else 0)).scaleb(-8)
