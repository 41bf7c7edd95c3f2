"""What the admin shows of governance (`governance.adminsite`)."""

from __future__ import annotations

from ..adminsite import site
from ..models import Alert, ApiToken, Approval, AuditEvent, FirmSettings, KillSwitch, Mandate, Membership, Party, Restriction, WebhookKey
from .control import AlertAdmin, ApprovalAdmin, RestrictionAdmin
from .dashboard import waiting
from .keys import ApiTokenAdmin, WebhookKeyAdmin
from .mandates import MandateAdmin
from .people import MembershipAdmin, PartyAdmin
from .settings import FirmSettingsAdmin
from .switches import KillSwitchAdmin
from .trail import AuditEventAdmin

site.dashboard = waiting
site.register(Mandate, MandateAdmin)
site.register(Party, PartyAdmin)
site.register(Restriction, RestrictionAdmin)
site.register(Approval, ApprovalAdmin)
site.register(KillSwitch, KillSwitchAdmin)
site.register(Alert, AlertAdmin)
site.register(Membership, MembershipAdmin)
site.register(ApiToken, ApiTokenAdmin)
site.register(WebhookKey, WebhookKeyAdmin)
site.register(AuditEvent, AuditEventAdmin)
site.register(FirmSettings, FirmSettingsAdmin)
