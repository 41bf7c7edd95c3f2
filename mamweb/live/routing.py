"""The addresses of sockets: of this host's pages only, with the session of the page."""

from __future__ import annotations

from channels.auth import AuthMiddlewareStack
from channels.generic.websocket import AsyncWebsocketConsumer
from channels.routing import URLRouter
from channels.security.websocket import AllowedHostsOriginValidator
from django.urls import path, re_path

from .consumer import LiveConsumer
from .wire import WithWire


class Nowhere(AsyncWebsocketConsumer):
    """Any other address: refused."""

    channel_layer_alias = "none"

    async def connect(self) -> None:
        """Refuse."""
        await self.close()


_doors = URLRouter([path("ws/live", LiveConsumer.as_asgi()), re_path("", Nowhere.as_asgi())])
sockets = WithWire(AllowedHostsOriginValidator(AuthMiddlewareStack(_doors)))
