"""The symbols of the built-in market. None of them exists; every bar and quote of them is labelled SIMULATED.

Entry points: `GENERATED`, `XYZ_ANCHOR_AT`, `generated_fx_table`.

At 2026-03-02 10:30 New York (15:30 UTC), with the default or any other seed, XYZ's last completed bar closes at 47.30 with V1 = 12,000
and EURUSD stands at 1.0850: the inputs of the rulebook's SIZ-7 and RTE-1 examples.
"""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

from market.core.bars import last_completed, unscale
from market.core.calendars import CRYPTO, EU_SETTLEMENT, FX, US_SETTLEMENT, previous_session, trade_date
from market.core.fx import FxTable, PivotRate
from market.core.generated import DEFAULT_SEED, Anchor, GeneratedInstrument, generated_minute_bars
from market.core.instruments import InstrumentSpec
from market.enums import FxSource, InstrumentKind

XYZ_ANCHOR_AT = datetime(2026, 3, 2, 15, 30, tzinfo=UTC)
_CENT = Decimal("0.01")


def _share(symbol: str, currency: str, market: str, settles: str, sector: str, tick: str = "0.01") -> InstrumentSpec:
    return InstrumentSpec(
        symbol=symbol,
        kind=InstrumentKind.EQUITY,
        currency=currency,
        market=market,
        tick_size=Decimal(tick),
        sector=sector,
        issuer=f"{symbol} (simulated)",
        settlement_market=settles,
    )


def _fund(symbol: str, identity_group: str) -> InstrumentSpec:
    return InstrumentSpec(
        symbol=symbol,
        kind=InstrumentKind.ETF,
        currency="USD",
        market="XNYS",
        tick_size=_CENT,
        sector="Broad market",
        issuer=f"{symbol} (simulated)",
        identity_group=identity_group,
        settlement_market=US_SETTLEMENT,
    )


def _pair(base: str, quote: str, tick: str, pip: str) -> InstrumentSpec:
    return InstrumentSpec(
        symbol=base + quote,
        kind=InstrumentKind.FX,
        currency=quote,
        base_currency=base,
        market=FX,
        tick_size=Decimal(tick),
        pip_size=Decimal(pip),
        lot_step=_CENT,
        multiplier=Decimal(100_000),
    )


def _coin(base: str, lot_step: str) -> InstrumentSpec:
    return InstrumentSpec(
        symbol=f"{base}USD",
        kind=InstrumentKind.CRYPTO_SPOT,
        currency="USD",
        base_currency=base,
        market=CRYPTO,
        tick_size=_CENT,
        lot_step=Decimal(lot_step),
        min_notional=Decimal(10),
    )


def _entry(
    spec: InstrumentSpec, close: str, volatility_bps: int, minute_volume: int, *, exponent: int = 0, anchor: Anchor | None = None
) -> GeneratedInstrument:
    return GeneratedInstrument(
        spec=spec,
        reference_close=Decimal(close),
        daily_volatility_bps=volatility_bps,
        minute_volume=minute_volume,
        volume_exponent=exponent,
        anchor=anchor,
    )


def _us_share(symbol: str, sector: str, close: str, volatility_bps: int, minute_volume: int) -> GeneratedInstrument:
    """Return a large, liquid share of New York: orders of a whole firm stay below the liquidity test's 5% of a minute (RTE-1)."""
    return _entry(_share(symbol, "USD", "XNYS", US_SETTLEMENT, sector), close, volatility_bps, minute_volume)


