"""What the mandates of many accounts let happen in one instrument (CST-2, CST-3, SIZ-2)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import numpy as np
from django.db import connection
from numpy.typing import NDArray

from ..core import mandate_limits as core
from ..core.id_columns import id_column, places
from ..core.mandates import MandatedInstrument, MandateRule
from ..enums import MandateRuleKind

FEW = 2_000
NO_MANDATE = "no mandate is in force"

# The version in force speaks for every id of its code: the latest that has begun, unless it has ended by then.
_IN_FORCE = """
WITH wanted AS (SELECT id, code FROM governance_mandate WHERE %(few)s::uuid[] IS NULL OR id = ANY(%(few)s)),
     latest AS (SELECT DISTINCT ON (code) code, id, valid_until FROM governance_mandate
                 WHERE valid_from <= %(now)s AND code IN (SELECT code FROM wanted) ORDER BY code, valid_from DESC, version DESC)
SELECT w.id AS asked, l.id AS binding FROM wanted w JOIN latest l USING (code) WHERE l.valid_until IS NULL OR l.valid_until > %(now)s
"""
# One row a distinct rule, with the bytes of all the mandates it stands in: many owners sign the same clauses.
_RULES = f"""
WITH in_force AS MATERIALIZED ({_IN_FORCE})
SELECT r.kind, r.rate, r.lower_rate, r.words, r.clause, string_agg(uuid_send(f.asked), ''), min(r.id::text)
  FROM in_force f LEFT JOIN governance_mandaterule r ON r.mandate_id = f.binding
   AND r.kind NOT IN ('GROSS_LEVERAGE', 'NET_LEVERAGE', 'WEIGHT_DEVIATION')
 GROUP BY 1, 2, 3, 4, 5 ORDER BY 7
"""  # both parts are constants


@dataclass(frozen=True, slots=True)
class MandateLimits:
    """Per account asked about: cap int64[n], UNIT = 10^8 = 100% of equity, MISSING = none; long_only, allowed int8[n].

    clauses: by mandate id, the clause of the rule that forbids the instrument or else of the cap that binds.
    """

    cap: NDArray[np.int64]
    long_only: NDArray[np.int8]
    allowed: NDArray[np.int8]
    clauses: Mapping[str, str]
    mandate_ids: Sequence[UUID | None]

    def clause(self, index: int) -> str:
        """Return the clause that binds account `index`, "" if none does."""
        return self.clauses.get(str(self.mandate_ids[index]), "")


def mandate_limits(*, mandate_ids: Sequence[UUID | None], instrument: MandatedInstrument, now: datetime) -> MandateLimits:
    """Return the limits in force at `now`, one for each entry of `mandate_ids`.

    An account without a mandate is not limited by one; a mandate of which no version is in force allows no opening (CON-5).
    """
    number: dict[UUID | None, int] = {None: 0}
    for mandate_id in mandate_ids:
        number.setdefault(mandate_id, len(number))
    asked = [mandate_id for mandate_id in number if mandate_id is not None]
    limits, in_force = (
        _limits_of(asked, instrument, now) if asked else (core.mandate_limits(0, [], instrument), np.zeros(0, dtype=np.bool_))
    )
    place = np.array([number[mandate_id] for mandate_id in mandate_ids], dtype=np.int64)
    allowed = np.where(in_force, limits.allowed, 0).astype(np.int8)
    texts = [clause if there else NO_MANDATE for clause, there in zip(limits.clause, in_force.tolist(), strict=True)]
    return MandateLimits(
        cap=_with_none(limits.cap, core.MISSING)[place],
        long_only=_with_none(limits.long_only, 0)[place],
        allowed=_with_none(allowed, 1)[place],
        clauses={str(mandate_id): text for mandate_id, text in zip(asked, texts, strict=True) if text},
        mandate_ids=mandate_ids,
    )


def _with_none(values: NDArray[Any], unlimited: int) -> NDArray[Any]:
    return np.concatenate([np.array([unlimited], dtype=values.dtype), values])


def _limits_of(asked: list[UUID], instrument: MandatedInstrument, now: datetime) -> tuple[core.Limits, NDArray[np.bool_]]:
    ids = id_column(asked)
    with connection.cursor() as cursor:
        cursor.execute(_RULES, {"now": now, "few": asked if len(asked) <= FEW else None})
        rows = cursor.fetchall()
    in_force = np.zeros(len(asked), dtype=np.bool_)
    rules = []
    for kind, rate, lower, words, clause, mandates, rule_id in rows:
        found = places(np.frombuffer(mandates, dtype="V16"), ids)
        found = found[found >= 0]
        in_force[found] = True
        if kind is not None:
            rule = MandateRule(rule_id, MandateRuleKind(kind), clause, rate, lower, frozenset(words))
            rules.append(core.RuleInMandates(rule, found))
    return core.mandate_limits(len(asked), rules, instrument), in_force
