"""The dashboard's rows as they are written: every cell a text, so that a page of them costs little (PERFORMANCE P7).

Entry points: `Lamps`, `rows_html`, `flags_of`, `total_cells`.
Invariants: 1. what is not known is an en dash with its reason. 2. text from outside (names, reasons) is escaped where it is put in.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from html import escape
from typing import Any
from uuid import UUID

from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe

from base.core.figures import NIL, counted, money, percent, signed_money, signed_percent
from base.core.money import minor_exponent
from execution.queries import GatewayState
from reconciliation.enums import RunState
from reporting.charts.lines import spark
from reporting.queries.figures import Totals

_MISSING = -(2**63)
_WARNING, _CRITICAL = Decimal("0.5"), Decimal(1) / Decimal("1.2")
_EMPTY, _FULL = Decimal(0), Decimal(100)
NO_EVENING = "No evening's equity yet"
_NO_DRAWDOWN = "Comes with the chart below; of more than 2,000 accounts only the whole firm's is kept"
_LAMP = {
    "": '<i class="lamp" role="img" aria-label="{0}" title="{0}"></i>',
    **{
        kind: f'<i class="lamp lamp--{kind}" role="img" aria-label="{{0}}" title="{{0}}"></i>'
        for kind in ("stale", "part", "blocked", "unknown", "off")
    },
}


@dataclass(frozen=True, slots=True)
class Lamps:
    """How connections are, by id, and when custodians were last reconciled."""

    gateways: dict[UUID, GatewayState]
    runs: dict[UUID, tuple[str, date]]
    written: dict[tuple[Any, ...], str] = field(default_factory=dict)

    def of(self, row: Any) -> str:
        """Return the three lamps of an account: socket, broker, synced."""
        key = (row.connection_id, row.custodian_id, row.breaks, row.block_reason)
        if key not in self.written:
            gateway = self.gateways.get(row.connection_id)
            self.written[key] = f'<span class="lamps">{_socket(gateway)}{_broker(gateway)}{self._synced(row)}</span>'
        return self.written[key]

    def name_of(self, row: Any) -> str:
        """Return the connection's code, the custodian's name where it is switched off."""
        gateway = self.gateways.get(row.connection_id)
        return gateway.code if gateway else str(row.custodian)

    def _synced(self, row: Any) -> str:
        state, day = self.runs.get(row.custodian_id, ("", None))
        if row.block:
            return _lamp("blocked", f"Synced: blocked, {row.block_reason}")
        if row.breaks:
            return _lamp("stale", f"Synced: {counted(row.breaks, 'open break')}")
        if day is None:
            return _lamp("off", "Not reconciled in a fortnight")
        if state != RunState.COMPLETE:
            return _lamp("stale", f"Synced: incomplete for {day:%d %b}")
        return _lamp("", f"Synced {day:%d %b}")


def _lamp(kind: str, said: str) -> str:
    return _LAMP[kind].format(escape(said))


def _socket(gateway: GatewayState | None) -> str:
    if gateway is None:
        return _lamp("off", "Connection switched off")
    if gateway.is_alive:
        return _lamp("", "Socket live")
    return _lamp("blocked", f"Socket down for {_age(gateway.silent_seconds)}") if gateway.holder else _lamp("off", "Socket never opened")


def _broker(gateway: GatewayState | None) -> str:
    if gateway is None or not gateway.holder:
        return _lamp("off", "Broker not asked yet")
    if gateway.is_ready:
        return _lamp("", "Broker live")
    return _lamp("part", "Broker being asked before orders go out") if gateway.is_alive else _lamp("unknown", "Broker not heard")


def _age(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.0f} h"


def day_pnl_own(row: Any) -> Decimal | None:
    """Return the day's gain in the account's own currency; its converted sister is the difference of both ends converted."""
    return None if row.equity is None or row.day_start is None else row.equity - row.day_start


def _gain(row: Any, gain: Decimal | None, own: Decimal | None, why: str) -> str:
    """Return a gain in the reporting currency; converted, it tells its own currency's on hover."""
    is_converted = own is not None and row.currency != row.currency_to
    return _number(
        signed_money(gain, row.currency_to), gain, why, hover=f"{signed_money(own, row.currency)} {row.currency}" if is_converted else ""
    )


