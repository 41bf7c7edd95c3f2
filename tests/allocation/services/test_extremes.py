"""CON-1, CON-5: odd signals through the database: a clear refusal with a rule, or a correct statement."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import numpy as np
import pytest

from accounts import services as accounts
from accounts.core.entries import Stamp, opening_cash
from accounts.core.ledger import Holder
from accounts.models import Sleeve
from allocation.enums import Reason, SizingMethod
from allocation.models import AllocationLine, StrategyAccount
from allocation.services.statements import _in_units
from allocation.services.stopping import UnableToSize
from base import tenancy
from execution.services.drafting import UnableToRelease
from market import services as market
from market.models import Instrument
from market.services import QuoteRow
from tests.desk import Desk
from tests.factories import as_loader, make_instrument, number

pytestmark = pytest.mark.django_db
D, M = Decimal, SizingMethod


def pay_in(desk: Desk, code: str, amount: str) -> None:
    day = (desk.now - timedelta(days=40)).date()
    with tenancy.firm(desk.firm_id):
        holder = Holder(desk.firm.accounts[code], Sleeve.objects.get(code="CORE").id)
        stamp = Stamp(day, day, f"cash|{number()}")
        accounts.post(transactions=[opening_cash(holder, stamp, amount=D(amount), currency_code="USD")], now=desk.now - timedelta(days=1))


def listed(desk: Desk, bid: str | None, ask: str | None, last: str | None = None, **rules: Any) -> Instrument:
    """Make an instrument with one quote, now."""
    made = make_instrument(**rules)
    prices = [None if price is None else D(price) for price in (bid, ask, last)]
    as_loader(lambda: market.record_quotes([QuoteRow(made.id, "SIMULATED", desk.now, *prices)]))
    return made


def outcome(preview: Any, code: str) -> tuple[int, str]:
    row = preview.sized.accounts.codes.index(code)
    return int(preview.sized.result.quantity[row, 0]), list(Reason)[preview.sized.result.reason[row, 0]].value


@pytest.mark.parametrize(("amount", "equity"), [("-80000", 0), ("-80500", -50_000)])
def test_con_5_an_account_without_equity_gets_nothing_and_the_others_theirs(desk: Desk, amount: str, equity: int):
    pay_in(desk, "A5", amount)
    for figure, method in (("0.03", M.TARGET_WEIGHT), ("594", M.EQUITY)):
        preview = desk.preview(desk.receive(figure, method))
        row = preview.sized.accounts.codes.index("A5")
        assert preview.sized.accounts.equity[row] == equity
        assert outcome(preview, "A5") == (0, "no_equity")
        assert outcome(preview, "A1")[0] > 0


def test_cst_7_an_account_without_equity_may_close(desk: Desk):
    pay_in(desk, "A5", "-80500")
    desk.hold({"A5": 10})
    for figure, method in (("1", M.CLOSE), ("0", M.TARGET_WEIGHT)):
        assert outcome(desk.preview(desk.receive(figure, method)), "A5") == (-10 * 10**8, "full")


def test_the_largest_account_the_books_hold_is_sized_exactly(desk: Desk):
    pay_in(desk, "A5", "90000000000")
    quantity, _ = outcome(desk.preview(desk.receive("0.03")), "A5")
    assert quantity == int(D("90000080000") * D("0.01") / D("47.3")) * 10**8


def test_a_target_that_is_held_releases_a_statement_without_orders(desk: Desk):
    desk.hold({"A3": 253})
    released = desk.release(desk.receive("0.0291", codes="A3"))
    assert released.parents == () and released.statement_id is not None
    with tenancy.firm(desk.firm_id):
        assert list(AllocationLine.objects.values_list("quantity", "reason")) in ([(0, "below_one_lot")], [(0, "no_change")])


@pytest.mark.parametrize(("bid", "ask"), [(None, None), ("1", None), (None, "1")])
def test_con_5_without_a_price_nothing_is_sized(desk: Desk, bid: str | None, ask: str | None):
    made = listed(desk, bid, ask)
    with pytest.raises(UnableToSize) as refused:
        desk.preview(desk.receive(symbol=made.symbol))
    assert refused.value.code == "CON-5"


@pytest.mark.parametrize("price", ["0", "-1", "NaN", "Infinity", "0.000000001"])
def test_con_1_a_price_that_is_none_never_gets_into_the_market(desk: Desk, price: str):
    made = make_instrument()
    with pytest.raises(ValueError, match="price"):
        market.record_quotes([QuoteRow(made.id, "SIMULATED", desk.now, D(price), D(price), D(price))])


def test_con_1_the_middle_of_two_ticks_of_a_tiny_price_is_rounded_once(desk: Desk):
    made = listed(desk, "0.00001233", "0.00001234", kind="EQUITY", lot_step=D(1), tick=D("0.00000001"))
    preview = desk.preview(desk.receive("0.0001", symbol=made.symbol))
    assert preview.sized.price == D("0.00001234")
    assert outcome(preview, "A1")[0] == int(D("25") / D("0.00001234")) * 10**8


def test_con_1_an_order_beyond_the_scale_is_a_refusal_with_its_rule(desk: Desk):
    made = listed(desk, "0.00000001", "0.00000001", "0.00000001", kind="EQUITY", lot_step=D("0.00000001"))
    with pytest.raises(UnableToSize) as refused:
        desk.preview(desk.receive("0.03", symbol=made.symbol))
    assert refused.value.code == "CON-1" and refused.value.context["field"] == "figure"


def test_con_1_lots_that_fit_alone_but_not_in_one_order_are_refused(desk: Desk):
    made = listed(desk, "0.00000014", "0.00000014", "0.00000014", kind="EQUITY", lot_step=D(1000), tick=D("0.00000001"))
    signal = desk.receive("0.03", symbol=made.symbol, codes="A1 A3")
    preview = desk.preview(signal)
    assert all(outcome(preview, code)[0] > 2**62 for code in ("A1", "A3"))
    with pytest.raises(UnableToRelease) as refused:
        desk.release(signal, preview)
    assert refused.value.code == "CON-1"


def test_siz_3_a_risk_without_a_stop_is_a_refusal(desk: Desk):
    with pytest.raises(UnableToSize) as refused:
        desk.preview(desk.receive("0.01", M.RISK))
    assert (refused.value.code, refused.value.context["field"]) == ("SIZ-3", "stop_price")


def test_siz_5_a_coin_with_a_fractional_step(desk: Desk):
    made = listed(desk, "64123.44", "64123.46", "64123.45", kind="CRYPTO_SPOT", lot_step=D("0.0001"), min_quantity=D("0.0001"))
    preview = desk.preview(desk.receive("0.01", symbol=made.symbol))
    assert outcome(preview, "A1") == (3_890_000, "full")  # 250,000 × 1% / 64,123.45 = 0.03898…
    assert int(D(2500) / D("64123.45") * 10_000) == 389


def test_the_raw_wish_of_a_large_order_is_recorded_exactly():
    """100,000 shares are 10¹¹ millionths of a lot, times 10⁸: more than 64 bits on the way."""
    micro = np.array([100_000 * 10**6, -123_456_789_500_000, 2**62, -(2**62), 1])
    assert _in_units(micro, 10**8)[:2].tolist() == [100_000 * 10**8, -12_345_678_950_000_000]
    assert _in_units(micro, 10**8)[2:].tolist() == [
        2**62 // 10**8 * 10**8 + 2**62 % 10**6 * 100,
        -(2**62 // 10**8) * 10**8 + -(2**62) % 10**6 * 100,
        100,
    ]


def test_a_large_wish_is_kept_in_its_line(desk: Desk):
    desk.release(desk.receive("200000", M.FIXED, codes="A1"))
    with tenancy.firm(desk.firm_id):
        assert [str(raw) for raw in AllocationLine.objects.values_list("raw", flat=True)] == ["200000.00000000"]


def test_con_1_a_figure_that_an_accounts_multiplier_takes_beyond_64_bits_is_refused(desk: Desk):

    with tenancy.firm(desk.firm_id):
        StrategyAccount.objects.filter(account_id=desk.firm.accounts["A1"]).update(multiplier=D(100))
    for figure in ("9000000000", "-9000000000"):
        with pytest.raises(UnableToSize) as refused:
            desk.preview(desk.receive(figure, M.FIXED, codes="A1"))
        assert (refused.value.code, refused.value.context["field"], refused.value.context["value"]) == ("CON-1", "figure", D(figure))
