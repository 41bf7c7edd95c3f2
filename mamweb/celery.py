"""The Celery application. Tasks import services, never the reverse."""

from __future__ import annotations

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mamweb.settings")

app = Celery("mamweb")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@app.on_after_finalize.connect
def schedule(sender: Celery, **kwargs: object) -> None:
    """Put every app's timetable on beat's."""
    from importlib import import_module

    for name in ("governance", "execution", "reconciliation", "reporting"):
        sender.conf.beat_schedule |= getattr(import_module(f"{name}.tasks"), "SCHEDULE", {})