def _number(text: str, value: Decimal | None, reason: str = "", hover: str = "") -> str:
    """Return a table's cell of a change: coloured by its sign, a dash with its reason for none."""
    if value is None:
        return _nil(reason)
    is_zero = not text.strip("+0,.%")  # as it is written: what rounds to nothing is neither
    tone = " flat" if is_zero else " up" if value > 0 else " down"
    return f'<td class="num{tone}"><span class="why" title="{hover}">{text}</span></td>' if hover else f'<td class="num{tone}">{text}</td>'


def _nil(reason: str) -> str:
    return f'<td class="num"><span class="nil" title="{escape(reason or "Not worked out yet")}">{NIL}</span></td>'


def row_html(row: Any, lamps: Lamps, *, indent: bool) -> str:
    """Return a row of the table. row: what `page_of_rows` gives."""
    why = row.reason
    drawdown = _nil(why) if row.drawdown is None else f'<td class="num">{percent(row.drawdown)}</td>'
    activity = f"{row.orders} / {row.fills}" if row.orders or row.fills else NIL
    flags = "".join(f'<span class="badge badge--{tone}" title="{escape(said)}">{word}</span>' for tone, word, said in flags_of(row))
    return (
        f'<tr tabindex="0" data-open data-row="{escape(row.code)}"><td class="name{" indent" if indent else ""}"><a href="/accounts/{row.account_id}/">'
        f'<span class="acct">{escape(row.code)}</span>{escape(row.name)}</a></td>'
        f'<td title="{escape(lamps.name_of(row))}, {escape(row.custodian)}">{lamps.of(row)} <span class="class via">{escape(lamps.name_of(row))}</span></td>{_own(row, why)}{_converted(row, why)}'
        f"{_gain(row, row.day_pnl, day_pnl_own(row), why)}"
        f"{_number(signed_percent(row.day_rate).rstrip('%'), row.day_rate, why or 'Nothing to gain on')}"
        f"{_gain(row, row.open_pnl, row.open_pnl_own, 'A lot has no price or rate')}{_margin(row)}{_risk(row)}{drawdown}"
        f'<td class="num">{row.positions}</td><td class="num">{activity}</td>'
        f"<td>{spark(_points(row.points, row.equity, row.currency))}</td><td>{flags}</td></tr>\n"
    )


def rows_html(rows: Sequence[Any], lamps: Lamps, *, indent: bool) -> SafeString:
    """Return rows one after the other; every text a person typed has been escaped."""
    return mark_safe("".join(row_html(row, lamps, indent=indent) for row in rows))  # noqa: S308


def _own(row: Any, why: str) -> str:
    if row.equity is None:
        return _nil(why)
    return f'<td class="num">{money(row.equity, row.currency)} <span class="unit">{row.currency}</span></td>'


def _converted(row: Any, why: str) -> str:
    """Return equity in the reporting currency; converted, it tells its rate on hover, and opens it, one popover a currency."""
    if row.equity_to is None:
        return _nil(why or row.rate_label)
    text = money(row.equity_to, row.currency_to)
    if row.currency != row.currency_to:
        rate = f"{row.rate.normalize():f} {row.currency_to} a {row.currency}, {row.rate_as_of:%d %b %Y %H:%M} UTC" if row.rate_as_of else ""
        return f'<td class="num"><button class="why" popovertarget="fx-{row.currency}" title="{rate}">{text}</button></td>'
    if row.stale_since is not None:
        return f'<td class="num"><span class="why" title="A price is of {row.stale_since:%d %b %Y %H:%M}">{text}</span></td>'
    return f'<td class="num">{text}</td>'


def _margin(row: Any) -> str:
    """Return the share of equity that margin takes; RSK-8's 200% and 120% are 50% and 83% of it."""
    if row.margin_rate is None:
        return _nil(row.margin_reason or row.reason or "No equity to set it against")
    rate = row.margin_rate
    tone = " meter--crit" if rate > _CRITICAL else " meter--warn" if rate > _WARNING else ""
    width = min(max(rate * 100, _EMPTY), _FULL)
    return (
        f'<td class="num"><svg class="meter{tone}" viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true">'
        f'<rect width="{width:.1f}" height="10"/></svg>{percent(rate)}</td>'
    )


