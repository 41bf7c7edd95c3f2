"""Book a block's shares to thousands of accounts at once (ALC-3, I4).

Entry points: `post_allocation`, `UnableToBook`.
Invariants: 1. clearing ends at zero in what this block brought; 2. the key of an allocation is booked once.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Any
from uuid import UUID

import numpy as np
from django.db import transaction as database
from numpy.typing import NDArray

from accounts.enums import EntryType
from base.core.money import minor_exponent
from base.errors import Conflict

from ..core.posting_arrays import BlockCodes, allocation_arrays, exact_sum
from ..core.scaled import EXPONENT
from ..queries.columns import Ids, Ints, fetch_row, raw_ids
from .batches import Batch, Head, lock_accounts, new_heads_ids, write
from .bulk_lots import TradeRows, carry_out, plan_lots


class UnableToBook(Conflict):
    """Shares that do not add up to what clearing holds."""


@database.atomic
def post_allocation(
    *,
    source_key: str,
    journey_id: UUID | None,
    trade_date: date,
    settle_date: date,
    instrument_id: int,
    currency: str,
    clearing_account_id: UUID,
    clearing_money: int,
    sleeve_id: UUID,
    account_ids: NDArray[Any],
    quantity: NDArray[np.int64],
    money: NDArray[np.int64],
    fee: NDArray[np.int64],
    now: datetime,
) -> bool:
    """Book n shares of a block out of its clearing account; False when this key was booked before.

    account_ids: V16[n], each once. quantity: int64[n], signed (+ buy); money: quantity × exact average in whole minor units, signed like it
    (a buy's cost > 0); fee: ≥ 0 paid; all in 10⁻⁸. clearing_money: the executions' exact cost as it stands in clearing, 10⁻⁸; Σ money is
    that total rounded to the minor unit. sleeve_id: of the shares, and of the executions as they were booked into clearing.

    Raises UnableToBook if money does not add up to clearing's; NotFound for an unknown account; ValueError for amounts finer than the minor
    unit. Source: ALC-3, I4, I6.
    """
    _check_money(money, clearing_money, currency)
    lock_accounts(np.concatenate([account_ids, raw_ids([clearing_account_id])]))
    if fetch_row("SELECT EXISTS (SELECT 1 FROM accounts_ledgertransaction WHERE source_key = %(key)s)", {"key": source_key})[0]:
        return False
    (head_id,) = new_heads_ids(1)
    head = Head(head_id, EntryType.TRADE, trade_date, settle_date, trade_date, source_key, journey_id)
    figures = {"quantity": quantity, "money": money, "fee": fee}
    accounts = np.concatenate([account_ids, raw_ids([clearing_account_id])])
    batch = _batch(head, accounts, sleeve_id, instrument_id, currency, clearing_money, figures)
    held = np.flatnonzero(quantity)
    rows = TradeRows(
        account=account_ids[held],
        sleeve=np.repeat(raw_ids([sleeve_id]), len(held)),
        instrument=np.full(len(held), instrument_id, np.int64),
        head=np.zeros(len(held), np.int64),
        quantity=quantity[held],
        cost=money[held],
        fee=fee[held],
        currency=np.zeros(len(held), np.int64),
        legend=[currency],
    )
    plan = plan_lots(rows, [head])
    write(batch, now=now)
    carry_out(plan, [head])
    return True


def _check_money(money: Ints, clearing_money: int, currency: str) -> None:
    unit = 10 ** (EXPONENT - minor_exponent(currency))
    whole = (2 * abs(clearing_money) + unit) // (2 * unit) * unit
    expected = whole if clearing_money >= 0 else -whole
    if exact_sum(money) != expected:
        raise UnableToBook("I4", f"the shares' money sums to {exact_sum(money)}, clearing's to {expected} (10⁻⁸)", field="money")


def _batch(
    head: Head,
    accounts: Ids,
    sleeve_id: UUID,
    instrument_id: int,
    currency: str,
    clearing_money: int,
    figures: dict[str, Ints],
) -> Batch:
    """Return the booking as columns; the last account is the clearing one."""
    n = len(accounts) - 1
    block = BlockCodes(clearing=n, instrument=0, currency=1, clearing_sleeve=0)
    postings = allocation_arrays(
        block, account=np.arange(n), sleeve=0, settle_date=head.settle_date, clearing_money=clearing_money, **figures
    )
    return Batch(
        heads=[head],
        head=np.zeros(len(postings), np.int64),
        postings=postings,
        accounts=accounts,
        sleeves=raw_ids([sleeve_id]),
        legs=raw_ids([]),
        instruments=np.array([instrument_id, 0]),
        currencies=["", currency],
    )
