"""The ASGI application: HTTP by Django, WebSocket by Channels."""

from __future__ import annotations

import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mamweb.settings")
# Each request runs in a thread of its own here, so what a thread keeps is never found again; they share instead.
os.environ.setdefault("DATABASE_POOL", "16")

from channels.routing import ProtocolTypeRouter
from django.core.asgi import get_asgi_application

from .services import attach_services

_http = get_asgi_application()
attach_services()

from .bodies import CountedBodies  # noqa: E402 - apps must be ready
from .live.routing import sockets  # noqa: E402

application = ProtocolTypeRouter({"http": CountedBodies(_http), "websocket": sockets})
