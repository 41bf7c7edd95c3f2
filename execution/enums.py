"""Names of execution, as FIX spells them where FIX has a word."""

from __future__ import annotations

from enum import StrEnum


class OrderState(StrEnum):
    """Where an order is. DENIED is ours (never sent), REJECTED is the broker's; UNKNOWN means sent and not heard (RTE-7)."""

    PENDING = "PENDING"
    SENDING = "SENDING"
    ACKED = "ACKED"
    PARTIALLY_FILLED = "PARTIALLY_FILLED"
    FILLED = "FILLED"
    PENDING_CANCEL = "PENDING_CANCEL"
    PENDING_REPLACE = "PENDING_REPLACE"
    CANCELED = "CANCELED"
    EXPIRED = "EXPIRED"
    REJECTED = "REJECTED"
    DENIED = "DENIED"
    UNKNOWN = "UNKNOWN"


class OrderType(StrEnum):
    """FIX tag 40."""

    MARKET = "MARKET"
    LIMIT = "LIMIT"
    STOP = "STOP"
    STOP_LIMIT = "STOP_LIMIT"


class TimeInForce(StrEnum):
    """FIX tag 59."""

    DAY = "DAY"
    GTC = "GTC"
    IOC = "IOC"
    FOK = "FOK"
    GTD = "GTD"
    AT_THE_OPENING = "AT_THE_OPENING"
    AT_THE_CLOSE = "AT_THE_CLOSE"


class ExecType(StrEnum):
    """What a report says (FIX tag 150; CANCEL_REJECTED is message 9; the last two are conclusions of our own gateway)."""

    NEW = "NEW"
    TRADE = "TRADE"
    TRADE_CORRECT = "TRADE_CORRECT"
    TRADE_CANCEL = "TRADE_CANCEL"
    PENDING_CANCEL = "PENDING_CANCEL"
    PENDING_REPLACE = "PENDING_REPLACE"
    REPLACED = "REPLACED"
    CANCELED = "CANCELED"
    EXPIRED = "EXPIRED"
    REJECTED = "REJECTED"
    DONE_FOR_DAY = "DONE_FOR_DAY"
    RESTATED = "RESTATED"
    CANCEL_REJECTED = "CANCEL_REJECTED"
    ORDER_STATUS = "ORDER_STATUS"
    UNANSWERED = "UNANSWERED"
    ABSENT = "ABSENT"


class FindingCode(StrEnum):
    """What processing a report found noteworthy; every one but DUPLICATE and STALE is an alarm."""

    DUPLICATE = "DUPLICATE"
    STALE = "STALE"
    CONFLICT = "CONFLICT"
    OVERFILL = "OVERFILL"
    FILL_AFTER_END = "FILL_AFTER_END"
    CUMULATIVE_MISMATCH = "CUMULATIVE_MISMATCH"
    UNKNOWN_EXECUTION = "UNKNOWN_EXECUTION"
    UNSENT_ORDER_REPORTED = "UNSENT_ORDER_REPORTED"
    UNANSWERED = "UNANSWERED"
    ABSENT_AT_BROKER = "ABSENT_AT_BROKER"
    REVIVED = "REVIVED"
    CONTRADICTION = "CONTRADICTION"


class RouteKind(StrEnum):
    """How a parent reaches the market (RTE-1)."""

    MARKETABLE_LIMIT = "MARKETABLE_LIMIT"
    TWAP = "TWAP"
    TWAP_MINIMUM = "TWAP_MINIMUM"
    MANUAL = "MANUAL"


SLICED = frozenset({RouteKind.TWAP, RouteKind.TWAP_MINIMUM})


class QuoteProblem(StrEnum):
    """Why no marketable limit may be priced (RTE-2)."""

    NO_QUOTE = "NO_QUOTE"
    HALTED = "HALTED"
    CROSSED = "CROSSED"
    STALE = "STALE"
    BEYOND_BAND = "BEYOND_BAND"

    @property
    def words(self) -> str:
        """Return it as a person reads it behind "no usable quote"."""
        return {
            "NO_QUOTE": "there is none",
            "HALTED": "trading is halted",
            "CROSSED": "the bid is above the ask",
            "STALE": "the last one is too old",
            "BEYOND_BAND": "it is beyond the day's band",
        }[self.value]


