"""What the mandates of many accounts let happen in one instrument (CST-2, CST-3, SIZ-2)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import numpy as np
from django.db import connection
from numpy.typing import NDArray

from ..core import mandate_limits as core
from ..core.id_columns import id_column, numbered, places, uuids
from ..core.mandates import MandatedInstrument, MandateRule
from ..enums import MandateRuleKind

FEW = 2_000
NO_MANDATE = "no mandate is in force"

# The version in force speaks for every id of its code: the latest that has begun, unless it has ended by then.
_IN_FORCE = """
WITH latest AS (SELECT DISTINCT ON (code) code, id, valid_until FROM governance_mandate
                 WHERE valid_from <= %(now)s
                   AND (%(few)s::uuid[] IS NULL OR code IN (SELECT code FROM governance_mandate WHERE id = ANY(%(few)s)))
                 ORDER BY code, valid_from DESC, version DESC)
SELECT coalesce(string_agg(uuid_send(m.id), ''), ''), coalesce(string_agg(uuid_send(l.id), ''), '')
  FROM latest l JOIN governance_mandate m USING (code)
 WHERE l.valid_until IS NULL OR l.valid_until > %(now)s
"""
# One row a distinct rule, with the ids of all the mandates it stands in: many owners sign the same clauses.
_RULES = """
SELECT r.kind, r.rate, r.lower_rate, r.words, r.clause, string_agg(uuid_send(r.mandate_id), '')
  FROM governance_mandaterule r
 WHERE r.kind NOT IN ('GROSS_LEVERAGE', 'NET_LEVERAGE', 'WEIGHT_DEVIATION', 'STRESS_MOVE')
   AND (%(binding)s::uuid[] IS NULL OR r.mandate_id = ANY(%(binding)s))
 GROUP BY 1, 2, 3, 4, 5 ORDER BY 1, 2, 5, 4
"""


_STRESS = """
WITH latest AS (SELECT DISTINCT ON (code) code, id, valid_until FROM governance_mandate WHERE valid_from <= %(now)s
                 ORDER BY code, valid_from DESC, version DESC)
SELECT m.id, max(r.rate) FROM latest l JOIN governance_mandate m USING (code)
  JOIN governance_mandaterule r ON r.mandate_id = l.id AND r.kind = 'STRESS_MOVE'
 WHERE l.valid_until IS NULL OR l.valid_until > %(now)s GROUP BY 1
"""


def stress_moves(*, now: datetime) -> dict[UUID, Decimal]:
    """Return the adverse move each mandate states at `now`, the largest where it states several; one that states none is left out. Source: RSK-8b."""
    with connection.cursor() as cursor:
        cursor.execute(_STRESS, {"now": now})
        return dict(cursor.fetchall())


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
    few = len(asked) <= FEW
    with connection.cursor() as cursor:
        cursor.execute(_IN_FORCE, {"now": now, "few": asked if few else None})
        version, binding = (np.frombuffer(sent, dtype="V16") for sent in cursor.fetchone())
        cursor.execute(_RULES, {"binding": uuids(np.unique(binding)) if few else None})
        rows = cursor.fetchall()
    place = places(version, id_column(asked))
    wanted = place >= 0
    place, binding = place[wanted], binding[wanted]
    in_force = np.zeros(len(asked), dtype=np.bool_)
    in_force[place] = True
    distinct, number = numbered(binding)
    speaks_for = place[np.argsort(number, kind="stable")]
    first = np.searchsorted(np.sort(number), np.arange(len(distinct) + 1))
    rules = []
    for rank, (kind, rate, lower, words, clause, mandates) in enumerate(rows):
        found = places(np.frombuffer(mandates, dtype="V16"), distinct)
        found = found[found >= 0]
        reached = _spans(speaks_for, first[found], first[found + 1])
        rule = MandateRule(str(rank), MandateRuleKind(kind), clause, rate, lower, frozenset(words))
        rules.append(core.RuleInMandates(rule, reached))
    return core.mandate_limits(len(asked), rules, instrument), in_force


def _spans(values: NDArray[np.int64], start: NDArray[np.int64], stop: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return values[start:stop] of each span, one after the other."""
    sizes = stop - start
    offsets = np.arange(sizes.sum()) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    return values[np.repeat(start, sizes) + offsets]
