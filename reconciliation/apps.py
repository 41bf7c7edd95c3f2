from django.apps import AppConfig


class ReconciliationConfig(AppConfig):
    name = "reconciliation"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Tell governance how breaks are called, what is asked for about them and how that is carried out; accounts what stands against closing one."""
        from governance.enums import ApprovalAction
        from governance.queries.approval_desk import register_terms
        from governance.services.carrying_out import register_act

        from .queries import naming, obstacles
        from .services.asked_for import terms_of
        from .services.proposing import carry_out

        naming.register()
        obstacles.register()
        for action in (ApprovalAction.ADJUST_LEDGER, ApprovalAction.WAIVE_BREAK):
            register_act(action, carry_out)
            register_terms(action, terms_of)
