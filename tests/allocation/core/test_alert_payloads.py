"""Alert messages of charting platforms: sound ones become signals, everything else is refused and never traded (CON-5)."""

import json
import math
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from allocation.core.alert_payloads import AlertAction, AlertSignal, MarketPosition, parse_alert
from base.core.validation import InvalidInputs


def _samples() -> Path:
    tail = Path("shared/data/webhooks/tradingview/payloads.json")
    return next((root / tail for root in Path(__file__).resolve().parents if (root / tail).exists()), tail)


SAMPLES = _samples()
needs_samples = pytest.mark.skipif(
    not SAMPLES.exists(), reason="real alert payloads (../shared/data/webhooks/tradingview) are not on this machine"
)


def samples(kind):
    return {sample["id"]: sample for sample in json.loads(SAMPLES.read_text())[kind]} if SAMPLES.exists() else {}


def problems(body):
    with pytest.raises(InvalidInputs) as caught:
        parse_alert(body if isinstance(body, bytes) else json.dumps(body).encode())
    return [(problem.field, problem.rule) for problem in caught.value.problems]


@needs_samples
def test_con_5_every_rendered_alert_is_a_signal():
    signals = {name: parse_alert(sample["body"].encode()) for name, sample in samples("rendered").items()}
    assert len(signals) == 9
    assert all(signal.symbol == "EURUSD" for signal in signals.values())
    assert {name: signal.action for name, signal in signals.items() if not name.startswith("zenith")} == {
        "legkvla-template-entry": AlertAction.BUY,
        "legkvla-template-exit": AlertAction.SELL,
        "legkvla-template-reversal": AlertAction.SELL,
        "signalstudio-simple-entry": AlertAction.BUY,
        "signalstudio-simple-exit": AlertAction.SELL,
        "signalstudio-simple-reversal": AlertAction.SELL,
    }
    entry = signals["legkvla-template-entry"]
    assert (entry.strategy, entry.price, entry.position_before) == ("fibrsi-EURUSD", Decimal("1.12345"), MarketPosition.FLAT)
    assert (entry.stop_offset, entry.target_offset, entry.secret, entry.ignored) == (Decimal("0.003"), Decimal("0.001"), "123123", ())
    assert "123123" not in repr(entry)


@needs_samples
def test_con_5_an_alert_that_may_be_exit_or_reversal_waits_for_a_person():
    for name in ("legkvla-template-exit", "legkvla-template-reversal"):
        signal = parse_alert(samples("rendered")[name]["body"].encode())
        assert [reason.rule for reason in signal.review_reasons] == ["exit_or_reversal"]


@needs_samples
def test_con_5_a_target_behind_the_price_waits_for_a_person():
    signal = parse_alert(samples("rendered")["zenithedge-entry"]["body"].encode())
    assert (signal.price, signal.stop_price, signal.target_price) == (Decimal("1.12345"), Decimal("1.0820"), Decimal("1.0910"))
    assert [(reason.field, reason.rule) for reason in signal.review_reasons] == [("target", "target_behind_price")]
    assert signal.ignored == ("confidence", "timeframe")


@needs_samples
def test_con_5_the_edge_cases_are_refused_or_read_exactly():
    edge = {name: sample["body"].encode() for name, sample in samples("edge_cases").items()}
    assert problems(edge["plain-text"]) == [("body", "json")]
    assert problems(edge["unreplaced-placeholder"]) == [("action", "placeholder")]
    stock = parse_alert(edge["symbol-with-exchange"])
    assert (stock.exchange, stock.symbol, stock.quantity, stock.price) == ("NASDAQ", "AAPL", Decimal(10), Decimal("187.21"))
    coin = parse_alert(edge["crypto-perp"])
    assert (coin.symbol, coin.quantity, coin.price) == ("BTCUSDT.P", Decimal("0.015"), Decimal("61211.5"))
    assert set(edge) == {"plain-text", "unreplaced-placeholder", "symbol-with-exchange", "crypto-perp"}


@needs_samples
def test_con_5_no_unfilled_template_is_ever_a_signal():
    for template in samples("templates").values():
        assert problems(template["template"].encode())


GOOD = {"ticker": "XYZ", "action": "buy", "quantity": "10"}


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"quantity": "1,5"}, ("quantity", "decimal_point")),
        ({"quantity": "NaN"}, ("quantity", "finite")),
        ({"quantity": math.nan}, ("quantity", "finite")),
        ({"price": math.inf}, ("price", "finite")),
        ({"quantity": "0"}, ("quantity", "positive")),
        ({"quantity": -3}, ("quantity", "positive")),
        ({"quantity": True}, ("quantity", "type")),
        ({"quantity": "{{strategy.order.contracts}}"}, ("quantity", "placeholder")),
        ({"action": "hold"}, ("action", "choice")),
        ({"action": None}, ("action", "required")),
        ({"ticker": "NASDAQ:"}, ("symbol", "required")),
        ({"ticker": "A:B:C"}, ("symbol", "symbol")),
        ({"symbol": "ABC"}, ("symbol", "contradiction")),
        ({"percent": "3"}, ("percent", "quantity_or_percent")),
        ({"percent": "101", "quantity": 1}, ("percent", "maximum")),
        ({"market_position": "up"}, ("position_after", "choice")),
        ({"heartbeat": True}, ("heartbeat", "not_a_signal")),
        ({"data": [1]}, ("data", "object")),
        ({"data": {"quantity": 11}}, ("quantity", "unique_key")),
    ],
)
def test_con_5_a_doubtful_field_is_refused_by_name(change, expected):
    assert expected in problems({**GOOD, **change})


def test_con_5_a_partial_cover_without_a_quantity_is_refused():
    alert = {"ticker": "XYZ", "action": "buy", "market_position": "short"}
    assert problems(alert) == [("position_after", "contradiction")]
    assert parse_alert(json.dumps({**alert, "quantity": 3}).encode()).quantity == 3


def test_con_5_flat_afterwards_means_close_and_percent_is_a_rate():
    signal = parse_alert(b'{"ticker":"XYZ","action":"sell","market_position":"flat","prev_market_position":"long"}')
    assert signal.action is AlertAction.CLOSE and signal.review_reasons == ()
    assert parse_alert(b'{"ticker":"XYZ","action":"exit"}').review_reasons == ()
    assert parse_alert(b'{"ticker":"XYZ","action":"buy","percent":3}').equity_rate == Decimal("0.03")


def test_con_5_the_secret_of_a_refused_alert_is_not_repeated():
    with pytest.raises(InvalidInputs) as caught:
        parse_alert(b'{"ticker":"XYZ","action":"buy","secret":"top secret \\n"}')
    assert "top secret" not in str(caught.value)
    assert caught.value.problems[0].field == "secret"


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=12)
    | st.sampled_from(["buy", "sell", "XYZ", "1.5", "{{x}}"]),
    lambda inner: st.lists(inner, max_size=3),
    max_leaves=4,
)


@settings(max_examples=300)
@given(
    st.dictionaries(
        st.sampled_from(["ticker", "symbol", "action", "side", "quantity", "percent", "sl", "data", "id", "key"]), JSON, max_size=6
    )
)
def test_s5_any_object_is_a_finite_positive_signal_or_refused(payload):
    try:
        signal = parse_alert(json.dumps(payload).encode())
    except InvalidInputs:
        return
    assert isinstance(signal, AlertSignal)
    assert signal.quantity is None or (signal.quantity.is_finite() and signal.quantity > 0)
    assert signal.symbol and signal.action in AlertAction
