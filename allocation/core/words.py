"""Rules and reasons as sentences for people.

Entry points: `RULES` (rule → id, short name, sentence), `REASONS`, `METHODS`. Invariant: every member of its enum is there (tested).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from allocation.enums import Reason, Rule, SizingMethod


@dataclass(frozen=True, slots=True)
class RuleWords:
    """id: of the rulebook. short: for a table's cell. sentence: for whoever asks why."""

    id: str
    short: str
    sentence: str


_RULES = {
    Rule.NONE: ("None", "The account gets its full size."),
    Rule.DATA: ("Data missing", "A figure this order rests on is not known; what is not known blocks what would raise risk."),
    Rule.CLASS_CAP: ("Class cap", "An account of this class holds at most this share of its equity in one position."),
    Rule.MANDATE_CAP: ("Mandate cap", "The client's mandate caps the position."),
    Rule.INSTRUMENT_CAP: ("Instrument cap", "The firm caps positions in this instrument."),
    Rule.AUTHORITY: ("Authority", "No valid authority to trade for this account."),
    Rule.TRADING_BLOCK: ("Trading block", "The account or instrument is closed, or open for closing orders only."),
    Rule.RESTRICTED: ("Restricted list", "The instrument or its issuer is on the restricted list."),
    Rule.NEVER_FLIP: ("Position", "A reduction ends at zero; it never turns a position over."),
    Rule.LONG_ONLY: ("Long only", "The account may not be short."),
    Rule.LEGAL_LIMIT: ("Legal limit", "A legal position limit binds everybody under one control together."),
    Rule.BUYING_POWER: ("Settled cash", "Only available cash may be spent, at the limit price with its fees."),
    Rule.MANDATE: ("Mandate", "The mandate does not allow this instrument."),
    Rule.POSITION: ("Position limit", "The position limit of the account."),
    Rule.ADV: ("Daily volume", "The order's share of the average daily volume is limited."),
    Rule.SECTOR: ("Sector limit", "The account's exposure to this sector is limited."),
    Rule.FACTOR: ("Factor limit", "The account's exposure to this factor is limited."),
    Rule.GROSS: ("Gross limit", "The account's gross exposure is limited."),
    Rule.NET: ("Net limit", "The account's net exposure is limited."),
    Rule.CAPACITY: ("Capacity", "The strategy's capacity is shared pro rata."),
    Rule.SOFT: ("Soft limit", "Tax or cost speaks against the rest of the order."),
    Rule.MINIMUM: ("Under minimum", "What is below the smallest order is skipped, never raised."),
    Rule.ROUNDING: ("Rounding", "Orders are whole lots."),
}
RULES: Mapping[Rule, RuleWords] = {rule: RuleWords(rule.value.split(".")[0], *words) for rule, words in _RULES.items()}
REASONS: Mapping[Reason, str] = {
    Reason.FULL: "full size",
    Reason.CLIPPED: "clipped",
    Reason.BLOCKED: "blocked",
    Reason.DEFERRED: "deferred",
    Reason.NO_CHANGE: "nothing to change",
    Reason.BELOW_ONE_LOT: "less than one lot",
    Reason.BELOW_MIN_LOT: "under the smallest quantity",
    Reason.BELOW_MIN_NOTIONAL: "under the smallest value",
    Reason.BUMPED_TO_MIN: "raised to the smallest quantity",
    Reason.UNLISTED: "not on the list",
    Reason.MISSING_PRICE: "no price",
    Reason.MISSING_STOP: "no stop to size by",
    Reason.MISSING_FX: "no exchange rate",
    Reason.MISSING_BASIS: "the figure to share by is not known",
    Reason.MISSING_LIMIT: "a limit is not known",
    Reason.NO_EQUITY: "no equity",
    Reason.BLOCK_INCOMPLETE: "the block cannot be shared without all figures",
    Reason.AUTH_NONE: "no authority",
    Reason.AUTH_EXPIRED: "authority ended",
    Reason.AUTH_SCOPE: "authority does not cover this",
    Reason.AUTH_REVOKED: "authority revoked",
}


@dataclass(frozen=True, slots=True)
class MethodWords:
    """A sizing method as a ticket offers it. unit: "%" where the figure is a rate, "units", or "" for none. sides: words for buy and sell."""

    method: SizingMethod
    name: str
    unit: str
    sides: tuple[str, str] | None
    help: str

    @property
    def is_rate(self) -> bool:
        """Tell whether the figure is typed in percent."""
        return self.unit == "%"


_TRADE, _TARGET = ("Buy", "Sell"), ("Long", "Short")
METHODS: tuple[MethodWords, ...] = (
    MethodWords(
        SizingMethod.TARGET_WEIGHT, "% of equity", "%", _TARGET, "Brings every position to this share of the account's equity; 0 closes it."
    ),
    MethodWords(
        SizingMethod.RISK,
        "% at risk to the stop",
        "%",
        _TARGET,
        "Brings every position to the size that loses this share of the account's equity if the stop is hit.",
    ),
    MethodWords(SizingMethod.FIXED, "Fixed, each account", "units", _TRADE, "The same quantity for every account."),
    MethodWords(SizingMethod.EQUITY, "Block by equity", "units", _TRADE, "One quantity, shared in proportion to equity."),
    MethodWords(
        SizingMethod.AVAILABLE, "Block by available cash", "units", _TRADE, "One quantity, shared in proportion to available equity."
    ),
    MethodWords(SizingMethod.BALANCE, "Block by balance", "units", _TRADE, "One quantity, shared in proportion to balance."),
    MethodWords(
        SizingMethod.EQUAL,
        "Block, equal orders",
        "units",
        _TRADE,
        "One quantity, the same for every account; what is left over goes one unit each.",
    ),
    MethodWords(
        SizingMethod.EQUAL_ENDING,
        "Block, equal positions",
        "units",
        _TRADE,
        "One quantity, shared so that positions end as equal as it reaches.",
    ),
    MethodWords(
        SizingMethod.PERCENT_CHANGE,
        "% change of position",
        "%",
        ("Add", "Take away"),
        "Changes every position by this share; no position, no order.",
    ),
    MethodWords(
        SizingMethod.CLOSE, "% of position to close", "%", None, "Closes this share of every position; 100% takes odd residues too."
    ),
    MethodWords(
        SizingMethod.CUSTOM,
        "Custom list",
        "",
        None,
        "One line an account: code, quantity|weight|risk, figure; minus sells. Who is not listed gets nothing.",
    ),
)
BY_METHOD: Mapping[SizingMethod, MethodWords] = {words.method: words for words in METHODS}
