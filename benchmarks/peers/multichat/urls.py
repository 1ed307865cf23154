"""The Channels chat's other door: a message posted over HTTP, as the other peers take it."""

from asgiref.sync import async_to_sync
from channels.layers import get_channel_layer
from django.http import HttpRequest, JsonResponse
from django.urls import path

from benchmarks.peers.multichat.models import store


def messages(request: HttpRequest, room: str) -> JsonResponse:
    """Store a message and give it to everybody."""
    event = store(room, request.POST["from"], request.POST["text"])
    async_to_sync(get_channel_layer().group_send)(f"room.{room}", {"type": "chat.message", "event": event})
    return JsonResponse(event)


urlpatterns = [path("rooms/<room>/messages/", messages)]
