"""Stops and targets, watched by mamweb and not placed at a broker (SIZ-8, docs/decisions/0007).

Invariants: 1. an account has one active stop and one active target for each sleeve and instrument (the database holds it). 2. nothing is overwritten:
a change ends the row and makes another. 3. a level holds no quantity: it covers what the sleeve holds when it triggers.
"""

from __future__ import annotations

from django.db import models

from base.fields import CodeField, PriceField, QuantityField
from base.models import TenantForeignKey, TenantModel

from ..enums import Level, LevelEnd, LevelState, LevelWish


class ProtectiveLevel(TenantModel):
    """One account's stop or target for one instrument in one sleeve.

    is_long: the side it covers; a position that has turned is not covered. wish, figure: what was asked (a price, or a distance from the account's own
    entry), price: where it stands. journey_id: the signal that brought it. closing_journey_id, closing_qty: what its trigger released, of how much held.
    settled_at: that release has ended, and what it left is known. refusal, refused_at, tries: why a trigger could not be released, and since how often.
    unwatched_since: no usable quote in an open session.
    """

    account = TenantForeignKey("accounts.Account", related_name="+")
    sleeve = TenantForeignKey("accounts.Sleeve", related_name="+")
    strategy = TenantForeignKey("allocation.Strategy", related_name="+")
    instrument = models.ForeignKey("market.Instrument", models.PROTECT, related_name="+")
    level = CodeField(Level)
    is_long = models.BooleanField()
    price = PriceField()
    wish = CodeField(LevelWish)
    figure = PriceField()
    set_by = models.ForeignKey("governance.User", models.PROTECT, null=True, related_name="+")
    set_at = models.DateTimeField()
    journey_id = models.UUIDField(null=True)
    state = CodeField(LevelState, default=LevelState.ACTIVE)
    ended_at = models.DateTimeField(null=True)
    end_reason = CodeField(LevelEnd, blank=True, default="")
    closing_journey_id = models.UUIDField(null=True)
    closing_qty = QuantityField(null=True)
    settled_at = models.DateTimeField(null=True)
    refusal = models.CharField(max_length=200, blank=True, default="")
    refused_at = models.DateTimeField(null=True)
    tries = models.PositiveSmallIntegerField(default=0)
    unwatched_since = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["firm", "account", "sleeve", "instrument", "level"], name="level_once", condition=models.Q(state="ACTIVE")
            ),
            models.CheckConstraint(condition=models.Q(price__gt=0), name="level_price"),
            models.CheckConstraint(
                condition=models.Q(state="ACTIVE", ended_at=None, end_reason="")
                | (~models.Q(state="ACTIVE") & models.Q(ended_at__isnull=False) & ~models.Q(end_reason="")),
                name="level_end",
            ),
            models.CheckConstraint(
                condition=~models.Q(state="TRIGGERED") | models.Q(closing_journey_id__isnull=False), name="level_trigger_has_journey"
            ),
        ]
        indexes = [
            models.Index(fields=["firm", "instrument"], name="level_active", condition=models.Q(state="ACTIVE")),
            models.Index(
                fields=["firm", "closing_journey_id"], name="level_unsettled", condition=models.Q(state="TRIGGERED", settled_at=None)
            ),
            models.Index(fields=["firm", "account", "instrument"], name="level_history"),
            models.Index(fields=["firm", "journey_id"], name="level_journey", condition=models.Q(journey_id__isnull=False)),
        ]


class LevelChangeRequest(TenantModel):
    """A bulk change as it was asked and answered, so that a repeat of its key gets the first answers."""

    append_only = True

    key = models.CharField(max_length=64)
    asked_by = models.ForeignKey("governance.User", models.PROTECT, related_name="+")
    asked_sha256 = models.CharField(max_length=64)
    answers = models.JSONField()
    asked_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["firm", "asked_by", "key"], name="level_change_once")]
