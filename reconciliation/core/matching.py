"""One run of reconciliation: what a custodian says against what we expect (REC-1 to REC-4).

Entry points: `reconcile`, `Reconciliation`.
Invariants: 1. like with like: trade-date cash with trade-date cash, settled with settled; 2. a file, section or account that is missing
makes the run and every account concerned INCOMPLETE, never OK, and gives no breaks of its own; 3. a settled-cash difference that open
settle-date differences explain is a timing break, and only its remainder is a cash break; 4. the order of rows changes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..enums import AccountState, ItemKind, RunState
from .amounts import explain_by_timing, match_amounts
from .breaks import Break, Differences, join_differences
from .directory import Directory
from .expectation import NO_TIMING, Expectation, TimingTable
from .fixed import Bools, to_day
from .materiality import Accounts, Rates, Tolerances, judge
from .positions import match_positions
from .snapshot import Snapshot, Table, section_of, take
from .trades import match_trades

STANDARD = Tolerances()


@dataclass(frozen=True, slots=True, eq=False)
class Reconciliation:
    """Outcome of a run. reasons: why it is incomplete; incomplete, material, broken: bool[n_accounts]; open_timing: to hand to the next
    run.
    """

    state: RunState
    reasons: tuple[str, ...]
    breaks: tuple[Break, ...]
    incomplete: Bools
    material: Bools
    broken: Bools
    open_timing: TimingTable

    def account_state(self, account: int) -> AccountState:
        """Return what the run says of an account (by code)."""
        if self.incomplete[account]:
            return AccountState.INCOMPLETE
        if self.material[account]:
            return AccountState.MATERIAL
        return AccountState.BREAKS if self.broken[account] else AccountState.OK


def reconcile(
    expectation: Expectation, snapshot: Snapshot | None, directory: Directory, rates: Rates, tolerances: Tolerances = STANDARD
) -> Reconciliation:
    """Compare a custodian's snapshot with the expectation.

    snapshot: None where the file is missing, late, truncated or refused; one of another business date counts as missing.
    rates: (currency, account currency) → price of one unit. Accounts the custodian reports are compared even if nobody expected them.

    Guarantees: every difference is theirs − ours; the breaks are sorted by key. Source: REC-1 to REC-4.
    """
    if snapshot is None or snapshot.as_of != expectation.as_of:
        why = "no file" if snapshot is None else f"the file is of {snapshot.as_of}, not {expectation.as_of}"
        nothing = np.zeros(len(expectation.expected), np.bool_)
        return Reconciliation(RunState.INCOMPLETE, (why,), (), expectation.expected.copy(), nothing, nothing, expectation.open_timing)
    missing = expectation.required - snapshot.sections
    absent = expectation.expected & ~snapshot.covered
    parts, timing = _compare(expectation, snapshot, directory)
    accounts = Accounts(expectation.equity, expectation.base_currency, rates)
    breaks = judge(parts, directory, accounts, tolerances)
    incomplete = expectation.expected.copy() if missing else absent
    reasons = [f"section {item} was not delivered" for item in sorted(missing)]
    if bool(absent.any()):
        reasons.append(f"{int(absent.sum())} expected accounts are not in the file")
    broken, material = np.zeros(len(absent), np.bool_), np.zeros(len(absent), np.bool_)
    for found in breaks:
        broken[directory.account_code[found.account]] = True
        material[directory.account_code[found.account]] |= found.material
    state = RunState.INCOMPLETE if reasons else RunState.COMPLETE
    return Reconciliation(state, tuple(reasons), tuple(breaks), incomplete, material, broken, timing)


def _compare(expectation: Expectation, snapshot: Snapshot, directory: Directory) -> tuple[Differences, TimingTable]:
    ours = {item: _covered(section_of(expectation, item), snapshot.covered) for item in ItemKind}
    theirs = {item: section_of(snapshot, item) for item in ItemKind}
    delivered = snapshot.sections
    parts: list[Differences] = []
    timing = expectation.open_timing
    if ItemKind.POSITION in delivered:
        parts += match_positions(ours[ItemKind.POSITION], theirs[ItemKind.POSITION], len(directory.symbols), expectation.action_ratio)
    if ItemKind.TRADE in delivered:
        found, fresh = match_trades(ours[ItemKind.TRADE], theirs[ItemKind.TRADE])
        parts.append(found)
        timing = _join_timing(timing, fresh)
    for item in (ItemKind.CASH_TD, ItemKind.FEE, ItemKind.MARGIN):
        if item in delivered:
            parts.append(match_amounts(item, ours[item], theirs[item], len(directory.currencies)))
    day = to_day(expectation.as_of)
    if ItemKind.CASH_SD in delivered:
        found = match_amounts(ItemKind.CASH_SD, ours[ItemKind.CASH_SD], theirs[ItemKind.CASH_SD], len(directory.currencies))
        parts += explain_by_timing(found, timing, day)
    still_open = np.maximum(timing.our_settle_day, timing.their_settle_day) > day
    return join_differences(parts), take(timing, still_open)


def _covered(table: Table, covered: Bools) -> Table:
    return table if bool(covered.all()) else take(table, covered[table.account])  # type: ignore[attr-defined]


def _join_timing(first: TimingTable, second: TimingTable) -> TimingTable:
    if len(first) == 0:
        return second
    return TimingTable(*(np.concatenate([getattr(first, name), getattr(second, name)]) for name in NO_TIMING.__dataclass_fields__))
