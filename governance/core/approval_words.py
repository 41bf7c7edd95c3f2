"""What a four-eyes request asks for and what a yes sets off, in plain words (GOV-4).

Entry points: `asked`, `effect`, `answered`, `HARD_LIMITS`.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from governance.core.approvals import NEVER_OVERRIDABLE
from governance.enums import ApprovalAction as Action

_ASKED: Mapping[Action, str] = MappingProxyType(
    {
        Action.RELEASE_OVER_LIMIT: "Release over a limit",
        Action.WAIVE_BREAK: "Waive a break",
        Action.ADJUST_LEDGER: "Adjust the ledger",
        Action.CHANGE_LIMIT: "Change a limit",
        Action.LIFT_RESTRICTION: "Take something off the restricted list",
        Action.REARM_KILL_SWITCH: "Trade again after a kill switch",
        Action.RETIRED: "Something no longer asked for",
    }
)
_EFFECT: Mapping[Action, str] = MappingProxyType(
    {
        Action.RELEASE_OVER_LIMIT: "Whoever asked may release exactly these quantities, once, over the limits named. Gate 2 judges them all the same.",
        Action.WAIVE_BREAK: "The break is set aside as it stands until the end named; other figures, or that end, bring it back. Nothing is booked.",
        Action.ADJUST_LEDGER: "The entry is booked at once beside the old ones, and the break closes if the entry covers it. Nothing is overwritten.",
        Action.REARM_KILL_SWITCH: "What was stopped may trade again at once. Orders that were canceled stay canceled.",
    }
)
_ELSE = "Whoever asked may do exactly this, once, before the request ends."
HARD_LIMITS: tuple[tuple[str, str], ...] = tuple(
    (rule, why) for rule, why in NEVER_OVERRIDABLE.items() if ":" not in rule and rule not in {"DRV-5", "GOV-1"}
)


def asked(action: Action) -> str:
    """Return what is asked for.

    >>> asked(Action.WAIVE_BREAK)
    'Waive a break'
    """
    return _ASKED[action]


def effect(action: Action) -> str:
    """Return what happens when a second person says yes."""
    return _EFFECT.get(action, _ELSE)


def answered(action: Action, *, yes: bool, done: bool) -> str:
    """Return what a second person's answer has led to. done: the act was carried out with it.

    >>> answered(Action.ADJUST_LEDGER, yes=True, done=True)
    'Approved and done: Adjust the ledger'
    """
    if not yes:
        return f"Refused: {asked(action)}"
    return f"Approved and done: {asked(action)}" if done else f"Approved: {asked(action)}. Whoever asked may go on now"
