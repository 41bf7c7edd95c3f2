"""Income, fees, payments and trading costs as rows of words: each list ends in the figure that the bridge of the value shows.

Entry points: `groups`, `trading_costs`, `fee_rows`, `fee_note`. Invariant: nothing is summed here; totals are those of `build_statement`.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import Decimal

from reporting.core.fees import ManagementFee
from reporting.core.statement import Statement
from reporting.core.statement_inputs import FeeLine, Transaction
from reporting.statements.activity import activity
from reporting.statements.figures import MINUS, money, percent, short_day

Group = tuple[str, list[tuple[str, str, str]], str, str]


def groups(statement: Statement, dates: Mapping[date, str]) -> list[Group]:
    """Return income, fees and payments: title, rows of (date, words, amount), total, and what to say where there is no row."""
    base, bridge = statement.inputs.account.base_currency, statement.bridge
    parts = (
        ("Income", statement.income, statement.accrued_income, "earned and not yet paid, change", bridge.income, "No income was booked."),
        (
            "Fees",
            statement.fees_charged,
            statement.accrued_fees,
            "owed and not yet charged, change",
            bridge.fees,
            "No fee was charged or is owed.",
        ),
        ("Deposits, withdrawals and transfers", statement.flows, Decimal(0), "", bridge.flows, "Nothing was paid in or out."),
    )
    found = []
    for title, bookings, accrued, words, total, nothing in parts:
        rows = [(dates[t.booked_date], activity(t)[0], money(_worth(t), base, signed=True)) for t in bookings]
        if accrued:
            rows.append(("", f"{title}, {words}", money(accrued, base, signed=True)))
        found.append((title, rows, money(total, base, signed=True), nothing))
    return found


def _worth(t: Transaction) -> Decimal:
    return t.amount_base + t.in_kind_value_base


def trading_costs(statement: Statement) -> str:
    """Return what is to be said of commissions: how much in all, and where they are in the figures."""
    base, costs = statement.inputs.account.base_currency, statement.commissions
    if not costs:
        return "No commission was charged."
    parts = ", ".join(f"{money(amount, currency)} {currency}" for currency, amount in costs)
    whole = "" if [currency for currency, _ in costs] == [base] else f" ({money(statement.trading_costs, base)} {base} together)"
    where = "they are part of the gains, not of the fees"
    return f"Amounts are net of commissions and exchange fees, which were {parts} in all{whole}; {where}."


def fee_rows(statement: Statement) -> list[tuple[str, str, str, str]]:
    """Return each fee that has a computation: what for, how it was computed, when it was charged, how much."""
    return [_fee_row(line, statement.inputs.account.base_currency) for line in statement.inputs.fees]


def fee_note(statement: Statement) -> str:
    """Return what is to be said where fees were charged or are owed and none has a computation, else ""."""
    if statement.inputs.fees or not (statement.fees_charged or statement.accrued_fees):
        return ""
    return "The books hold the amounts of the fees above, and no computation of them."


def _fee_row(f: FeeLine, base: str) -> tuple[str, str, str, str]:
    c = f.computation
    if isinstance(c, ManagementFee):
        how = f"{money(c.mean_nav, base)} mean daily value × {percent(c.rate, signed=False)} × {c.days}/365"
    else:
        share = "" if c.share == 1 else f" × {percent(c.share, signed=False)} withdrawn"
        rate = percent(c.rate, signed=False)
        how = f"({money(c.nav, base)} value {MINUS} {money(c.high_water_mark, base)} high-water mark){share} × {rate}"
        if c.nav <= c.high_water_mark:
            how = f"value {money(c.nav, base)} is not above the high-water mark {money(c.high_water_mark, base)}"
        how += f"; next mark {money(c.next_mark, base)}"
    when = "accrued, not yet charged" if f.charged_date is None else f"charged {short_day(f.charged_date)}"
    return f.description, how, when, money(c.fee, base)
