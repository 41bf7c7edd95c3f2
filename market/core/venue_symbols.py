"""What a venue calls an instrument, where it is not our symbol.

Entry points: `VenueSymbolSpec`, `clashes`, `Clash`.
Invariants: 1 at one venue a symbol stands for one instrument and an instrument has one symbol; 2 a symbol is what a custodian's file and a
broker's message can carry unquoted: printable ASCII without comma and quote.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from market.core.instruments import InvalidInstrument

_PRINTABLE = re.compile(r"(?! )[ !#-+\--~]+(?<! )")
LONGEST = {"venue": 40, "symbol": 64}


@dataclass(frozen=True, slots=True)
class VenueSymbolSpec:
    """venue: the code of the custodian. symbol: its word for the instrument. instrument: our symbol. Raises InvalidInstrument."""

    venue: str
    symbol: str
    instrument: str

    def __post_init__(self) -> None:
        for field, longest in LONGEST.items():
            text = getattr(self, field)
            if len(text) > longest or not _PRINTABLE.fullmatch(text):
                rule = f"1 to {longest} printable ASCII characters, no comma or quote, no blank at either end"
                raise InvalidInstrument(field, text, rule)


class Clash(NamedTuple):
    """What is wrong with one of several specifications. row: its place, from 0."""

    row: int
    field: str
    value: str
    rule: str


def clashes(specs: Sequence[VenueSymbolSpec]) -> list[Clash]:
    """Return, in their sequence, the specifications that one before them forbids.

    >>> one, two = VenueSymbolSpec("NORTH", "XYZ.N", "XYZ"), VenueSymbolSpec("NORTH", "XYZ.O", "XYZ")
    >>> [(clash.row, clash.field, clash.rule) for clash in clashes([one, two])]
    [(1, 'instrument', 'one symbol a venue; NORTH has XYZ.N for it above')]
    """
    by_symbol: dict[tuple[str, str], str] = {}
    by_instrument: dict[tuple[str, str], str] = {}
    found = []
    for row, spec in enumerate(specs):
        if (spec.venue, spec.symbol) in by_symbol:
            other = by_symbol[spec.venue, spec.symbol]
            found.append(Clash(row, "symbol", spec.symbol, f"once a venue; {spec.venue} has it for {other} above"))
        elif (spec.venue, spec.instrument) in by_instrument:
            other = by_instrument[spec.venue, spec.instrument]
            found.append(Clash(row, "instrument", spec.instrument, f"one symbol a venue; {spec.venue} has {other} for it above"))
        by_symbol.setdefault((spec.venue, spec.symbol), spec.instrument)
        by_instrument.setdefault((spec.venue, spec.instrument), spec.symbol)
    return found
