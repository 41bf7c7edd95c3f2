"""The allocation statement: what every account is to get, frozen and hashed before anything is sent (ALC-1).

Entry points: `statement_of` (freeze a sizing), `AllocationStatement.from_bytes`, `.sha256`, `.preview_hash`; `statement_differences` compares two.

The bytes, so that anyone can recompute the hash:

    b"mamweb allocation statement 2\\n"
    header    canonical JSON (`base.core.ids.canonical`: UTF-8, sorted keys, no spaces), then b"\\n"
    accounts  account ids in UTF-8, sorted by their bytes, each followed by b"\\n"
    columns   the arrays named in header["columns"], in that order, as little-endian integers of the type stated there (i1, i4, i8),
              rows in the order of the accounts above; one number a row ("account") or one for each of the row's instruments ("cell"),
              in the order of header["instruments"] (sorted by id)

header: policy, price_scope, journey_id, frozen_at (absent from the preview), tie_names (the accounts' codes in the order of the rows, where a lot
may be tied for), excluded (account and finding of who was left out before sizing), scales, the legends of the codes, currencies with their exponents, and per instrument: id, block_id (the tie seed: ties go by
SHA-256(`block_id|account's code`)), price, stop_distance, multiplier, lot_step, fx (num/den by currency). What else sized the result – amounts,
balances, working orders, caps, minimums, every limit – stands in columns, or in header["same"] where it is the same for all accounts (one value an
instrument, or one alone), and shared rooms in header["rooms"] (`statement_inputs`). A value that is not known is −2⁶³ in columns and null in the
header. `sha256` is the SHA-256 of these bytes; `preview_hash` that of the same bytes without frozen_at, so that preview and release compare.

Invariants: 1. The order in which accounts, instruments and currencies were given changes no byte. 2. No float is hashed. 3. Immutable.
4. Nothing that could change a quantity is outside of the hash.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any

import numpy as np
import orjson

from allocation.enums import Reason, Rounding, Rule, SizingMethod
from base.core.ids import canonical

from .request import SizingRequest
from .scales import MICRO, MISSING, UNIT
from .sizing import SizingResult
from .statement_inputs import inputs_of

_MAGIC = b"mamweb allocation statement 2\n"
_PER_ACCOUNT = {"currency": "<i4", "equity": "<i8"}
_ACCOUNT, _CELL = "account", "cell"
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
        for name, _, _ in header["columns"]:
            yield self.columns[name].tobytes()

    @staticmethod
    def from_bytes(data: bytes) -> AllocationStatement:
        """Read back what `canonical_bytes` wrote. Raises ValueError for bytes that are no statement."""
        if not data.startswith(_MAGIC):
            raise ValueError("these bytes are no allocation statement (ALC-1)")
        end = data.index(b"\n", len(_MAGIC))
        header = orjson.loads(data[len(_MAGIC) : end])
        m = len(header["instruments"])
        kinds = [(name, np.dtype(f"<{kind}"), 1 if scope == _ACCOUNT else m, scope) for name, kind, scope in header["columns"]]
        accounts, start = _accounts(data, end + 1, sum(kind.itemsize * across for _, kind, across, _ in kinds))
        columns = {}
        for name, kind, across, scope in kinds:
            cells = len(accounts) * across
            values = np.frombuffer(data, dtype=kind, count=cells, offset=start)
            columns[name] = values if scope == _ACCOUNT else values.reshape(len(accounts), m)
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


def statement_of(
    request: SizingRequest,
    result: SizingResult,
    *,
    currencies: tuple[str, ...],
    policy: str,
    price_scope: str,
    journey_id: str,
    frozen_at: datetime | None = None,
    excluded: Sequence[tuple[str, str]] = (),
) -> AllocationStatement:
    """Freeze a sizing. `currencies`: the code of each row of the request's rates. frozen_at None: a preview.

    excluded: account and finding of everybody who was left out before sizing.

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
    inputs = inputs_of(request, rows, across)
    place = np.empty(len(money), dtype=np.int64)
    place[money] = np.arange(len(money))
    position = np.zeros(request.shape, dtype=np.int64) if request.position is None else request.position
    columns: dict[str, np.ndarray] = {"currency": place[request.currency][rows], "equity": request.equity[rows], **inputs.by_account}
    for name in _PER_CELL:
        columns[name] = (position if name == "position" else getattr(result, name))[np.ix_(rows, across)]
    columns |= inputs.by_cell
    kinds = dict.fromkeys(columns, "<i8") | _PER_ACCOUNT | _PER_CELL
    packed = {name: _packed(values, kinds[name]) for name, values in columns.items()}
    header = _header(request, currencies, across, money) | {"policy": policy, "price_scope": price_scope, "journey_id": journey_id}
    header |= {"same": inputs.same, "rooms": inputs.groups, "excluded": sorted(map(list, excluded))}
    header["columns"] = [[name, kinds[name].removeprefix("<"), _ACCOUNT if values.ndim == 1 else _CELL] for name, values in packed.items()]
    if request.tie_names is not None and _shares_a_block(request):
        header["tie_names"] = [request.tie_names[i] for i in rows]
    if frozen_at is not None:
        header["frozen_at"] = frozen_at
    return AllocationStatement(header, tuple(request.account_ids[i] for i in rows), packed)


def _shares_a_block(request: SizingRequest) -> bool:
    """Return whether accounts could tie for a lot."""
    return request.rounding_used is Rounding.LARGEST_REMAINDER or request.method is SizingMethod.EQUAL_ENDING


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
        "rules": [rule.value for rule in Rule],
        "reasons": [reason.value for reason in Reason],
        "currencies": [[currencies[c], int(request.currency_exponent[c])] for c in money],
        "instruments": [_instrument(request, currencies, money, j) for j in across],
    }


def _instrument(request: SizingRequest, currencies: tuple[str, ...], money: list[int], j: int) -> dict[str, Any]:
    return {
        "id": request.instrument_ids[j],
        "block_id": request.block_ids[j],
        "price": _known(int(request.price[j])),
        "stop_distance": None if request.stop_distance is None else _known(int(request.stop_distance[j])),
        "multiplier": int(request.multiplier[j]),
        "lot_step": int(request.lot_step[j]),
        "fx": {currencies[c]: [_known(int(request.fx_num[c, j])), _known(int(request.fx_den[c, j]))] for c in money},
    }
