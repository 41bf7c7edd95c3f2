"""The allocation statement: what every account is to get, frozen and hashed before anything is sent (ALC-1).

Entry points: `statement_of` (freeze a sizing), `AllocationStatement.from_bytes`, `.sha256`, `.preview_hash`, `differences` (for the 409 answer).

The bytes, so that anyone can recompute the hash:

    b"mamweb allocation statement 1\\n"
    header    canonical JSON (`base.core.ids.canonical`: UTF-8, sorted keys, no spaces), then b"\\n"
    accounts  account ids in UTF-8, sorted by their bytes, each followed by b"\\n"
    columns   the arrays named in header["columns"], in that order, as little-endian integers of the type stated there (i1, i4, i8),
              rows in the order of the accounts above, a row's instruments in the order of header["instruments"] (sorted by id)

header: policy, price_scope, journey_id, frozen_at (absent from the preview), scales, the legends of the codes, currencies with their
exponents, and per instrument: id, block_id (the tie seed: ties go by SHA-256(`block_id|account's code`)), price, stop_distance, multiplier,
lot_step, amount, fx (num/den by currency). A value that is not known is −2⁶³ in columns and null in the header.
`sha256` is the SHA-256 of these bytes; `preview_hash` that of the same bytes without frozen_at, so that preview and release compare.

Invariants: 1. The order in which accounts, instruments and currencies were given changes no byte. 2. No float is hashed. 3. Immutable.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any

import numpy as np
import orjson

from allocation.enums import Reason, Rule
from base.core.ids import canonical

from .request import SizingRequest
from .scales import MICRO, MISSING, UNIT, Ints
from .sizing import SizingResult

_MAGIC = b"mamweb allocation statement 1\n"
_PER_ACCOUNT = {"currency": "<i4", "equity": "<i8"}
_PER_CELL = {"position": "<i8", "raw": "<i8", "wish": "<i8", "lots": "<i8", "residue": "<i8", "binding": "<i1", "reason": "<i1"}


@dataclass(frozen=True, slots=True)
class AllocationStatement:
    """The frozen statement. header: plain values. accounts: sorted ids. columns: read-only arrays [n] or [n, m] by name."""

    header: Mapping[str, Any]
    accounts: tuple[str, ...]
    columns: Mapping[str, np.ndarray]

    def canonical_bytes(self) -> bytes:
        """Return the bytes described at the top of the module."""
        return b"".join(self._sections(dict(self.header)))

    @property
    def sha256(self) -> str:
        """Return the statement's hash, 64 hexadecimal characters."""
        return self._hash(dict(self.header))

    @property
    def preview_hash(self) -> str:
        """Return the hash of everything but the instant of freezing: what a preview shows and a release names."""
        return self._hash({key: value for key, value in self.header.items() if key != "frozen_at"})

    def _hash(self, header: dict[str, Any]) -> str:
        result = sha256()
        for section in self._sections(header):
            result.update(section)
        return result.hexdigest()

    def _sections(self, header: dict[str, Any]) -> Iterator[bytes]:
        yield _MAGIC
        yield canonical(header) + b"\n"
        yield "".join(f"{account}\n" for account in self.accounts).encode()
        for name, _ in header["columns"]:
            yield self.columns[name].tobytes()

    @staticmethod
    def from_bytes(data: bytes) -> AllocationStatement:
        """Read back what `canonical_bytes` wrote. Raises ValueError for bytes that are no statement."""
        if not data.startswith(_MAGIC):
            raise ValueError("these bytes are no allocation statement (ALC-1)")
        end = data.index(b"\n", len(_MAGIC))
        header = orjson.loads(data[len(_MAGIC) : end])
        kinds = [(name, np.dtype(f"<{kind}")) for name, kind in header["columns"]]
        m = len(header["instruments"])
        width = sum(kind.itemsize * (1 if name in _PER_ACCOUNT else m) for name, kind in kinds)
        accounts, start = _accounts(data, end + 1, width)
        columns = {}
        for name, kind in kinds:
            cells = len(accounts) * (1 if name in _PER_ACCOUNT else m)
            values = np.frombuffer(data, dtype=kind, count=cells, offset=start)
            columns[name] = values if name in _PER_ACCOUNT else values.reshape(len(accounts), m)
            start += cells * kind.itemsize
        return AllocationStatement(header, accounts, columns)


