from django.apps import AppConfig


class ReportingConfig(AppConfig):
    name = "reporting"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Tell governance how this app's things are called, and what a release over a limit asks for."""
        from .queries import asked_for, naming

        naming.register()
        asked_for.register()
