"""What a firm may choose for all its accounts, changed with its difference in the trail (ACC-4, GOV-7).

Entry points: `change_firm_settings`, `UnableToSet`, `MOST_BUFFER_RATE`.
Invariant: the reporting currency and the firm's name are never changed here: limits in force and totals of the past are stated in the one, and the
other is unique among all firms of a server, so a refusal would tell one firm of another (I9).
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from django.db import transaction

from base.errors import NotFound, Refused

from ..core.subjects import Actor, Subject
from ..enums import AuditAction, SubjectKind
from ..models import FirmSettings
from .audit_trail import audit
from .permission import CONTROL, require_role

MOST_BUFFER_RATE = Decimal("0.25")
_STEP = Decimal("1e-10")


class UnableToSet(Refused):
    """A setting outside its bounds."""


@transaction.atomic
def change_firm_settings(*, cash_buffer_rate: Decimal, actor: Actor, now: datetime, reason: str) -> None:
    """Keep this share of every account's equity back from buying (0.005 is 0.5%), from the next sizing on.

    Raises NotPermitted, UnableToSet for a rate below 0, above MOST_BUFFER_RATE, or finer than its column. Source: ACC-4.
    """
    require_role(actor, CONTROL)
    if not (0 <= cash_buffer_rate <= MOST_BUFFER_RATE and cash_buffer_rate == cash_buffer_rate.quantize(_STEP)):
        words = f"the buffer is a rate from 0 to {MOST_BUFFER_RATE}, with at most 10 decimals"
        raise UnableToSet("ACC-4", words, field="cash_buffer_rate", value=cash_buffer_rate)
    row = FirmSettings.objects.select_for_update(no_key=True).first()
    if row is None:
        raise NotFound("settings of the firm")
    if row.cash_buffer_rate == cash_buffer_rate:
        return
    before, after = {"cash_buffer_rate": row.cash_buffer_rate}, {"cash_buffer_rate": cash_buffer_rate}
    row.cash_buffer_rate = cash_buffer_rate
    row.save(update_fields=["cash_buffer_rate"])
    subject = Subject(SubjectKind.FIRM, str(row.firm_id))
    audit(action=AuditAction.CHANGED, subject=subject, actor=actor, now=now, before=before, after=after, reason=reason, rule="ACC-4")
