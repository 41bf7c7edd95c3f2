"""Market reference, shared by all firms: the runtime role reads it, a loader role writes it."""

from __future__ import annotations

from django.db import models

from base.fields import CodeField, PriceField, QuantityField, RateField

from .constraints import InstrumentsExist
from .enums import InstrumentKind


class Issuer(models.Model):
    """Who stands behind an instrument; restrictions bind by issuer (CST-5)."""

    code = models.CharField(max_length=64, unique=True)
    name = models.CharField(max_length=160)


class Instrument(models.Model):
    """Something that can be traded, as the core's `InstrumentSpec` describes it (`calendar` is its market, `tick` its tick size).

    `identity_group` joins substantially identical ones (WASH-13).
    """

    id = models.BigAutoField(primary_key=True)
    symbol = models.CharField(max_length=40, unique=True)
    name = models.CharField(max_length=160, blank=True)
    kind = CodeField(InstrumentKind)
    currency = models.CharField(max_length=10)
    base_currency = models.CharField(max_length=10, blank=True)
    calendar = models.CharField(max_length=16)
    settlement_market = models.CharField(max_length=16)
    sector = models.CharField(max_length=64, blank=True)
    issuer = models.ForeignKey(Issuer, models.PROTECT, null=True, blank=True, related_name="instruments")
    underlying = models.ForeignKey("self", models.PROTECT, null=True, blank=True, related_name="derivatives")
    identity_group = models.CharField(max_length=64, blank=True)
    multiplier = QuantityField(default=1)
    tick = PriceField()
    pip_size = PriceField(null=True, blank=True)
    lot_step = QuantityField(default=1)
    min_quantity = QuantityField(default=0)
    min_notional = QuantityField(default=0)
    is_simulated = models.BooleanField(default=False)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(tick__gt=0, lot_step__gt=0, multiplier__gt=0, min_quantity__gte=0, min_notional__gte=0)
                & (models.Q(pip_size__isnull=True) | models.Q(pip_size__gt=0)),
                name="instrument_steps_positive",
            )
        ]

    def __str__(self) -> str:
        return self.symbol


class VenueSymbol(models.Model):
    """What a venue calls an instrument, where it is not our symbol; one name a venue. venue: the code of the custodian."""

    venue = models.CharField(max_length=40)
    symbol = models.CharField(max_length=64)
    instrument = models.ForeignKey(Instrument, models.PROTECT, related_name="venue_symbols")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["venue", "symbol"], name="venue_symbol_once"),
            models.UniqueConstraint(fields=["venue", "instrument"], name="venue_instrument_once"),
        ]


class Quote(models.Model):
    """What was bid and asked as of an instant, from one source; a missing side is NULL."""

    instrument = models.ForeignKey(Instrument, models.PROTECT, related_name="quotes", db_index=False, db_constraint=False)
    source = models.CharField(max_length=40)
    as_of = models.DateTimeField()
    bid = PriceField(null=True)
    ask = PriceField(null=True)
    last = PriceField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["instrument", "source", "as_of"], name="quote_once"),
            models.CheckConstraint(
                condition=(models.Q(bid__isnull=True) | models.Q(bid__gt=0))
                & (models.Q(ask__isnull=True) | models.Q(ask__gt=0))
                & (models.Q(last__isnull=True) | models.Q(last__gt=0)),
                name="quote_positive",
            ),
            InstrumentsExist(name="quote_instruments"),
        ]
        indexes = [models.Index(fields=["instrument", "-as_of", "source"], name="quote_latest")]


class Bar(models.Model):
    """A minute (or day) of trades; `starts_at` is the start of the bar."""

    instrument = models.ForeignKey(Instrument, models.PROTECT, related_name="bars", db_index=False, db_constraint=False)
    source = models.CharField(max_length=40)
    interval_seconds = models.PositiveIntegerField(default=60)
    starts_at = models.DateTimeField()
    open = PriceField()
    high = PriceField()
    low = PriceField()
    close = PriceField()
    volume = QuantityField()
    is_regular = models.BooleanField(default=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["instrument", "interval_seconds", "starts_at", "source"], name="bar_once"),
            models.CheckConstraint(
                condition=models.Q(low__gt=0, low__lte=models.F("open"), high__gte=models.F("open"), volume__gte=0)
                & models.Q(low__lte=models.F("close"), high__gte=models.F("close")),
                name="bar_consistent",
            ),
            InstrumentsExist(name="bar_instruments"),
        ]


class FxRate(models.Model):
    """One unit of `base` in `quote`. Conversions store which row they used (ACC-11)."""

    base = models.CharField(max_length=10)
    quote = models.CharField(max_length=10)
    source = models.CharField(max_length=40)
    as_of = models.DateTimeField()
    rate = RateField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["base", "quote", "source", "as_of"], name="fx_rate_once"),
            models.CheckConstraint(condition=models.Q(rate__gt=0), name="fx_rate_positive"),
        ]
