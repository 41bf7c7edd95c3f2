"""The Celery application. Tasks import services, never the reverse."""

from __future__ import annotations

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mamweb.settings")

app = Celery("mamweb")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
