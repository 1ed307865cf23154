"""A minimal chat on Django Channels, in the manner of its multichat example, but one that stores messages.

A socket joins a room; what it sends is stored and goes to the room's group, itself included.
"""

from typing import Any

from channels.db import database_sync_to_async
from channels.generic.websocket import AsyncJsonWebsocketConsumer
from channels.routing import ProtocolTypeRouter, URLRouter
from django.core.asgi import get_asgi_application
from django.urls import path

django_application = get_asgi_application()

from benchmarks.peers.multichat.models import Message, store  # noqa: E402


class ChatConsumer(AsyncJsonWebsocketConsumer):  # type: ignore[misc]
    """/<room>/<after>/ joins and sends what came after that message."""

    async def connect(self) -> None:
        """Join."""
        self.room, after = (self.scope["url_route"]["kwargs"][key] for key in ("room", "after"))
        self.group = f"room.{self.room}"
        await self.accept()
        await self.channel_layer.group_add(self.group, self.channel_name)
        await self.send_json({"type": "stream-open"})
        if after != "now":
            for event in await self.read_after(int(after)):
                await self.send_json(event)

    async def disconnect(self, code: int) -> None:
        """Leave."""
        await self.channel_layer.group_discard(self.group, self.channel_name)

    async def receive_json(self, content: dict[str, Any]) -> None:
        """Store a message, give it to everybody, and tell the sender."""
        event = await self.store(content)
        await self.channel_layer.group_send(self.group, {"type": "chat.message", "event": event})
        await self.send_json({"stored": event["id"]})

    async def chat_message(self, message: dict[str, Any]) -> None:
        """Pass a message of the group on."""
        await self.send_json(message["event"])

    @database_sync_to_async  # type: ignore[untyped-decorator]
    def store(self, content: dict[str, Any]) -> dict[str, Any]:
        """One message."""
        return store(self.room, content["from"], content["text"])

    @database_sync_to_async  # type: ignore[untyped-decorator]
    def read_after(self, after: int) -> list[dict[str, Any]]:
        """The messages that a reader missed."""
        found = Message.objects.filter(room__name=self.room, pk__gt=after).select_related("room").order_by("pk")[:100]
        return [message.to_data() for message in found]


application = ProtocolTypeRouter(
    {"http": django_application, "websocket": URLRouter([path("<room>/<after>/", ChatConsumer.as_asgi())])}
)
