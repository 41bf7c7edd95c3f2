"""What the dashboard shows, worked out from books, prices and evenings (ACC-3, ACC-7, RSK-8, RSK-9)."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal as D
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from accounts.core.entries import Stamp, fee, flow, opening_position
from accounts.core.ledger import Holder
from accounts.enums import BlockMode, LeverageRegime
from accounts.models import Account, EquitySnapshot, Position
from accounts.services import block_trading, post, snapshot_equity
from allocation.models import Strategy
from base import tenancy
from execution.enums import Level, LevelWish
from execution.models import ProtectiveLevel
from governance.core.subjects import Actor, Viewer
from governance.enums import MandateRuleKind, Role
from governance.models import FirmSettings
from governance.services import MandateRuleSpec, record_mandate
from market.models import FxRate, Quote
from reporting.core.account_filter import AccountFilter
from reporting.models import AccountFigures, FigureTotals
from reporting.queries.figure_page import page_of_rows
from reporting.queries.figures import Sight, growth_of
from reporting.services import note_visit, refresh_figures, refresh_where_watched
from reporting.services.figure_totals import drawdown_of
from reporting.views.accounts_table import flags_of
from risk.core.drawdown import current_drawdown, daily_loss
from tests.factories import as_loader, make_account, make_connection, make_firm, make_instrument, make_sleeve, make_user, number

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 3, 4, 15, 0, tzinfo=UTC)
DAY = NOW.date()


@pytest.fixture
def firm() -> Any:
    made = make_firm()
    with tenancy.firm(made.id):
        yield made


def quoted(price: str, **fields: Any) -> Any:
    instrument = make_instrument(**fields)
    at = NOW - timedelta(seconds=1)
    as_loader(
        lambda: Quote.objects.using("loader").create(
            instrument_id=instrument.id, source="T", as_of=at, bid=D(price), ask=D(price), last=D(price)
        )
    )
    return instrument


def fund(account: Account, amount: str, on: date = DAY - timedelta(days=20), currency: str = "") -> None:
    stamp = Stamp(on, on, f"fund|{number()}")
    post(transactions=[flow(Holder(account.id, None), stamp, amount=D(amount), currency_code=currency or account.base_currency)], now=NOW)


def hold(account: Account, instrument: Any, quantity: str, basis: str) -> None:
    on = DAY - timedelta(days=15)
    post(
        transactions=[
            opening_position(
                Holder(account.id, make_sleeve().id),
                Stamp(on, on, f"held|{number()}"),
                instrument_id=instrument.id,
                quantity=D(quantity),
                basis=D(basis),
                currency_code=instrument.currency,
                acquired_date=on,
            )
        ],
        now=NOW,
    )


def evening(account: Account, days_ago: int, equity: str, flow: str = "0") -> None:
    EquitySnapshot.objects.create(
        account=account, as_of=DAY - timedelta(days=days_ago), cash=D(equity), market_value=0, equity=D(equity), external_flow=D(flow)
    )


def figures(account: Account) -> AccountFigures:
    refresh_figures(now=NOW)
    return AccountFigures.objects.get(account=account)


def firm_total() -> FigureTotals:
    return FigureTotals.objects.get(kind="FIRM")


def test_acc_7_the_worked_account_uses_a_third_of_its_equity_as_margin(firm: Any) -> None:
    account = make_account(leverage_regime=LeverageRegime.REG_T)
    instrument = quoted("80")
    fund(account, "-20000")
    hold(account, instrument, "1000", "60000")
    row = figures(account)
    assert (row.equity, row.gross, row.margin_used) == (60_000, 80_000, 20_000)
    assert row.margin_rate == D("0.3333333300") and row.open_pnl == 20_000 and row.positions == 1


def test_rsk_8_margin_without_equity_is_the_loudest_of_margin_flags(firm: Any) -> None:
    account = make_account(leverage_regime=LeverageRegime.REG_T)
    fund(account, "-80000.01")
    hold(account, quoted("80"), "1000", "60000")
    row = figures(account)
    assert (row.equity, row.margin_used, row.margin_rate) == (D("-0.01"), 20_000, None)
    assert row.attention & 2
    shown, _ = page_of_rows(Sight(Viewer(0, True, DAY), AccountFilter(flag="margin")))
    assert [one.account_id for one in shown] == [account.id]
    assert ("crit", "Margin") in [(tone, word) for tone, word, _ in flags_of(shown[0])]


def test_house_rates_and_leverage_come_from_the_connection(firm: Any) -> None:
    rates = {
        "since": "2026-01-01",
        "long_initial": "0.6",
        "long_maintenance": "0.4",
        "short_initial": "1",
        "short_maintenance": "0.5",
        "short_per_share": "5",
    }
    account = make_account(leverage_regime=LeverageRegime.REG_T, connection=make_connection(settings={"margin_rates": [rates]}))
    fund(account, "1000")
    hold(account, quoted("10"), "100", "1000")
    assert figures(account).margin_used == 400


@pytest.mark.parametrize(
    "regime", [LeverageRegime.CASH, LeverageRegime.LIMITED_MARGIN, LeverageRegime.PORTFOLIO_MARGIN, LeverageRegime.LEVERAGED]
)
def test_an_account_without_margin_says_why(firm: Any, regime: LeverageRegime) -> None:
    account = make_account(leverage_regime=regime)
    fund(account, "1000")
    row = figures(account)
    assert row.margin_used is None and row.margin_reason


def test_rsk_9_worked_drawdown_and_a_deposit_is_no_gain(firm: Any) -> None:
    account = make_account()
    fund(account, "108000")
    fund(account, "-8500")
    evening(account, 3, "100000", "100000")
    evening(account, 2, "108000")
    evening(account, 1, "108000")
    row = figures(account)
    assert row.equity == 99_500 and row.drawdown == D("0.0787037000")
    assert abs(float(current_drawdown([D(100_000), D(108_000), D(99_500)])) - float(row.drawdown or 0)) < 1e-8
    assert row.day_pnl == -8500 and row.day_loss == daily_loss(balance_at_reset=D(108_000), equity_at_reset=D(108_000), equity=D(99_500))
    fund(account, "50000", on=DAY)
    again = figures(account)
    assert again.equity == 149_500 and again.day_pnl == -8500, "a deposit is no gain"
    assert again.day_rate == D("-0.0537974700") and again.drawdown == D("0.05379747"), "what came in has its part in the fall (PRF-1)"
    assert firm_total().drawdown == D("0.05379747")


def test_prf_1_a_deposit_larger_than_the_account_is_no_total_loss(firm: Any) -> None:
    """A thousand to try the wire, then a million, of which the day takes 1%: no account, group or choice is down by more."""
    account = make_account()
    fund(account, "1000", on=DAY - timedelta(days=2))
    evening(account, 1, "1000", "1000")
    fund(account, "1000000", on=DAY)
    post(transactions=[fee(Holder(account.id, None), Stamp(DAY, DAY, f"fee|{number()}"), amount=D(10_010), currency_code="USD")], now=NOW)
    row, total = figures(account), firm_total()
    assert (row.equity, row.day_rate, row.drawdown, total.drawdown) == (990_990, D("-0.01"), D("0.01"), D("0.01"))
    grown, before = growth_of(Sight(Viewer(0, True, DAY), AccountFilter(currency="USD")))
    assert drawdown_of(unit=total.unit, peak=total.peak, grown=grown, before=before) == D("0.01")
    evening(account, 0, "990990", "1000000")
    refresh_figures(now=NOW + timedelta(hours=8))
    assert AccountFigures.objects.get().drawdown == firm_total().drawdown == D("0.01"), "nor is the evening's"


def test_rsk_9_the_firm_falls_as_its_summed_curve_does(firm: Any) -> None:
    one, two = make_account(), make_account()
    for account, days in ((one, ("100", "120")), (two, ("100", "80"))):
        fund(account, {one: "90", two: "110"}[account])
        evening(account, 2, days[0], days[0])
        evening(account, 1, days[1])
    refresh_figures(now=NOW)
    rows = {row.account_id: row.drawdown for row in AccountFigures.objects.all()}
    assert rows[one.id] == D("0.25") and rows[two.id] == 0 and firm_total().drawdown == 0
    assert firm_total().curve["equity"] == [200.0, 200.0] and firm_total().points[-2:] == [20_000, 20_000]


def test_the_database_and_the_rule_agree_on_a_groups_drawdown(firm: Any) -> None:
    account = make_account()
    fund(account, "99500")
    evening(account, 2, "108000", "108000")
    evening(account, 1, "100000")
    refresh_figures(now=NOW)
    firm_row = firm_total()
    assert firm_row.drawdown == drawdown_of(unit=firm_row.unit, peak=firm_row.peak, grown=firm_row.grown, before=firm_row.before)
    assert round(firm_row.drawdown or D(0), 4) == D("0.0787")


def test_con_5_without_a_price_there_is_no_figure_but_a_reason_and_totals_leave_it_out(firm: Any) -> None:
    priced, unpriced = make_account(), make_account()
    fund(priced, "100")
    fund(unpriced, "100")
    instrument = make_instrument()
    hold(unpriced, instrument, "5", "50")
    row = figures(unpriced)
    assert (row.equity, row.day_pnl, row.drawdown, row.open_pnl, row.gross) == (None,) * 5
    assert row.reason == f"No price of {instrument.symbol}"
    total = firm_total()
    assert (total.accounts, total.missing, total.equity_to) == (2, 1, 100)


def test_con_5_what_no_column_holds_is_no_figure_rather_than_another(firm: Any) -> None:
    """20 million shares at 5,000 yen: a hundred billion, more than 64 bits hold at eight decimals."""
    large, small = make_account(base_currency="JPY"), make_account(base_currency="JPY")
    as_loader(lambda: FxRate.objects.using("loader").create(base="JPY", quote="USD", rate=D("0.01"), as_of=NOW, source="FILE"))
    share = quoted("5000", currency="JPY")
    hold(large, share, "20000000", "50000000000")
    hold(small, share, "10", "40000")
    row = figures(large)
    assert (row.equity, row.equity_to, row.gross) == (None, None, 1_000_000_000) and "larger" in row.reason
    assert AccountFigures.objects.get(account=small).equity == 50_000
    assert snapshot_equity(as_of=DAY, now=NOW).unknown == (large.id,)
    assert [one.equity for one in EquitySnapshot.objects.all()] == [50_000]


def test_a_billion_dollars_is_a_hundred_billion_yen(firm: Any) -> None:
    FirmSettings.objects.update(reporting_currency="JPY")
    as_loader(lambda: FxRate.objects.using("loader").create(base="USD", quote="JPY", rate=D(150), as_of=NOW, source="FILE"))
    account = make_account()
    fund(account, "1000000000")
    row = figures(account)
    assert (row.equity, row.equity_to, firm_total().equity_to) == (1_000_000_000, 150_000_000_000, 150_000_000_000)


def test_acc_11_equity_is_converted_at_a_rate_that_is_kept_and_missing_without_one(firm: Any) -> None:
    euro, strange = make_account(base_currency="EUR"), make_account(base_currency="XTS")
    at = NOW - timedelta(hours=1)
    as_loader(lambda: FxRate.objects.using("loader").create(base="EUR", quote="USD", rate=D("1.0850"), as_of=at, source="FILE"))
    fund(euro, "1000")
    fund(strange, "1000")
    row = figures(euro)
    assert (row.equity, row.equity_to, row.rate, row.rate_as_of) == (1000, D("1085.00"), D("1.0850"), at)
    lost = AccountFigures.objects.get(account=strange)
    assert lost.equity == 1000 and lost.equity_to is None and lost.rate is None and lost.rate_label


def test_totals_are_the_sums_of_the_rows_in_every_grouping(firm: Any) -> None:
    for currency, amount in (("USD", "1000.01"), ("USD", "20.5"), ("EUR", "3.33")):
        fund(make_account(base_currency=currency), amount)
    refresh_figures(now=NOW)
    rows = list(AccountFigures.objects.all())
    for kind in ("FIRM", "currency", "custodian", "account_class", "strategy", "investor", "account_group"):
        totals = FigureTotals.objects.filter(kind=kind)
        assert sum(t.accounts for t in totals) == 3
        for name in ("equity_to", "day_pnl", "open_pnl"):
            assert sum(getattr(t, name) for t in totals) == sum(getattr(r, name) for r in rows if getattr(r, name) is not None), (
                kind,
                name,
            )


def test_one_accounts_refresh_changes_its_row_and_the_totals(firm: Any) -> None:
    one, two = make_account(), make_account()
    for account in (one, two):
        fund(account, "100")
    refresh_figures(now=NOW)
    fund(one, "50")
    fund(two, "50")
    refresh_figures(now=NOW + timedelta(seconds=1), account_ids=[one.id])
    assert [AccountFigures.objects.get(account=a).equity for a in (one, two)] == [150, 100] and firm_total().equity_to == 250


def test_a_closed_account_leaves_and_a_blocked_one_is_flagged(firm: Any) -> None:
    gone, held = make_account(), make_account()
    for account in (gone, held):
        fund(account, "100")
    refresh_figures(now=NOW)
    Account.objects.filter(pk=gone.pk).update(closed_on=DAY)
    block_trading(account_id=held.id, instrument_id=None, mode=BlockMode.CLOSE_ONLY, rule="REC-6", reason="a break", now=NOW)
    refresh_figures(now=NOW)
    row = AccountFigures.objects.get()
    assert row.account_id == held.id and row.block == "CLOSE_ONLY" and "a break" in row.block_reason and row.attention >= 8
    assert (firm_total().accounts, firm_total().closed) == (1, 1)


def test_figures_are_refreshed_where_somebody_looks_or_an_evening_has_come(firm: Any) -> None:
    account = make_account()
    fund(account, "100")
    assert refresh_where_watched(now=NOW) is True
    assert refresh_where_watched(now=NOW) is False
    note_visit(now=NOW)
    assert refresh_where_watched(now=NOW + timedelta(seconds=5)) is True
    assert refresh_where_watched(now=NOW + timedelta(minutes=6)) is False
    evening(account, 1, "100")
    assert refresh_where_watched(now=NOW + timedelta(minutes=6)) is True


def test_rsk_9_the_day_begins_at_17_in_new_york(firm: Any) -> None:
    account = make_account()
    fund(account, "130")
    evening(account, 1, "100", "100")
    evening(account, 0, "120")
    before = datetime(2026, 3, 4, 16, 59, tzinfo=ZoneInfo("America/New_York")).astimezone(UTC)
    refresh_figures(now=before)
    assert AccountFigures.objects.get().day_pnl == 30
    refresh_figures(now=before + timedelta(minutes=1))
    assert AccountFigures.objects.get().day_pnl == 10


def test_no_accounts_no_figures(firm: Any) -> None:
    assert refresh_figures(now=NOW).accounts == 0 and firm_total().accounts == 0


# -- RSK-8b -------------------------------------------------------------------------------------------------------------------------


def stop(account: Account, instrument: Any, price: str, *, is_long: bool = True) -> None:
    """Set an active stop for the account's position in the instrument."""
    sleeve_id = Position.objects.get(account=account, instrument=instrument).sleeve_id
    strategy = Strategy.objects.create(code=f"S{number()}", name="S", sleeve_id=sleeve_id)
    ProtectiveLevel.objects.create(
        account=account,
        sleeve_id=sleeve_id,
        strategy=strategy,
        instrument=instrument,
        level=Level.STOP,
        is_long=is_long,
        price=D(price),
        wish=LevelWish.PRICE,
        figure=D(price),
        set_at=NOW,
    )


