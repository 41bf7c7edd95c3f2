"""The dashboard's rows as they are written: every cell a text, so that a page of them costs little (PERFORMANCE P7).

Entry points: `Lamps`, `row_cells`, `total_cells`. Invariant: what is not known is an en dash with its reason.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe

from base.core.figures import NIL, money, percent, signed_money, signed_percent
from base.core.money import minor_exponent
from execution.queries import GatewayState
from reconciliation.enums import RunState
from reporting.charts.lines import spark
from reporting.queries.figures import Totals

STALE_AFTER = timedelta(hours=96)
_MISSING = -(2**63)
_NO_DRAWDOWN = "Of a selection no drawdown is kept; the chart below has it"
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

    def of(self, row: Any) -> str:
        """Return the three lamps of an account: socket, broker, synced."""
        gateway = self.gateways.get(row.connection_id)
        return f'<span class="lamps">{_socket(gateway)}{_broker(gateway)}{self._synced(row)}</span>'

    def _synced(self, row: Any) -> str:
        state, day = self.runs.get(row.custodian_id, ("", None))
        if row.block:
            return _lamp("blocked", f"Synced: blocked, {row.block_reason}")
        if row.breaks:
            return _lamp("stale", f"Synced: {row.breaks} open break{'s' if row.breaks > 1 else ''}")
        if day is None:
            return _lamp("off", "Not reconciled in a fortnight")
        if state != RunState.COMPLETE:
            return _lamp("stale", f"Synced: incomplete for {day:%d %b}")
        return _lamp("", f"Synced {day:%d %b}")


def _lamp(kind: str, said: str) -> str:
    return str(format_html(_LAMP[kind], said))


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


def _number(text: str, value: Decimal | None, reason: str = "") -> SafeString:
    """Return a table's cell of a change: coloured by its sign, a dash with its reason for none."""
    if value is None:
        return _nil(reason)
    tone = " up" if value > 0 else " down" if value < 0 else " flat"
    return mark_safe(f'<td class="num{tone}">{text}</td>')  # noqa: S308  (figures only)


def _nil(reason: str) -> SafeString:
    return format_html('<td class="num"><span class="nil" title="{}">{}</span></td>', reason or "Not worked out yet", NIL)


def row_cells(row: Any, lamps: Lamps) -> dict[str, Any]:
    """Return what a row shows, by column. row: AccountFigures."""
    currency, to = row.currency, row.currency_to
    why = row.reason
    return {
        "id": row.account_id,
        "code": row.code,
        "name": row.name,
        "lamps": mark_safe(lamps.of(row)),  # noqa: S308  (every part is escaped where it is made)
        "custodian": row.custodian,
        "equity": _own(row, why),
        "equity_to": _converted(row, why),
        "day_pnl": _number(signed_money(row.day_pnl, to), row.day_pnl, why),
        "day_rate": _number(signed_percent(row.day_rate).rstrip("%"), row.day_rate, why or "Nothing to gain on"),
        "open_pnl": _number(signed_money(row.open_pnl, to), row.open_pnl, "A lot has no price or rate"),
        "margin": _margin(row),
        "drawdown": mark_safe(f'<td class="num">{percent(row.drawdown)}</td>') if row.drawdown is not None else _nil(why),  # noqa: S308
        "positions": row.positions,
        "activity": f"{row.orders} / {row.fills}" if row.orders or row.fills else NIL,
        "spark": mark_safe(spark(_points(row.points, row.equity, currency))),  # noqa: S308
        "flags": flags_of(row),
    }


def _own(row: Any, why: str) -> SafeString:
    if row.equity is None:
        return _nil(why)
    return format_html('<td class="num">{} <span class="unit">{}</span></td>', money(row.equity, row.currency), row.currency)


def _converted(row: Any, why: str) -> SafeString:
    """Return equity in the reporting currency; converted, it opens its rate, one popover a currency."""
    if row.equity_to is None:
        return _nil(why or row.rate_label)
    text = money(row.equity_to, row.currency_to)
    stale = row.priced_at is not None and row.computed_at - row.priced_at > STALE_AFTER
    if row.currency == row.currency_to:
        if stale:
            said = f"A price is of {row.priced_at:%d %b %Y %H:%M}"
            return format_html('<td class="num"><span class="why" title="{}">{}</span></td>', said, text)
        return mark_safe(f'<td class="num">{text}</td>')  # noqa: S308
    return format_html('<td class="num"><button class="why" popovertarget="fx-{}">{}</button></td>', row.currency, text)


def _margin(row: Any) -> SafeString:
    """Return the share of equity that margin takes; RSK-8's 200% and 120% are 50% and 83% of it."""
    if row.margin_rate is None:
        return _nil(row.margin_reason or row.reason or "No equity to set it against")
    rate = row.margin_rate
    tone = " meter--crit" if rate > Decimal(1) / Decimal("1.2") else " meter--warn" if rate > Decimal("0.5") else ""
    width = min(max(rate * 100, Decimal(0)), Decimal(100))
    return mark_safe(  # noqa: S308
        f'<td class="num"><svg class="meter{tone}" viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true">'
        f'<rect width="{width:.1f}" height="10"/></svg>{percent(rate)}</td>'
    )


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
    if row.margin_rate is not None and row.margin_rate > Decimal("0.5"):
        found.append(("warn", "Margin", "Margin level below 200%, RSK-8"))
    if row.breaks:
        found.append(("warn", f"{row.breaks} break{'s' if row.breaks > 1 else ''}", "Open differences with the custodian"))
    if row.is_short_of_cash:
        found.append(("warn", "Cash", "Available cash is below zero, ACC-4"))
    return found


def total_cells(totals: Totals) -> dict[str, Any]:
    """Return what a row of totals shows; sums leave out what is not known, and say how much that is."""
    to = totals.currency
    known = totals.accounts - totals.missing
    equity = money(totals.equity_to, to) if known or not totals.accounts else NIL
    left_out = f"{totals.missing} of {totals.accounts} accounts have no equity and are not in it" if totals.missing else ""
    drawdown: Any = percent(totals.drawdown)
    if totals.drawdown is None:
        reason = "No evening's equity yet" if totals.whole else _NO_DRAWDOWN
        drawdown = format_html('<span class="nil" title="{}">{}</span>', reason, NIL)
    return {
        "label": totals.label,
        "accounts": totals.accounts,
        "equity_to": format_html('<span class="why" title="{}">{}</span>', left_out, equity) if left_out else equity,
        "day_pnl": _number(signed_money(totals.day_pnl, to), totals.day_pnl),
        "day_rate": _number(signed_percent(totals.day_rate).rstrip("%"), totals.day_rate, "Nothing to gain on"),
        "open_pnl": _number(signed_money(totals.open_pnl, to), totals.open_pnl),
        "drawdown": drawdown,
        "positions": totals.positions,
        "activity": f"{totals.orders} / {totals.fills}",
        "spark": mark_safe(spark(_points(list(totals.points), totals.equity_to, to)) if totals.points else ""),  # noqa: S308
    }