class SharePolicy(StrEnum):
    """How a block's fills are shared (ALC-4)."""

    PRO_RATA = "PRO_RATA"
    PRO_RATA_LOT = "PRO_RATA_LOT"
    ROTATION = "ROTATION"
    RANDOM = "RANDOM"
    MINIMUM_RAISE = "MINIMUM_RAISE"
    MINIMUM_DROP = "MINIMUM_DROP"
    TIERED = "TIERED"
    EQUAL_CAPPED = "EQUAL_CAPPED"


class RemainderPolicy(StrEnum):
    """What becomes of the unfilled part of a block (ALC-5)."""

    CANCEL = "CANCEL"
    CARRY = "CARRY"
    CANCEL_REALLOC = "CANCEL_REALLOC"


class TaxClass(StrEnum):
    """Rank of an account inside one Owner's sequence (RTE-4), first to last."""

    SHELTERED = "SHELTERED"
    ENTITY = "ENTITY"
    TAXABLE = "TAXABLE"


class ParentState(StrEnum):
    """HELD while an opposite order works; RELEASING until every chunk of children stands; DONE when all are terminal and shared out."""

    HELD = "HELD"
    RELEASING = "RELEASING"
    WORKING = "WORKING"
    DONE = "DONE"
    CANCELED = "CANCELED"
    DENIED = "DENIED"


class SliceState(StrEnum):
    """A slice is pending until it is due, and released once."""

    PENDING = "PENDING"
    RELEASED = "RELEASED"
    CANCELED = "CANCELED"


class ExecutionKind(StrEnum):
    """NEW books, CORRECT replaces what an earlier revision said, BUST takes it back (FIX tags 150=F/G/H)."""

    NEW = "NEW"
    CORRECT = "CORRECT"
    BUST = "BUST"


class NoticeState(StrEnum):
    """Where an allocation instruction to a custodian stands."""

    PENDING = "PENDING"
    CONFIRMED = "CONFIRMED"
    REJECTED = "REJECTED"


class Level(StrEnum):
    """What protects a position: a stop behind it, a target ahead of it (SIZ-8)."""

    STOP = "STOP"
    TARGET = "TARGET"


class LevelFinding(StrEnum):
    """Where a stop or target came to stand. MOVED_AWAY: further from the market than asked, for the minimum distance."""

    PLACED = "PLACED"
    MOVED_AWAY = "MOVED_AWAY"
    WRONG_SIDE = "WRONG_SIDE"
    NO_POSITION = "NO_POSITION"
    NO_PRICE = "NO_PRICE"
    NO_QUOTE = "NO_QUOTE"
    NO_ENTRY = "NO_ENTRY"
    NO_DISTANCE = "NO_DISTANCE"
    UNCHANGED = "UNCHANGED"
    REMOVED = "REMOVED"
    NONE_SET = "NONE_SET"


class LevelWish(StrEnum):
    """How a stop or target was asked for: one price, or a distance from the account's own entry (SIZ-8)."""

    PRICE = "PRICE"
    OFFSET = "OFFSET"


class LevelState(StrEnum):
    """ACTIVE: watched. TRIGGERED: its closing was released. ENDED: taken away, replaced, or nothing left to cover."""

    ACTIVE = "ACTIVE"
    TRIGGERED = "TRIGGERED"
    ENDED = "ENDED"


class LevelEnd(StrEnum):
    """Why a level is watched no more."""

    TRIGGERED = "TRIGGERED"
    CHANGED = "CHANGED"
    REMOVED = "REMOVED"
    POSITION_CLOSED = "POSITION_CLOSED"


class ChangeOutcome(StrEnum):
    """What a bulk change came to in one account (SIZ-8)."""

    DONE = "done"
    PARTIAL = "partial"
    REJECTED = "rejected"
    UNKNOWN = "unknown"


class Lamp(StrEnum):
    """How one side of a connection is. STALE: late, or not sure yet; UNKNOWN: something was sent and not heard of."""

    LIVE = "LIVE"
    STALE = "STALE"
    UNKNOWN = "UNKNOWN"
    BLOCKED = "BLOCKED"
    OFF = "OFF"


class Outcome(StrEnum):
    """What became of one account's part of a release, for people; CANCELED ended without a fill, SKIPPED had nothing to order."""

    DONE = "done"
    PARTIAL = "partial"
    WORKING = "working"
    REJECTED = "rejected"
    BLOCKED = "blocked"
    UNKNOWN = "unknown"
    CANCELED = "canceled"
    SKIPPED = "skipped"
