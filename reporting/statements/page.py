"""A statement as a page's words: every figure already text, every row a small tuple, so that the template only places them.

Entry point: `page_context`. Invariant: no figure is computed here; what is printed is what `build_statement` proved.
"""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from base.core.money import minor_exponent, to_minor
from reporting.charts.equity import equity_and_drawdown
from reporting.charts.theme import Spec
from reporting.core.drawdown import deepest_drawdown, drawdown_curve
from reporting.core.performance import daily_return, unit_values
from reporting.core.statement import CashLine, Statement
from reporting.core.statement_inputs import StatementInputs
from reporting.statements.activity import activity
from reporting.statements.charges import fee_note, fee_rows, groups, trading_costs
from reporting.statements.disposals import realised_part
from reporting.statements.figures import MINUS, day, money, percent, period, price, quantity, short_day
from reporting.statements.tabular import date_column, figure_columns, figures_of


def page_context(statement: Statement) -> dict[str, Any]:
    """Return what the statement's template needs: strings, and rows of strings."""
    i, base = statement.inputs, statement.inputs.account.base_currency
    foreign = any(t.currency != base for t in i.transactions)
    dates, indent = _dates(i)
    return {
        "indent": indent,
        "size": _size(statement),
        "account": i.account,
        "custodian": i.custodian,
        "base": base,
        "period": period(i.period_start, i.period_end),
        "opens": day(i.period_start),
        "closes": day(i.period_end),
        "prepared": day(i.prepared_date),
        "prepared_iso": i.prepared_date.isoformat(),
        **_summary(statement, base),
        **_holdings(statement, base),
        "holdings_basis": money(statement.holdings_basis, base),
        "holdings_value": money(statement.holdings_value, base),
        "holdings_gain": (statement.holdings_gain < 0, money(statement.holdings_gain, base, signed=True)),
        "cash": [_cash_row(c, base) for c in statement.cash],
        "cash_total": money(statement.cash_value, base),
        "accruals": [(a.description, money(a.opening, base), money(a.closing, base)) for a in i.accruals],
        "accrued_total": money(statement.accrued, base),
        "fx_rates": [(fx.currency, price(fx.opening, base), price(fx.closing, base), fx.source) for fx in i.fx_rates],
        "foreign": foreign,
        "transactions": _transactions(i, base, dates, foreign),
        "groups": groups(statement, dates),
        "trading_costs": trading_costs(statement),
        "fees": fee_rows(statement),
        "fee_note": fee_note(statement),
        **realised_part(statement, base),
    }


def _size(statement: Statement) -> str:
    """Return how large the figures are, for the style: "" up to ten digits and signs, "large" up to thirteen, "huge" beyond."""
    i, b, base = statement.inputs, statement.bridge, statement.inputs.account.base_currency
    amounts = [b.opening, b.closing, b.deposits, b.withdrawals, b.realised, b.unrealised, b.currency, statement.cash_value]
    amounts += [value for h in statement.holdings for value in (h.value_base, h.gain_base, h.position.basis_base)]
    amounts += [statement.holdings_value, statement.holdings_basis, statement.holdings_gain]
    amounts += [value for r in i.realised for value in (r.proceeds, r.basis)] + [t.amount_base for t in i.transactions]
    texts = [money(amount, base, signed=True) for amount in amounts]
    texts += [money(t.amount, t.currency) for t in i.transactions]
    texts += [money(amount, c.currency) for c in i.cash for amount in (c.opening, c.closing, c.closing_settled)]
    widest = max(map(figures_of, texts))
    return "" if widest <= 10 else "large" if widest <= 13 else "huge"


def _summary(statement: Statement, base: str) -> dict[str, Any]:
    b = statement.bridge
    return {
        "opening": money(b.opening, base),
        "closing": money(b.closing, base),
        "change": (b.closing < b.opening, money(b.closing - b.opening, base, signed=True)),
        "bridge": _bridge_rows(statement),
        "returns": [(r.label, percent(r.net), _down(r.net), percent(r.gross), _down(r.gross)) for r in statement.returns],
        "no_return": any(r.net is None for r in statement.returns),
        "money_weighted": percent(statement.money_weighted),
        "drawdown": _drawdown_words(statement.inputs),
    }


def _dates(inputs: StatementInputs) -> tuple[dict[date, str], str]:
    """Return each booking day as the start of a row, and how far rows hang after it."""
    days = sorted({t.booked_date for t in inputs.transactions})
    padded, indent = date_column([short_day(when) for when in days])
    return dict(zip(days, padded, strict=True)), indent


def _down(value: Decimal | None) -> bool:
    return value is not None and value < 0


