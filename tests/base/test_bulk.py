"""Rows written in bulk are the rows the ORM reads back, exactly, with every policy and trigger in force."""

from __future__ import annotations

import uuid
from datetime import UTC, date, datetime
from decimal import Decimal

import numpy as np
import pytest
from django.db import DatabaseError, IntegrityError, transaction
from hypothesis import given
from hypothesis import strategies as st

from accounts.models import EquitySnapshot, LedgerTransaction, Position
from base import bulk, tenancy
from base.core.ids import new_ids
from tests.factories import make_account, make_firm, make_instrument, make_sleeve

SIZES = [1, bulk.FEW, bulk.FEW + 1, 500]


@given(st.integers(1, 3000))
def test_con_6_ids_made_in_bulk_ascend_and_are_version_7(n):
    ids = [uuid.UUID(bytes=bytes(raw)) for raw in new_ids(n)]
    assert ids == sorted(set(ids)) and len(ids) == n
    assert {(i.version, i.variant) for i in ids} == {(7, uuid.RFC_4122)}


@pytest.mark.django_db
@pytest.mark.parametrize("n", SIZES)
def test_every_kind_of_column_comes_back_exactly(n):
    firm = make_firm()
    rng = np.random.default_rng(n)
    amounts = rng.integers(-(10**18), 10**18, n)
    amounts[0] = -1
    with tenancy.firm(firm.id):
        account = make_account()
        days = np.arange(n) + 20_000
        columns = {"as_of": bulk.Dates(days), "equity": bulk.Decimals(amounts), "cash": Decimal("1.5"), "market_value": 0}
        assert bulk.insert(EquitySnapshot, n, {"account_id": account.id, **columns}) == n
        rows = list(EquitySnapshot.objects.order_by("as_of"))
        assert [row.equity for row in rows] == [Decimal(int(a)).scaleb(-8) for a in amounts]
        assert rows[0].as_of == date.fromordinal(date(1970, 1, 1).toordinal() + 20_000)
        assert {(row.cash, row.market_value, row.firm_id) for row in rows} == {(Decimal("1.5"), Decimal(0), firm.id)}
        moment = datetime(2026, 1, 5, 14, 30, 0, 123456, tzinfo=UTC)
        texts = np.array([f"key-{i}".encode() for i in range(n)])
        heads = {
            "trade_date": bulk.Dates(days),
            "settle_date": date(2026, 1, 6),
            "acquired_on": date(2026, 1, 5),
            "source_key": bulk.Texts(texts),
        }
        micros = np.full(n, int(moment.timestamp()) * 1_000_000 + 123456)
        words = bulk.Codes(np.arange(n) % 2, ["TRADE", "FEE"])
        bulk.insert(LedgerTransaction, n, {**heads, "entry_type": words, "recorded_at": bulk.Instants(micros)})
        heads = list(LedgerTransaction.objects.order_by("trade_date"))
        assert [h.source_key for h in heads] == [f"key-{i}" for i in range(n)]
        assert [h.entry_type for h in heads] == [["TRADE", "FEE"][i % 2] for i in range(n)]
        assert {h.recorded_at for h in heads} == {moment}


@pytest.mark.django_db
@pytest.mark.parametrize("n", SIZES)
def test_i9_bulk_rows_meet_the_same_guards(n):
    one, two = make_firm(), make_firm()
    instrument = make_instrument()
    with tenancy.firm(two.id):
        foreign = make_account()
    with tenancy.firm(one.id):
        sleeve = make_sleeve()
        legs = bulk.Uuids(new_ids(n))
        row = {"sleeve_id": sleeve.id, "instrument_id": instrument.id, "leg_id": legs, "quantity": 1, "last_traded_on": date(2026, 1, 5)}
        with pytest.raises(IntegrityError, match="no row of this firm"), transaction.atomic():
            bulk.insert(Position, n, {**row, "account_id": foreign.id})
    with pytest.raises(DatabaseError), transaction.atomic():
        bulk.insert(Position, n, {**row, "account_id": foreign.id})


def test_a_column_of_another_length_is_refused():
    with pytest.raises(ValueError, match="quantity has 2 values for 3 rows"):
        bulk.insert(Position, 3, {"quantity": bulk.Decimals(np.array([1, 2]))})
