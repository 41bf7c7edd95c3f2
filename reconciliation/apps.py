from django.apps import AppConfig


class ReconciliationConfig(AppConfig):
    name = "reconciliation"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Tell governance how breaks are called and how an approved resolution is carried out, accounts what stands against closing one."""
        from governance.enums import ApprovalAction
        from governance.services.carrying_out import register_act

        from .queries import naming, obstacles
        from .services.proposing import carry_out

        naming.register()
        obstacles.register()
        register_act(ApprovalAction.ADJUST_LEDGER, carry_out)
        register_act(ApprovalAction.WAIVE_BREAK, carry_out)