def mandate(move: str) -> Any:
    spec = MandateRuleSpec(kind=MandateRuleKind.STRESS_MOVE, clause="5.1", rate=D(move))
    officer = Actor(str(make_user(Role.COMPLIANCE).id), Role.COMPLIANCE)
    return record_mandate(code=f"M{number()}", name="M", rules=[spec], valid_from=NOW - timedelta(days=9), actor=officer, now=NOW)


def test_rsk_8b_open_risk_is_the_loss_to_the_stop_else_in_the_mandates_stress_move(firm: Any) -> None:
    account = make_account(mandate_id=mandate("0.15"))
    stopped, free, locked = quoted("50"), quoted("20.01"), quoted("50")
    hold(account, stopped, "100", "4000")
    hold(account, free, "7", "100")
    hold(account, locked, "10", "400")
    stop(account, stopped, "48.50")
    stop(account, locked, "50.50")
    row = figures(account)
    assert row.open_risk == row.open_risk_to == D("150.00") + D("21.02"), (
        "100 × 1.50 to the stop, 7 × 20.01 × 15% rounded up, a profit locked in is 0"
    )
    assert (firm_total().open_risk_to, firm_total().unmeasured, row.risk_reason) == (row.open_risk_to, 0, "")


def test_rsk_8b_a_short_loses_upward_and_the_accounts_currency_comes_beside_the_firms(firm: Any) -> None:
    account = make_account(base_currency="EUR", leverage_regime=LeverageRegime.REG_T)
    at = NOW - timedelta(hours=1)
    as_loader(lambda: FxRate.objects.using("loader").create(base="EUR", quote="USD", rate=D("1.2500"), as_of=at, source="FILE"))
    instrument = quoted("50")
    hold(account, instrument, "-40", "-1600")
    stop(account, instrument, "52.50", is_long=False)
    row = figures(account)
    assert (row.open_risk, row.open_risk_to) == (80, 100)


def test_open_gains_are_kept_in_the_accounts_currency_too(firm: Any) -> None:
    account = make_account(base_currency="EUR")
    at = NOW - timedelta(hours=1)
    as_loader(lambda: FxRate.objects.using("loader").create(base="EUR", quote="USD", rate=D("1.2500"), as_of=at, source="FILE"))
    hold(account, quoted("50"), "100", "4000")
    row = figures(account)
    assert (row.open_pnl, row.open_pnl_own) == (1000, 800)


def test_con_5_open_risk_is_unknown_without_stop_and_stress_move_and_totals_say_how_many(firm: Any) -> None:
    known, unknown, unpriced = make_account(), make_account(), make_account()
    instrument, silent = quoted("50"), make_instrument()
    hold(known, instrument, "100", "4000")
    stop(known, instrument, "49")
    hold(unknown, instrument, "100", "4000")
    hold(unpriced, silent, "1", "1")
    stop(unpriced, silent, "1")
    assert figures(known).open_risk == 100
    assert figures(unknown).open_risk is None and "no stop" in figures(unknown).risk_reason
    assert figures(unpriced).risk_reason == "A holding has no price or rate"
    assert (firm_total().open_risk_to, firm_total().unmeasured) == (100, 2)
