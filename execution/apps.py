from django.apps import AppConfig


class ExecutionConfig(AppConfig):
    name = "execution"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Tell governance how this app's things are called, and accounts what stands against closing one."""
        from .queries import naming, obstacles

        naming.register()
        obstacles.register()
