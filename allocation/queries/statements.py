"""What a frozen statement says, as arrays, and what the signal behind it states."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from uuid import UUID

import numpy as np
from django.db import connection
from numpy.typing import NDArray

from ..core.scales import Ints
from ..models import AllocationStatement, Signal, Strategy


@dataclass(frozen=True, slots=True)
class StatementLines:
    """Lines that order something, by account id. ids: V16[n]. quantity: int64[n], UNIT = 1, signed (+ buy)."""

    ids: NDArray[Any]
    quantity: Ints


@dataclass(frozen=True, slots=True)
class StatedSignal:
    """What a signal states. figure: a rate for the methods that take one; None where each account has its own."""

    method: str
    figure: Decimal | None
    symbol: str
    strategy: str


def stated_signals(*, ids: Collection[UUID]) -> dict[UUID, StatedSignal]:
    """Return what these signals state; the caller has judged who may see them."""
    rows = Signal.objects.filter(pk__in=ids).values_list("pk", "method", "figure", "instrument__symbol", "strategy__name")
    return {pk: StatedSignal(str(method), figure, symbol, name) for pk, method, figure, symbol, name in rows}


def statement_lines(*, statement_id: UUID) -> StatementLines:
    """Return the statement's lines with a quantity, in the order of their account ids."""
    sql = """SELECT string_agg(uuid_send(account_id), ''::bytea ORDER BY account_id),
                    string_agg(int8send((quantity * 100000000)::bigint), ''::bytea ORDER BY account_id)
             FROM allocation_allocationline WHERE statement_id = %s AND quantity <> 0"""
    with connection.cursor() as cursor:
        cursor.execute(sql, [statement_id])
        ids, quantity = cursor.fetchone()
    if ids is None:
        return StatementLines(np.empty(0, dtype="V16"), np.empty(0, dtype=np.int64))
    return StatementLines(np.frombuffer(bytes(ids), dtype="V16"), np.frombuffer(bytes(quantity), dtype=">i8").astype(np.int64))


def released_statement(*, signal_id: UUID) -> UUID | None:
    """Return the newest statement of a signal, None if it was never released."""
    return AllocationStatement.objects.filter(signal_id=signal_id).order_by("-revision").values_list("id", flat=True).first()


def left_out(*, statement_id: UUID) -> tuple[str, ...]:
    """Return "account code: finding" of everybody who was left out of a statement, in the statement's order."""
    rows = AllocationStatement.objects.values_list("excluded", flat=True).get(pk=statement_id)
    return tuple(f"{row['code']}: {row['finding']}" for row in rows)


def signal_of(*, statement_id: UUID) -> UUID:
    """Return the signal that a statement was frozen for."""
    return AllocationStatement.objects.values_list("signal_id", flat=True).get(pk=statement_id)


def sleeve_of(*, strategy_id: UUID) -> UUID:
    """Return the sleeve a strategy trades in."""
    return Strategy.objects.values_list("sleeve_id", flat=True).get(pk=strategy_id)
