"""Figures and icons in templates: `{% load figures %}`. The writing itself is `base.core.figures`."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from typing import Any

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString

from base.core import figures
from base.core.words import words

register = template.Library()
_CODED = {"action", "audience", "gate", "kind", "mode", "outcome", "role", "scope", "severity", "state", "status", "tier"}


def _decimal(value: Any) -> Decimal | None:
    """Return the value as a decimal; None for what is none."""
    if value is None or value == "":
        return None
    if isinstance(value, Fraction):
        return Decimal(value.numerator) / Decimal(value.denominator)
    try:
        return value if isinstance(value, Decimal) else Decimal(str(value))
    except InvalidOperation:
        return None


@register.filter
def money(amount: Any, currency: str = "USD") -> str:
    """{{ amount|money:"USD" }}: 1,253,418.60"""
    return figures.money(_decimal(amount), currency)


@register.filter
def signed_money(amount: Any, currency: str = "USD") -> str:
    """{{ change|signed_money:"USD" }}: +6,204.18"""
    return figures.signed_money(_decimal(amount), currency)


@register.filter
def number(value: Any, places: int | None = None) -> str:
    """{{ lots|number }} or {{ raw|number:4 }}"""
    return figures.number(_decimal(value), places)


@register.filter
def price(value: Any, tick: Any = None) -> str:
    """{{ limit|price:instrument.tick }}"""
    return figures.price(_decimal(value), _decimal(tick))


@register.filter
def percent(rate: Any, places: int = 1) -> str:
    """{{ rate|percent }}: a rate of 0.184 is 18.4%"""
    return figures.percent(_decimal(rate), places)


@register.filter
def signed_percent(rate: Any, places: int = 2) -> str:
    """{{ change|signed_percent }}: +0.23%"""
    return figures.signed_percent(_decimal(rate), places)


@register.filter
def tone(change: Any) -> str:
    """Return the class of a change: up, down, flat; nil for none."""
    value = _decimal(change)
    if value is None:
        return "nil"
    return "up" if value > 0 else "down" if value < 0 else "flat"


@register.filter
def age(span: timedelta | None) -> str:
    """{{ span|age }}: 12 min"""
    return figures.age(span)


@register.filter
def day(value: date | None) -> str:
    """{{ on|day }}: 20 Nov 2026"""
    return figures.NIL if value is None else f"{value.day} {value:%b %Y}"


@register.filter
def clock(value: datetime | None) -> str:
    """{{ at|clock }}: 14:32:07 (UTC)"""
    return figures.NIL if value is None else f"{value:%H:%M:%S}"


@register.filter
def left(until: datetime | None, now: datetime) -> str:
    """{{ expires_at|left:visit.now }}: 14:05, minutes and seconds that remain; 0:00 once they are over."""
    if until is None:
        return figures.NIL
    seconds = max(int((until - now).total_seconds()), 0)
    return f"{seconds // 60}:{seconds % 60:02}"


register.filter("words", words)


@register.filter
def pairs(value: Any) -> list[tuple[str, str]]:
    """Return what an audit event holds as lines to read: names in words, lists with commas."""
    if not isinstance(value, dict):
        return [] if value in (None, "") else [("", str(value))]
    return [(words(key), _spoken(entry, is_code=key in _CODED)) for key, entry in value.items() if entry not in (None, "", [])]


def _spoken(entry: Any, *, is_code: bool = False) -> str:
    if isinstance(entry, bool):
        return "yes" if entry else "no"
    if isinstance(entry, list):
        return ", ".join(_spoken(one, is_code=is_code) for one in entry)
    if isinstance(entry, dict):
        return ", ".join(f"{key} {_spoken(one)}" for key, one in entry.items())
    if is_code:
        return words(entry)
    return _instant(entry) if isinstance(entry, str) else str(entry)


def _instant(text: str) -> str:
    """Return an instant as people write it; any other text as it is."""
    if len(text) < 19 or text[4:5] != "-" or text[10:11] != "T":
        return text
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return text
    return f"{day(at)} {clock(at)}"


@register.simple_tag
def icon(name: str) -> SafeString:
    """{% icon "bell" %}: a drawing of the sprite, silent for screen readers."""
    return format_html('<svg class="icon" aria-hidden="true"><use href="#i-{}"/></svg>', name)
