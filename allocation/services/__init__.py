"""Writes of allocation: strategies, signals, previews, the frozen statement. Allocation ends there; orders are execution's."""

from ..permissions import check_may_state
from .drafts import is_taken, released_journey, shown_hash, size_draft, waiting_signal
from .previews import PreviewFacts, preview_signal, tradable_ids
from .signals import SignalFacts, UnableToReceive, lock_signal, receive_signal, refuse_signal
from .statements import FrozenStatement, UnableToFreeze, check_unchanged, freeze, standing_preview
from .strategies import create_strategy, subscribe

__all__ = [
    "FrozenStatement",
    "PreviewFacts",
    "SignalFacts",
    "UnableToFreeze",
    "UnableToReceive",
    "check_may_state",
    "check_unchanged",
    "create_strategy",
    "freeze",
    "is_taken",
    "lock_signal",
    "preview_signal",
    "receive_signal",
    "refuse_signal",
    "released_journey",
    "shown_hash",
    "size_draft",
    "standing_preview",
    "subscribe",
    "tradable_ids",
    "waiting_signal",
]
