"""GOV-11: every charge of the ledger is shown once, as a commission or as a fee."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from base.core.ids import new_id
from reporting.core.bookings import Terms, prove_fees, transactions
from reporting.core.books import Booking, InstrumentRow
from reporting.core.statement_proofs import UnableToState

D, DAY = Decimal, date(2026, 10, 5)
XYZ = InstrumentRow(1, "XYZ", "XYZ Corporation", "USD", D(1), is_simulated=False)
TERMS = Terms("A", "USD", {1: XYZ}, {}, lambda currency, day: D("1.1") if currency == "EUR" else D(1), lambda *_: D(0))


def booking(entry_type: str, **facts: Any) -> Booking:
    nothing: dict[str, Any] = {
        "cash": {},
        "trading": {},
        "fees": {},
        "receivable": {},
        "withheld": {},
        "instrument_id": None,
        "quantity": D(0),
    }
    flags = {"fee_kind": "", "journey_id": "", "reverses": False, "reversed": False, "internal": False}
    return Booking(new_id(), None, None, entry_type, DAY, DAY, **{**flags, **nothing, **facts})


SALE = booking("TRADE", instrument_id=1, quantity=D(-40), cash={"USD": D(2198)}, trading={"USD": D(-2200)}, fees={"USD": D(2)})
CUSTODY = booking("FEE", fee_kind="OTHER_FEE", cash={"USD": D("-7.5")}, fees={"USD": D("7.5")})
EXCHANGE = booking("TRADE", cash={"EUR": D(100), "USD": D(-113)}, trading={"EUR": D(-100), "USD": D(110)}, fees={"USD": D(3)})


@pytest.mark.parametrize(
    ("booked", "charged"), [([SALE], D(2)), ([CUSTODY], D("7.5")), ([EXCHANGE], D(3)), ([SALE, CUSTODY, EXCHANGE], D("12.5"))]
)
def test_gov_11_charges_shown_are_charges_booked(booked, charged):
    rows = transactions(booked, TERMS)
    prove_fees(booked, rows)
    assert sum(row.commission - (row.amount if row.kind == "OTHER_FEE" else 0) for row in rows) == charged
    with pytest.raises(UnableToState, match="FEES_DIFFER") as refused:
        prove_fees(booked, [])
    assert refused.value.context["not_shown"] == {"USD": charged}


def test_gov_11_the_charge_of_a_currency_exchange_is_a_commission():
    rows = {row.currency: row.commission for row in transactions([EXCHANGE], TERMS)}
    assert rows == {"EUR": D(0), "USD": D(3)}


@pytest.mark.parametrize("fees", [{"USD": D(2), "EUR": D(1)}, {"EUR": D(2)}])
def test_gov_11_a_charge_that_no_row_shows_refuses_the_statement(fees):
    odd = replace(SALE, fees=fees)
    with pytest.raises(UnableToState, match="FEES_DIFFER"):
        prove_fees([odd], transactions([odd], TERMS))


def test_rec_7_the_correction_of_a_fee_is_a_fee():
    back = booking("ADJUSTMENT", fee_kind="OTHER_FEE", cash={"USD": D("1.25")})
    (row,) = transactions([back], TERMS)
    assert (row.kind, row.description, row.amount) == ("OTHER_FEE", "correction", D("1.25"))
    prove_fees([back], [row])
