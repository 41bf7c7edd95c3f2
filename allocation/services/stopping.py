"""What a tripped kill switch keeps out of a sizing (GOV-10: block new).

Entry point: `not_stopped`. Invariants: 1. an account or broker that is stopped is out before the statement, and the others go on.
2. a stopped firm, strategy or instrument sizes nothing. 3. a signal that closes passes a switch whose flattening was confirmed.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from accounts.queries import AccountArrays
from base.core.ids import uuid_texts
from base.errors import Refused
from governance import queries as governance
from governance.enums import KillScope

from ..enums import SizingMethod
from ..models import Signal

FINDING = "KILL_SWITCH"


class UnableToSize(Refused):
    """A signal that cannot be sized at all: no price, nobody to size for, everything stopped."""


@dataclass(frozen=True, slots=True)
class Exclusion:
    """An account left out before sizing, and why (GOV-2, GOV-10)."""

    account_id: str
    code: str
    finding: str
    reason: str


def not_stopped(arrays: AccountArrays, signal: Signal) -> tuple[AccountArrays, tuple[Exclusion, ...]]:
    """Return the accounts that no tripped switch stops, and the others with their reasons. Raises UnableToSize where all is stopped."""
    closes = signal.method == SizingMethod.CLOSE
    tripped = {
        key: switch for key, switch in governance.kill_index().tripped.items() if not (closes and switch.flatten_confirmed_at is not None)
    }
    if not tripped:
        return arrays, ()
    wide = ((KillScope.FIRM, ""), (KillScope.STRATEGY, str(signal.strategy_id)), (KillScope.INSTRUMENT, str(signal.instrument_id)))
    for key in wide:
        if key in tripped:
            raise UnableToSize("GOV-10", f"the kill switch of this {key[0].value.lower()} is tripped: {tripped[key].reason}")
    texts = uuid_texts(arrays.ids)
    lanes = [str(lane.id) for lane in arrays.connections]
    out: dict[int, str] = {}
    for row, (text, lane) in enumerate(zip(texts, arrays.connection.tolist(), strict=True)):
        for scope, subject in ((KillScope.ACCOUNT, text), (KillScope.BROKER, lanes[lane])):
            if (scope, subject) in tripped:
                out.setdefault(row, f"the kill switch of its {scope.value.lower()} is tripped: {tripped[scope, subject].reason}")
    excluded = tuple(Exclusion(texts[row], arrays.codes[row], FINDING, reason) for row, reason in out.items())
    keep = np.setdiff1d(np.arange(len(texts)), np.fromiter(out, dtype=np.int64))
    return arrays.take(keep), excluded
