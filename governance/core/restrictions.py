"""The restricted list: issuers and instruments that may not be traded, or only closed (CST-5).

Entry points: `RestrictedList.build`, `RestrictedList.at` for one instrument, `RestrictedList.states` for many, `restriction_finding` for
one order.

Invariants
1. A restriction on an issuer reaches every instrument on it, derivatives and baskets on its instruments included.
2. Of several restrictions in force the strictest binds; of equally strict ones the earliest, then the smaller id.
3. FROZEN stops closing too and cannot be overridden in the product (GOV-4).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from governance.enums import RestrictionState

_STRICTNESS = {state: rank for rank, state in enumerate(RestrictionState)}


@dataclass(frozen=True, slots=True)
class Restriction:
    """One entry, on an issuer or on a single instrument (exactly one of the two), in force in [effective_from, effective_until)."""

    restriction_id: str
    state: RestrictionState
    effective_from: datetime
    reason: str
    issuer_id: str | None = None
    instrument_id: str | None = None
    effective_until: datetime | None = None

    def __post_init__(self) -> None:
        if (self.issuer_id is None) == (self.instrument_id is None):
            raise ValueError(f"restriction {self.restriction_id} must name either an issuer or an instrument")
        if self.effective_from.tzinfo is None or (self.effective_until is not None and self.effective_until <= self.effective_from):
            raise ValueError(f"restriction {self.restriction_id} needs an aware start before its end")

    def in_force(self, at: datetime) -> bool:
        """Tell whether it holds at `at`."""
        return self.effective_from <= at and (self.effective_until is None or at < self.effective_until)


@dataclass(frozen=True, slots=True)
class RestrictedSubject:
    """An instrument as the list sees it: itself, its underlyings, and every issuer behind any of them."""

    instrument_id: str
    issuer_ids: tuple[str, ...] = ()
    underlying_ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RestrictionFinding:
    """An order the restricted list stops; `overridable` is False for FROZEN."""

    instrument_id: str
    state: RestrictionState
    restriction_id: str
    reason: str
    overridable: bool
    rule: str


@dataclass(frozen=True, slots=True)
class RestrictedList:
    """Restrictions by what they name."""

    by_issuer: dict[str, tuple[Restriction, ...]]
    by_instrument: dict[str, tuple[Restriction, ...]]

    @classmethod
    def build(cls, restrictions: Iterable[Restriction]) -> RestrictedList:
        """Index the entries, past and future ones included."""
        by_issuer: dict[str, tuple[Restriction, ...]] = {}
        by_instrument: dict[str, tuple[Restriction, ...]] = {}
        for entry in sorted(restrictions, key=lambda entry: (entry.effective_from, entry.restriction_id)):
            table, key = (by_issuer, entry.issuer_id) if entry.issuer_id is not None else (by_instrument, entry.instrument_id)
            table[str(key)] = (*table.get(str(key), ()), entry)
        return cls(by_issuer, by_instrument)

    def at(self, subject: RestrictedSubject, instant: datetime) -> tuple[RestrictionState, Restriction | None]:
        """Return the state that binds `subject` at `instant`, and the entry that says so."""
        instruments = (subject.instrument_id, *subject.underlying_ids)
        entries = [entry for issuer_id in subject.issuer_ids for entry in self.by_issuer.get(issuer_id, ())]
        entries += [entry for instrument_id in instruments for entry in self.by_instrument.get(instrument_id, ())]
        binding = min(
            (entry for entry in entries if entry.in_force(instant)),
            key=lambda entry: (-_STRICTNESS[entry.state], entry.effective_from, entry.restriction_id),
            default=None,
        )
        return (RestrictionState.NONE if binding is None else binding.state), binding

    def states(self, subjects: Sequence[RestrictedSubject], instant: datetime) -> list[RestrictionState]:
        """Return the binding state of each subject, in order."""
        return [self.at(subject, instant)[0] for subject in subjects]


def restriction_finding(
    restricted: RestrictedList, subject: RestrictedSubject, instant: datetime, *, opens: bool
) -> RestrictionFinding | None:
    """Return why an order in `subject` is stopped at `instant`, or None (CST-5).

    opens: any part of the order opens or increases; an order that closes and then reverses opens.
    """
    state, binding = restricted.at(subject, instant)
    if binding is None or state is RestrictionState.NONE or (state is RestrictionState.CLOSE_ONLY and not opens):
        return None
    overridable = state is not RestrictionState.FROZEN
    return RestrictionFinding(subject.instrument_id, state, binding.restriction_id, binding.reason, overridable, f"CST-5:{state}")