def _accounts(data: bytes, start: int, width: int) -> tuple[tuple[str, ...], int]:
    """Return the account ids and where the columns begin: ids and columns together fill the rest, `width` bytes of columns an account."""
    found: list[str] = []
    while len(data) - start != len(found) * width:
        end = data.find(b"\n", start)
        if end < 0 or len(data) - start < len(found) * width:
            raise ValueError("the statement is cut short (ALC-1)")
        found.append(data[start:end].decode())
        start = end + 1
    return tuple(found), start


@dataclass(frozen=True, slots=True)
class Difference:
    """One number that is not the same in two statements; account or instrument None where the whole statement is meant."""

    account_id: str | None
    instrument_id: str | None
    field: str
    before: Any
    after: Any


def statement_of(
    request: SizingRequest,
    result: SizingResult,
    *,
    currencies: tuple[str, ...],
    policy: str,
    price_scope: str,
    journey_id: str,
    frozen_at: datetime | None = None,
) -> AllocationStatement:
    """Freeze a sizing. `currencies`: the code of each row of the request's rates. frozen_at None: a preview.

    Raises ValueError for ids with line breaks or a naive instant. Source: ALC-1.
    """
    if any("\n" in name for name in (*request.account_ids, *request.instrument_ids)):
        raise ValueError("account_ids: a line break in an id has no canonical form (ALC-1)")
    if frozen_at is not None and frozen_at.tzinfo is None:
        raise ValueError(f"frozen_at: {frozen_at} has no time zone (CON-6)")
    keys = [account.encode() for account in request.account_ids]
    rows = sorted(range(len(keys)), key=keys.__getitem__)
    across = sorted(range(len(request.instrument_ids)), key=lambda j: request.instrument_ids[j].encode())
    money = sorted(range(len(currencies)), key=lambda c: currencies[c])
    header = _header(request, currencies, across, money) | {"policy": policy, "price_scope": price_scope, "journey_id": journey_id}
    if frozen_at is not None:
        header["frozen_at"] = frozen_at
    place = np.empty(len(money), dtype=np.int64)
    place[money] = np.arange(len(money))
    columns = {"currency": place[request.currency][rows], "equity": request.equity[rows]}
    position = np.zeros(request.shape, dtype=np.int64) if request.position is None else request.position
    for name in _PER_CELL:
        columns[name] = (position if name == "position" else getattr(result, name))[np.ix_(rows, across)]
    packed = {name: _packed(columns[name], kind) for name, kind in (_PER_ACCOUNT | _PER_CELL).items()}
    return AllocationStatement(header, tuple(request.account_ids[i] for i in rows), packed)


def _packed(values: np.ndarray, kind: str) -> np.ndarray:
    packed = np.ascontiguousarray(values, dtype=np.dtype(kind))
    packed.setflags(write=False)
    return packed


def _known(value: int) -> int | None:
    return None if value == MISSING else int(value)


def _header(request: SizingRequest, currencies: tuple[str, ...], across: list[int], money: list[int]) -> dict[str, Any]:
    """Return the plain values of the request that do not belong to an account."""
    return {
        "method": request.method.value,
        "rounding": request.rounding_used.value,
        "cap_basis": request.cap_basis_used.value,
        "scales": {"unit": UNIT, "micro_lot": MICRO},
        "columns": [[name, kind.removeprefix("<")] for name, kind in (_PER_ACCOUNT | _PER_CELL).items()],
        "rules": [rule.value for rule in Rule],
        "reasons": [reason.value for reason in Reason],
        "currencies": [[currencies[c], int(request.currency_exponent[c])] for c in money],
        "instruments": [_instrument(request, currencies, money, j) for j in across],
    }


