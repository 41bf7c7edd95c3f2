"""A preview: what a release would freeze, named by its hash, good for 60 seconds."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from accounts import queries as accounts
from base.errors import NotFound
from base.live import Behind, Topic, announce
from governance.core.subjects import Actor, Subject
from governance.enums import AuditAction, SubjectKind
from governance.services import audit

from ..models import Preview, Signal, StrategyAccount
from .sizing import SizedSignal, size_signal

LIFETIME = timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class PreviewFacts:
    """id, hash and end of life of a preview, and the sizing it shows."""

    id: UUID
    hash: str
    expires_at: datetime
    sized: SizedSignal


def preview_signal(*, signal_id: UUID, actor: Actor | None, now: datetime, priced_at: datetime | None = None) -> PreviewFacts:
    """Size a signal as of `now` and keep the result under its hash for 60 s.

    priced_at: the instant of the prices a person was shown (a ticket); the 60 s run from there.
    Raises NotFound for a signal the firm does not have; UnableToSize where nothing can be sized. Source: DESIGN §4.5.
    """
    signal = Signal.objects.select_related("strategy").filter(pk=signal_id).first()
    if signal is None:
        raise NotFound("signal")
    shown_at = priced_at or now
    sized = size_signal(signal=signal, now=now, tradable=tradable_ids(actor, signal), priced_at=shown_at)
    statement = sized.statement()
    facts = {
        "frozen": statement.canonical_bytes(),
        "excluded": excluded_rows(sized),
        "expires_at": shown_at + LIFETIME,
        "created_by_id": int(actor.user_id) if actor else None,
    }
    # Asked twice at one instant, it is one preview.
    preview, _ = Preview.objects.get_or_create(signal=signal, hash=statement.preview_hash, created_at=shown_at, defaults=facts)
    announce(Topic.PREVIEWS, [preview.id], behind=Behind("signal", signal.id))
    subject = Subject(SubjectKind.SIGNAL, str(signal.id))
    after = {"preview": str(preview.id), "hash": preview.hash, "accounts": len(sized.account_ids), "excluded": len(sized.excluded)}
    audit(action=AuditAction.PREVIEWED, subject=subject, actor=actor, now=now, after=after, journey_id=signal.journey_id)
    return PreviewFacts(preview.id, preview.hash, preview.expires_at, sized)


def tradable_ids(actor: Actor | None, signal: Signal) -> list[UUID] | None:
    """Return which of the strategy's followers this person may trade; None for the house's own sources."""
    if actor is None:
        return None
    followers = StrategyAccount.objects.filter(strategy_id=signal.strategy_id, is_active=True)
    return list(accounts.tradable_by(int(actor.user_id)).filter(pk__in=followers.values("account_id")).values_list("id", flat=True))


def excluded_rows(sized: SizedSignal) -> list[dict[str, Any]]:
    """Return the left-out accounts as plain values."""
    return [asdict(exclusion) for exclusion in sized.excluded]
