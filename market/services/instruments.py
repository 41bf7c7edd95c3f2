"""Load instruments: what may be traded, by the core's specifications.

Entry point: `load_instruments`.
Invariants: 1 what an instrument *is* (kind, currencies, multiplier, simulated or not) never changes once it is stored, for positions
and ledgers count in it; 2 anything else changes only when `replace` says so; 3 an underlying must be known or come along.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.db import transaction

from base.errors import Conflict, Refused
from market.core.instruments import InstrumentSpec
from market.models import Instrument, Issuer

from .staging import LOADER

_FIXED = ("kind", "currency", "base_currency", "multiplier", "is_simulated")


class UnableToLoadInstruments(Refused):
    """The specifications contradict each other or name an instrument that does not exist."""


class InstrumentConflict(Conflict):
    """An instrument of this symbol is stored with other facts."""


def load_instruments(specs: Sequence[InstrumentSpec], *, is_simulated: bool = False, replace: bool = False) -> dict[str, int]:
    """Store the instruments and return the id of each symbol.

    Equal ones stay as they are. Raises InstrumentConflict for a stored symbol with other facts (with `replace` only for facts that never
    change), UnableToLoadInstruments for a symbol given twice or an unknown underlying. Source: DRV-4, CST-5, WASH-13.
    """
    by_symbol = {spec.symbol: spec for spec in specs}
    if len(by_symbol) != len(specs):
        twice = sorted({spec.symbol for spec in specs if by_symbol[spec.symbol] is not spec})
        raise UnableToLoadInstruments("symbol_twice", f"given more than once: {', '.join(twice)}", field="symbol", value=", ".join(twice))
    with transaction.atomic(using=LOADER):
        stored = _stored({*by_symbol, *(spec.underlying for spec in specs if spec.underlying)})
        issuers = _issuers({spec.issuer for spec in specs if spec.issuer})
        new = [Instrument(**_facts(spec, issuers, is_simulated)) for spec in specs if spec.symbol not in stored]
        Instrument.objects.using(LOADER).bulk_create(new, ignore_conflicts=True)
        if new:
            stored = _stored({*stored, *by_symbol})
        _compare(by_symbol, stored, issuers, is_simulated, replace, {row.symbol for row in new})
        return {symbol: stored[symbol].pk for symbol in by_symbol}


def _stored(symbols: set[str]) -> dict[str, Instrument]:
    rows = Instrument.objects.using(LOADER).filter(symbol__in=symbols).select_for_update().order_by("pk")
    return {row.symbol: row for row in rows}


def _issuers(codes: set[str]) -> dict[str, int]:
    issuers = Issuer.objects.using(LOADER)
    issuers.bulk_create([Issuer(code=code, name=code) for code in sorted(codes)], ignore_conflicts=True)
    return dict(issuers.filter(code__in=codes).values_list("code", "pk"))


def _facts(spec: InstrumentSpec, issuers: dict[str, int], is_simulated: bool) -> dict[str, Any]:
    return {
        "symbol": spec.symbol,
        "kind": spec.kind,
        "currency": spec.currency,
        "base_currency": spec.base_currency or "",
        "calendar": spec.market,
        "settlement_market": spec.settlement_market,
        "sector": spec.sector,
        "issuer_id": issuers[spec.issuer] if spec.issuer else None,
        "identity_group": spec.identity_group,
        "multiplier": spec.multiplier,
        "tick": spec.tick_size,
        "pip_size": spec.pip_size,
        "lot_step": spec.lot_step,
        "min_quantity": spec.min_quantity,
        "min_notional": spec.min_notional,
        "is_simulated": is_simulated,
    }


def _compare(
    specs: dict[str, InstrumentSpec],
    stored: dict[str, Instrument],
    issuers: dict[str, int],
    is_simulated: bool,
    replace: bool,
    new: set[str],
) -> None:
    """Link underlyings, and refuse or replace what differs."""
    changed = []
    for spec in specs.values():
        row = stored[spec.symbol]
        wanted = _facts(spec, issuers, is_simulated) | {"underlying_id": _underlying(spec, stored)}
        differing = {name: value for name, value in wanted.items() if getattr(row, name) != value}
        if differing and not (spec.symbol in new and set(differing) == {"underlying_id"}):
            _check_changes(row, differing, replace)
        if differing:
            for name, value in differing.items():
                setattr(row, name, value)
            changed.append(row)
    if changed:
        fields = [field.name for field in Instrument._meta.local_concrete_fields if field.name not in ("id", "symbol", "name")]
        Instrument.objects.using(LOADER).bulk_update(changed, fields, batch_size=500)


def _underlying(spec: InstrumentSpec, stored: dict[str, Instrument]) -> int | None:
    if not spec.underlying:
        return None
    if spec.underlying not in stored:
        message = f"{spec.symbol}: underlying {spec.underlying} is no known instrument"
        raise UnableToLoadInstruments("unknown_underlying", message, field="underlying", value=spec.underlying, symbol=spec.symbol)
    return stored[spec.underlying].pk


def _check_changes(row: Instrument, differing: dict[str, Any], replace: bool) -> None:
    refused = [name for name in differing if name in _FIXED or not replace]
    if refused:
        name = refused[0]
        code = "instrument_never_changes" if name in _FIXED else "instrument_differs"
        message = f"{row.symbol}: {name} is stored as {getattr(row, name)}, given {differing[name]}"
        raise InstrumentConflict(code, message, field=name, value=differing[name], symbol=row.symbol, stored=getattr(row, name))