def _instrument(request: SizingRequest, currencies: tuple[str, ...], money: list[int], j: int) -> dict[str, Any]:
    amounts = np.unique(np.broadcast_to(request.amount, request.shape)[:, j])
    return {
        "id": request.instrument_ids[j],
        "block_id": request.block_ids[j],
        "amount": _known(int(amounts[0])) if len(amounts) == 1 else "per account",
        "price": _known(int(request.price[j])),
        "stop_distance": None if request.stop_distance is None else _known(int(request.stop_distance[j])),
        "multiplier": int(request.multiplier[j]),
        "lot_step": int(request.lot_step[j]),
        "fx": {currencies[c]: [_known(int(request.fx_num[c, j])), _known(int(request.fx_den[c, j]))] for c in money},
    }


def differences(before: AllocationStatement, after: AllocationStatement, *, most: int = 100) -> tuple[list[Difference], int]:
    """Return what differs (at most `most` entries) and how many differences there are in all; the instant of freezing is not compared.

    Order: the statement's own values, accounts that left or joined, then account by account. Source: DESIGN 4.5 (the 409 answer), ALC-1.
    """
    found = [
        Difference(None, None, key, before.header.get(key), after.header.get(key))
        for key in sorted(set(before.header) | set(after.header))
        if key not in ("frozen_at", "instruments") and before.header.get(key) != after.header.get(key)
    ]
    old, new = ({item["id"]: item for item in s.header["instruments"]} for s in (before, after))
    found += [
        Difference(None, name, key, old.get(name, {}).get(key), new.get(name, {}).get(key))
        for name in sorted(set(old) | set(new))
        for key in sorted(set(old.get(name, {})) | set(new.get(name, {})))
        if old.get(name, {}).get(key) != new.get(name, {}).get(key)
    ]
    was, now = set(before.accounts), set(after.accounts)
    found += [Difference(account, None, "account", account, None) for account in sorted(was - now)]
    found += [Difference(account, None, "account", None, account) for account in sorted(now - was)]
    cells, count = _cell_differences(before, after, [name for name in old if name in new], max(most - len(found), 0))
    total = len(found) + count
    return (found + cells)[:most], total


def _cell_differences(
    before: AllocationStatement, after: AllocationStatement, instruments: list[str], most: int
) -> tuple[list[Difference], int]:
    """Compare the numbers of the accounts and instruments both statements have."""
    where = [{account: i for i, account in enumerate(s.accounts)} for s in (before, after)]
    common = [account for account in before.accounts if account in where[1]]
    rows = [np.array([place[account] for account in common], dtype=np.int64) for place in where]
    across = [np.array([_ids(s).index(name) for name in instruments], dtype=np.int64) for s in (before, after)]
    found: list[tuple[int, int, Difference]] = []
    total = 0
    for name in (*_PER_ACCOUNT, *_PER_CELL):
        values = [_aligned(s, name, r, a) for s, r, a in zip((before, after), rows, across, strict=True)]
        changed = np.argwhere(values[0] != values[1])
        total += len(changed)
        for cell in changed[:most].tolist():
            instrument = instruments[cell[1]] if len(cell) == 2 else None
            old, new = (_named(s, name, v[tuple(cell)]) for s, v in zip((before, after), values, strict=True))
            found.append((cell[0], cell[-1] if instrument else -1, Difference(common[cell[0]], instrument, name, old, new)))
    found.sort(key=lambda entry: entry[:2])
    return [entry[2] for entry in found[:most]], total


def _ids(statement: AllocationStatement) -> list[str]:
    return [item["id"] for item in statement.header["instruments"]]


def _aligned(statement: AllocationStatement, name: str, rows: Ints, across: Ints) -> np.ndarray:
    values = statement.columns[name]
    return values[np.ix_(rows, across)] if values.ndim == 2 else values[rows]


def _named(statement: AllocationStatement, name: str, value: Any) -> Any:
    """Return a number as it should be read: codes by their names."""
    legend = {"binding": "rules", "reason": "reasons"}.get(name)
    if legend is not None:
        return statement.header[legend][int(value)]
    if name == "currency":
        return statement.header["currencies"][int(value)][0]
    return _known(int(value))