def _risk(row: Any) -> str:
    """Return what the account loses down to its stops, or in the mandate's stress move (RSK-8b); in its own currency on hover."""
    if row.open_risk_to is None:
        return _nil(row.risk_reason or row.rate_label)
    text = money(row.open_risk_to, row.currency_to)
    if row.currency == row.currency_to:
        return f'<td class="num">{text}</td>'
    return f'<td class="num"><span class="why" title="{money(row.open_risk, row.currency)} {row.currency}">{text}</span></td>'


def _total_risk(totals: Totals) -> Any:
    text = money(totals.open_risk_to, totals.currency) if totals.accounts > totals.unmeasured or not totals.accounts else NIL
    if not totals.unmeasured:
        return text
    why = f"{totals.unmeasured} of {totals.accounts} accounts cannot be measured and are not in it"
    return format_html('<span class="why" title="{}">{}</span>', why, text)


def _points(points: list[int], now: Decimal | None, currency: str) -> list[int]:
    known = [point for point in points if point != _MISSING]
    return known if now is None else [*known, int(now.scaleb(minor_exponent(currency)))]


def flags_of(row: Any) -> list[tuple[str, str, str]]:
    """Return (tone, word, why) of an account's flags, the loudest first."""
    found = []
    if row.authority:
        found.append(("crit", "Authority", row.authority))
    if row.block:
        found.append(("crit", "Closed" if row.block == "CLOSED" else "Close-only", row.block_reason))
    if row.equity is None:
        found.append(("unknown", "No equity", row.reason))
    if row.loss_use is not None and row.loss_use >= Decimal("0.6"):
        tone = "crit" if row.loss_use >= 1 else "warn" if row.loss_use >= Decimal("0.8") else "info"
        found.append(
            (tone, f"Loss {percent(row.loss_use, 0)}", f"Day loss {money(row.day_loss, row.currency_to)} {row.currency_to}, RSK-9")
        )
    if row.margin_rate is None and row.margin_used and row.equity is not None:
        found.append(("crit", "Margin", "Margin is in use and no equity is left to cover it, RSK-8"))
    if row.margin_rate is not None and row.margin_rate > Decimal("0.5"):
        found.append(("warn", "Margin", "Margin level below 200%, RSK-8"))
    if row.breaks:
        found.append(("warn", counted(row.breaks, "break"), "Open differences with the custodian"))
    if row.is_short_of_cash:
        found.append(("warn", "Cash", "Available cash is below zero, ACC-4"))
    return found


def drawdown_text(drawdown: Decimal | None, why: str) -> Any:
    """Return a total's drawdown, a dash with its reason for none."""
    return percent(drawdown) if drawdown is not None else format_html('<span class="nil" title="{}">{}</span>', why, NIL)


def total_spark(totals: Totals, points: Sequence[int]) -> SafeString:
    """Return the line of a total: its last evenings (minor units), then now."""
    return mark_safe(spark(_points(list(points), totals.equity_to, totals.currency)) if len(points) else "")  # noqa: S308  (figures only)


def total_cells(totals: Totals) -> dict[str, Any]:
    """Return what a row of totals shows; sums leave out what is not known, and say how much that is."""
    to = totals.currency
    known = totals.accounts - totals.missing
    equity = money(totals.equity_to, to) if known or not totals.accounts else NIL
    left_out = f"{totals.missing} of {totals.accounts} accounts have no equity and are not in it" if totals.missing else ""
    return {
        "label": totals.label,
        "accounts": totals.accounts,
        "equity_to": format_html('<span class="why" title="{}">{}</span>', left_out, equity) if left_out else equity,
        "day_pnl": mark_safe(_number(signed_money(totals.day_pnl, to), totals.day_pnl)),  # noqa: S308  (figures only)
        "day_rate": mark_safe(_number(signed_percent(totals.day_rate).rstrip("%"), totals.day_rate, "Nothing to gain on")),  # noqa: S308
        "open_pnl": mark_safe(_number(signed_money(totals.open_pnl, to), totals.open_pnl)),  # noqa: S308
        "open_risk": _total_risk(totals),
        "drawdown": drawdown_text(totals.drawdown, NO_EVENING if totals.whole else _NO_DRAWDOWN),
        "positions": totals.positions,
        "activity": f"{totals.orders} / {totals.fills}",
        "spark": total_spark(totals, totals.points),
    }