_XYZ = _share("XYZ", "USD", "XNYS", US_SETTLEMENT, "Technology")
_ENTRIES = (
    _entry(_XYZ, "47.30", 150, 12_000, anchor=Anchor(XYZ_ANCHOR_AT, Decimal("47.30"), 12_000)),
    _entry(_share("ABC", "USD", "XNYS", US_SETTLEMENT, "Industrials"), "50.00", 130, 9_000),
    _entry(_share("QRS", "USD", "XNAS", US_SETTLEMENT, "Health care"), "128.40", 190, 3_500),
    _entry(_fund("TOTL", "US total market"), "412.60", 90, 30_000),
    _entry(_fund("BRDX", "US broad index"), "96.15", 90, 18_000),
    _entry(_share("RHEIN", "EUR", "XETR", EU_SETTLEMENT, "Industrials", "0.02"), "88.40", 140, 2_400),
    _entry(_share("SEINE", "EUR", "XPAR", EU_SETTLEMENT, "Consumer"), "31.25", 120, 4_000),
    _entry(_share("AARE", "CHF", "XSWX", "XSWX", "Health care", "0.05"), "112.50", 110, 1_500),
    _entry(_share("TRENT", "GBP", "XLON", "XLON", "Utilities", "0.005"), "7.850", 120, 8_000),
    _entry(_pair("EUR", "USD", "0.00001", "0.0001"), "1.08500", 45, 900, anchor=Anchor(XYZ_ANCHOR_AT, Decimal("1.08500"))),
    _entry(_pair("GBP", "USD", "0.00001", "0.0001"), "1.27000", 50, 500),
    _entry(_pair("USD", "JPY", "0.001", "0.01"), "150.000", 55, 700),
    _entry(_pair("USD", "CHF", "0.00001", "0.0001"), "0.88500", 45, 300),
    _us_share("ALDER", "Technology", "182.40", 165, 160_000),
    _us_share("LARCH", "Technology", "64.75", 210, 420_000),
    _us_share("BIRCH", "Health care", "91.20", 120, 300_000),
    _us_share("CEDAR", "Financials", "47.85", 135, 560_000),
    _us_share("HAVEN", "Financials", "118.60", 125, 230_000),
    _us_share("DUNE", "Energy", "72.30", 175, 380_000),
    _us_share("EMBER", "Utilities", "38.90", 85, 640_000),
    _us_share("FABLE", "Consumer", "143.10", 140, 190_000),
    _us_share("GROVE", "Consumer", "58.25", 110, 450_000),
    _us_share("INLET", "Communication", "85.50", 155, 320_000),
    _us_share("JUNIP", "Materials", "52.70", 150, 480_000),
    _us_share("KNOLL", "Real estate", "33.60", 105, 700_000),
    _us_share("MESA", "Industrials", "206.80", 130, 140_000),
    _us_share("QUARRY", "Materials", "27.15", 190, 850_000),
    _entry(_coin("BTC", "0.0001"), "60000.00", 280, 12 * 10**8, exponent=8),
    _entry(_coin("ETH", "0.001"), "3000.00", 340, 150 * 10**8, exponent=8),
)

GENERATED: dict[str, GeneratedInstrument] = {entry.spec.symbol: entry for entry in _ENTRIES}


def generated_fx_table(now: datetime, seed: int = DEFAULT_SEED) -> FxTable:
    """Return the simulated rates against USD at an instant, exactly as the last completed minute of each pair quotes them.

    While FX trades the rates are less than 60 seconds old; on a weekend they carry Friday's time and `FxTable.rate` refuses them by age.
    """
    rates = []
    for entry in _ENTRIES:
        if entry.spec.market != FX:
            continue
        today = trade_date(FX, now)
        bars = generated_minute_bars(entry, [previous_session(FX, today), today], seed)
        row = last_completed(bars, now)
        if row is None:
            continue
        as_of, per_base = bars.ends_at(row), entry.spec.base_currency == "USD"
        currency = entry.spec.currency if per_base else str(entry.spec.base_currency)
        rate_id = f"SIM:{entry.spec.symbol}:{as_of:%Y-%m-%dT%H:%M:%SZ}"
        rates.append(PivotRate(currency, unscale(int(bars.close[row])), rate_id, as_of, FxSource.SIMULATED, inverse=not per_base))
    return FxTable.of("USD", rates)
