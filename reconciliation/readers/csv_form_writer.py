"""Write the documented custodian CSV form: what the paper venue exports, and the other half of the round trip.

Entry points: `write_custodian_csv`.
Invariants: 1. `read_custodian_csv(write_custodian_csv(s))` equals s; 2. equal snapshots give equal bytes (I8).
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ..core.directory import Directory
from ..core.fixed import DECIMALS, NO_PRICE, SCALE, from_day
from ..core.snapshot import Snapshot, section_of
from ..enums import ItemKind
from .csv_form_spec import HEADER, KINDS, SIDES, VERSION, section_total


def write_custodian_csv(snapshot: Snapshot, directory: Directory) -> bytes:
    """Return the file of a snapshot: header, FILE, the accounts covered, each delivered section with its END, and END of FILE.

    Rows keep the order of the tables; sections that were not delivered are left out, with their rows.

    Raises ValueError where a name or an id does not fit the form.
    """
    lines = [HEADER.decode(), f"FILE,{snapshot.custodian},{VERSION},,,,,,{snapshot.as_of},,"]
    lines += [f"ACCOUNT,{directory.accounts[code]},,,,,,,,," for code in np.flatnonzero(snapshot.covered)]
    for item in ItemKind:
        if item in snapshot.sections:
            lines += _section(snapshot, item, directory)
            lines.append(f"END,,{item},,,{len(section_of(snapshot, item))},,{plain(section_total(snapshot, item))},,,")
    lines.append(f"END,,FILE,,,{len(lines) - 1},,,,,")
    text = "\n".join(lines) + "\n"
    if text.count(",") != HEADER.count(b",") * len(lines) or text.count("\n") != len(lines):
        raise ValueError("a name or an id contains a comma or a line feed")
    return text.encode("ascii")


def plain(fixed: int) -> str:
    """Return units of 10⁻⁸ as a plain decimal.

    >>> plain(12501000000), plain(-50000000), plain(0), plain(1)
    ('125.01', '-0.5', '0', '0.00000001')
    """
    whole, fraction = divmod(abs(fixed), SCALE)
    sign = "-" if fixed < 0 else ""
    return f"{sign}{whole}.{fraction:0{DECIMALS}d}".rstrip("0").rstrip(".") if fraction else f"{sign}{whole}"


def _section(snapshot: Snapshot, item: ItemKind, directory: Directory) -> Iterator[str]:
    if item is ItemKind.POSITION:
        return _positions(snapshot, directory)
    if item is ItemKind.TRADE:
        return _trades(snapshot, directory)
    return _amounts(snapshot, item, directory)


def _positions(snapshot: Snapshot, directory: Directory) -> Iterator[str]:
    table = snapshot.positions
    columns = (table.account, table.instrument, table.currency, table.quantity, table.price)
    for account, instrument, currency, quantity, price in zip(*(column.tolist() for column in columns), strict=True):
        name, symbol, code = directory.accounts[account], directory.symbols[instrument], directory.currencies[currency]
        yield f"POSITION,{name},,{symbol},{code},{plain(quantity)},{_price(price)},,,,"


def _trades(snapshot: Snapshot, directory: Directory) -> Iterator[str]:
    table = snapshot.trades
    names = ("account", "instrument", "currency", "quantity", "price", "amount", "trade_day", "settle_day", "exec_id")
    rows = zip(*(getattr(table, name).tolist() for name in names), strict=True)
    for account, instrument, currency, quantity, price, amount, traded, settles, exec_id in rows:
        name, symbol, code = directory.accounts[account], directory.symbols[instrument], directory.currencies[currency]
        side = SIDES[quantity < 0]
        dates = f"{from_day(traded)},{from_day(settles)}"
        yield f"TRADE,{name},{side},{symbol},{code},{plain(abs(quantity))},{_price(price)},{plain(amount)},{dates},{exec_id.decode()}"


def _amounts(snapshot: Snapshot, item: ItemKind, directory: Directory) -> Iterator[str]:
    table = section_of(snapshot, item)
    columns = (table.account, table.kind, table.currency, table.day, table.amount)
    for account, kind, currency, day, amount in zip(*(column.tolist() for column in columns), strict=True):
        name, code = directory.accounts[account], directory.currencies[currency]
        label = KINDS[item][kind] if item in KINDS else ""
        booked = from_day(day) if item is ItemKind.FEE else ""
        yield f"{item},{name},{label},,{code},,,{plain(amount)},{booked},,"


def _price(price: int) -> str:
    return "" if price == NO_PRICE else plain(price)
