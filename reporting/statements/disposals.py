"""Realised gains and wash-sale adjustments as rows of words (GOV-11, WASH-8 to WASH-15).

Entry point: `realised_part`. Invariant: where nobody looked for wash sales no column speaks of them, and a sentence says so.
"""

from __future__ import annotations

from typing import Any

from reporting.core.statement import Statement
from reporting.core.statement_inputs import RealisedGain
from reporting.enums import HoldingTerm
from reporting.statements.figures import day, money, quantity, short_day

TERM_WORDS = {HoldingTerm.SHORT: "short", HoldingTerm.LONG: "long"}
PROVISIONAL = "\N{DAGGER}"
NOT_COMPUTED = "Wash-sale adjustments were not computed for this period; your custodian's tax form may show some."
NONE_FOUND = "No wash sale was found in this period."


def realised_part(statement: Statement, base: str) -> dict[str, Any]:
    """Return the template's words of the section: whether wash sales were looked for, rows, totals, and notes."""
    t = statement.realised
    adjusted = t.deferred + t.forfeited
    return {
        "wash_sales": statement.inputs.wash_sales_computed,
        "realised": [_row(r, base) for r in statement.inputs.realised],
        "realised_total": (
            money(t.proceeds, base),
            money(t.basis, base),
            money(t.gain, base, signed=True),
            money(adjusted, base, signed=True),
            money(t.allowed, base, signed=True),
            t.gain < 0,
        ),
        "realised_notes": _notes(statement),
    }


def _row(r: RealisedGain, base: str) -> tuple[str, str, str, str, str, str, str, str, bool]:
    held = "various" if r.acquired_date is None else short_day(r.acquired_date, year=True)
    gain = r.proceeds - r.basis
    adjusted = r.deferred + r.forfeited
    mark = PROVISIONAL if r.final_on is not None else ""
    return (
        short_day(r.sold_date),
        f"{quantity(r.quantity)} {r.symbol}",
        f"{held}, {TERM_WORDS[r.term]}",
        money(r.proceeds, base),
        money(r.basis, base),
        money(gain, base, signed=True),
        (money(adjusted, base, signed=True) if adjusted else "") + mark,
        money(gain + adjusted, base, signed=True),
        gain < 0,
    )


def _notes(statement: Statement) -> list[str]:
    i, base, totals = statement.inputs, statement.inputs.account.base_currency, statement.realised
    if not i.wash_sales_computed:
        return [NOT_COMPUTED]
    notes = [] if totals.deferred or totals.forfeited or i.wash_basis_added else [NONE_FOUND]
    if totals.deferred:
        notes.append(
            f"{money(totals.deferred, base)} of losses is deferred and added to the cost of the shares that replaced the ones sold."
        )
    if totals.forfeited:
        notes.append(f"{money(totals.forfeited, base)} of losses is lost for tax: the replacement was bought in a tax-sheltered account.")
    if i.wash_basis_added:
        notes.append(f"{money(i.wash_basis_added, base)} of deferred losses was added to the cost of holdings of this account.")
    if dates := [r.final_on for r in i.realised if r.final_on is not None]:
        notes.append(f"{PROVISIONAL} Provisional: a purchase up to {day(max(dates))} can still change the wash-sale adjustment.")
    return notes