def _bridge_rows(statement: Statement) -> list[tuple[str, str, str]]:
    """Return label, signed amount and tone: losses in their colour, nothing quietly; a fee or a withdrawal is no loss."""
    b, base = statement.bridge, statement.inputs.account.base_currency
    parts = [
        ("Deposits and transfers in", b.deposits, ""),
        ("Withdrawals and transfers out", b.withdrawals, ""),
        ("Dividends, interest and other income", b.income, ""),
        ("Fees", b.fees, ""),
        ("Realised gains and losses", b.realised, "loss"),
        ("Change in unrealised gains", b.unrealised, "loss"),
        ("Currency effect on cash", b.currency, "loss"),
    ]
    return [(label, money(amount, base, signed=True), tone if amount < 0 else "" if amount else "quiet") for label, amount, tone in parts]


def _holdings(statement: Statement, base: str) -> dict[str, Any]:
    """Return a row a holding: symbol, name, remarks, figures (quantity, price, cost, value), whether it lost, gain."""
    held = statement.holdings
    sources = {h.position.price_source for h in held}
    figures = figure_columns(
        [
            (quantity(p.quantity), price(p.price, p.currency), money(p.basis_base, base), money(h.value_base, base))
            for h in held
            for p in [h.position]
        ],
        least=(5, 5, *(figures_of(money(total, base)) + 1 for total in (statement.holdings_basis, statement.holdings_value))),
    )
    remarks = [
        ", ".join(
            part for part in (f"priced in {p.currency}" if p.currency != base else "", p.price_source if len(sources) > 1 else "") if part
        )
        for p in (h.position for h in held)
    ]
    return {
        "price_source": min(sources) if len(sources) == 1 else "",
        "holding_widths": figures.widths,
        "holdings": [
            (h.position.symbol, h.position.name, remark, line, h.gain_base < 0, money(h.gain_base, base, signed=True))
            for h, remark, line in zip(held, remarks, figures.lines, strict=True)
        ],
    }


def _cash_row(c: CashLine, base: str) -> tuple[str, str, str, str, str, str, str]:
    b = c.balance
    rate = "" if b.currency == base else price(c.rate, base)
    settled, unsettled = money(b.closing_settled, b.currency), money(c.unsettled, b.currency, signed=True)
    return b.currency, money(b.opening, b.currency), settled, unsettled, money(b.closing, b.currency), rate, money(c.value_base, base)


def _transactions(inputs: StatementInputs, base: str, dates: dict[date, str], foreign: bool) -> dict[str, Any] | None:
    """Return rows of date, words, remarks, figures (quantity, price, commission and, where nothing is foreign, amount), own amount, amount."""
    if not inputs.transactions:
        return None
    amounts = [money(t.amount_base, base) for t in inputs.transactions]
    counts = [
        (
            quantity(t.quantity) if t.quantity else "",
            price(t.price, t.currency) if t.price is not None else "",
            money(t.commission, t.currency) if t.commission else "",
        )
        for t in inputs.transactions
    ]
    cells = counts if foreign else [(*three, amount) for three, amount in zip(counts, amounts, strict=True)]
    figures = figure_columns(cells, least=(5, 5, 7) if foreign else (5, 5, 7, 8))
    rows = []
    for t, line, amount in zip(inputs.transactions, figures.lines, amounts, strict=True):
        words, remarks = activity(t)
        if t.in_kind_value_base:
            remarks = f"in kind, {money(t.in_kind_value_base, base)} {base}" + (f", {remarks}" if remarks else "")
        own = f"{money(t.amount, t.currency)} {t.currency}" if foreign else ""
        rows.append((dates[t.booked_date], words, remarks, line, own, amount))
    return {"widths": figures.widths, "rows": rows}


def _drawdown_words(inputs: StatementInputs) -> str:
    if len(inputs.days) < 2 or any(daily_return(d) is None for d in inputs.days):
        return ""
    fall = deepest_drawdown(_curve_dates(inputs), unit_values(inputs.days))
    if fall is None:
        return ""
    recovered = "not yet recovered" if fall.recovery_date is None else f"recovered {short_day(fall.recovery_date, year=True)}"
    depth = f"{MINUS}{abs(fall.depth):.1%}"
    return f"{depth}, {short_day(fall.peak_date, year=True)} to {short_day(fall.trough_date, year=True)}, {recovered}"


def _curve_dates(inputs: StatementInputs) -> list[date]:
    return [inputs.days[0].date - timedelta(days=1), *(d.date for d in inputs.days)]


def chart_of(statement: Statement, *, width: int = 330, height: int = 150) -> Spec | None:
    """Return the chart of the valued days, or None where there are too few or a day has no return.

    It begins with what the account had before its first day; with that day's end where it had nothing, which would flatten all that came after.
    """
    i = statement.inputs
    if len(i.days) < 5 or any(daily_return(d) is None for d in i.days):
        return None
    base = i.account.base_currency
    equity = [to_minor(value, base) for value in (i.days[0].begin, *(d.end for d in i.days))]
    falls = drawdown_curve(unit_values(i.days)).tolist()
    first = 0 if equity[0] else 1
    dates = _curve_dates(i)[first:]
    return equity_and_drawdown(dates, equity[first:], falls[first:], exponent=minor_exponent(base), width=width, height=height)
