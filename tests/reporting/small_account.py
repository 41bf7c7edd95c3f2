"""One account's autumn by hand: dollars, yen and euros, an opening, trades, a dividend, a fee, flows (GOV-11).

1 September: 100,000 USD and 100 XYZ (cost 4,000) come in; 4,000 USD become 600,000 JPY; 500 JP are bought at 1,000 JPY.
5 October: 40 XYZ sold at 55 (fee 2), 200 JP at 1,200 JPY (fee 100 JPY). 6 October: 10 DE bought at 100 EUR (fee 5 EUR).
8 to 15 October: dividend of 30.00, 4.50 withheld. 12th: management fee 50. 16th: 500 paid in. 20th: 200 paid out.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from accounts.core import entries
from accounts.models import Account
from governance.models import Party
from tests.factories import make_account, make_connection, make_custodian, make_instrument, make_sleeve, number
from tests.reporting.ledger import fixing, holder, next_day, quote, stamp, write

START, END = date(2026, 10, 1), date(2026, 10, 31)
SEPTEMBER = date(2026, 9, 1)
D = Decimal


@dataclass
class Small:
    account: Account
    sleeve: Any
    xyz: Any
    jp: Any
    de: Any
    ledger: list[Any]


def market() -> tuple[Any, Any, Any]:
    """Make the three instruments, their prices and the fixings."""
    fixing(date(2026, 9, 1), {"USD": "1.00", "JPY": "150"})
    fixing(date(2026, 9, 30), {"USD": "1.10", "JPY": "165"})
    fixing(date(2026, 10, 5), {"USD": "1.15", "JPY": "161"})
    fixing(date(2026, 10, 30), {"USD": "1.20", "JPY": "168"})
    xyz = make_instrument(name="XYZ Corporation")
    jp = make_instrument(name="Nihon Corporation", currency="JPY")
    de = make_instrument(name="Deutsche AG", currency="EUR")
    for instrument, before, after in ((xyz, "50", "52"), (jp, "1100", "1150"), (de, "100", "110")):
        quote(instrument.id, date(2026, 9, 30), before)
        quote(instrument.id, date(2026, 10, 30), after)
    return xyz, jp, de


def small_account(instruments: tuple[Any, Any, Any], *, paper: bool = False, **facts: Any) -> Small:
    """Book the autumn; the caller writes it with `save`."""
    xyz, jp, de = instruments
    custodian = make_custodian(name="First Custody", contact="Client services +1 555 0100\nfirst.example/help")
    owner = Party.objects.create(code=f"P{number()}", name="Ada Owner", statement_address="1 Long Street\nSpringfield")
    account = make_account(
        connection=make_connection(custodian=custodian, is_paper=paper),
        owner=owner,
        opened_on=SEPTEMBER,
        custodian_account="U1234417",
        **facts,
    )
    sleeve = make_sleeve()
    me = holder(account, sleeve)
    fee = entries.fee(me, stamp(date(2026, 10, 12), kind="management-fee"), amount=D(50), currency_code="USD")
    accrual = entries.dividend_accrual(
        me, stamp(date(2026, 10, 8), date(2026, 10, 15)), prior_close_quantity=D(60), rate=D("0.5"), currency_code="USD"
    )
    ledger = [
        entries.opening_cash(me, stamp(SEPTEMBER), amount=D(100000), currency_code="USD"),
        entries.opening_position(
            me, stamp(SEPTEMBER), instrument_id=xyz.id, quantity=D(100), basis=D(4000), acquired_date=date(2024, 3, 18), currency_code="USD"
        ),
        entries.fx_conversion(me, stamp(SEPTEMBER), bought=D(600000), bought_currency="JPY", sold=D(4000), sold_currency="USD"),
        _trade(me, jp, "JPY", SEPTEMBER, 500, "1000", "0"),
        _trade(me, xyz, "USD", date(2026, 10, 5), -40, "55", "2"),
        _trade(me, jp, "JPY", date(2026, 10, 5), -200, "1200", "100"),
        _trade(me, de, "EUR", date(2026, 10, 6), 10, "100", "5"),
        accrual,
        fee,
        entries.dividend_payment(accrual, stamp(date(2026, 10, 15)), gross=D(30), withheld=D("4.50")),
        entries.flow(me, stamp(date(2026, 10, 16)), amount=D(500), currency_code="USD"),
        entries.flow(me, stamp(date(2026, 10, 20)), amount=D(-200), currency_code="USD"),
    ]
    return Small(account, sleeve, xyz, jp, de, ledger)


def _trade(me: Any, instrument: Any, currency: str, day: date, quantity: int, price: str, fee: str) -> Any:
    return entries.trade(
        me,
        stamp(day, next_day(day)),
        instrument_id=instrument.id,
        quantity=D(quantity),
        price=D(price),
        currency_code=currency,
        fee=D(fee),
    )


def save(small: Small) -> Small:
    write(small.ledger)
    return small
