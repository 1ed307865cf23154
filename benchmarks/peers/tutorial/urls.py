"""The tutorial's views: a message is stored and its event sent in one transaction."""

import json

from django.db import IntegrityError, transaction
from django.http import HttpRequest, HttpResponse
from django.urls import include, path
from django_eventstream import get_current_event_id, send_event

from benchmarks.peers.tutorial.models import ChatMessage, ChatRoom


def messages(request: HttpRequest, room_id: str) -> HttpResponse:
    """Post a message, or read the last ones."""
    if request.method == "POST":
        try:
            room = ChatRoom.objects.get(eid=room_id)
        except ChatRoom.DoesNotExist:
            try:
                room = ChatRoom.objects.create(eid=room_id)
            except IntegrityError:
                room = ChatRoom.objects.get(eid=room_id)
        with transaction.atomic():
            message = ChatMessage(room=room, user=request.POST["from"], text=request.POST["text"])
            message.save()
            send_event(f"room-{room_id}", "message", message.to_data())
        return HttpResponse(json.dumps(message.to_data()), content_type="application/json")
    last_id = get_current_event_id([f"room-{room_id}"])
    found = ChatMessage.objects.filter(room__eid=room_id).order_by("-date")[:50]
    body = {"messages": [message.to_data() for message in found], "last-event-id": last_id}
    return HttpResponse(json.dumps(body), content_type="application/json")


urlpatterns = [
    path("rooms/<room_id>/messages/", messages),
    path("rooms/<room_id>/events/", include("django_eventstream.urls"), {"format-channels": ["room-{room_id}"]}),
    path("events/", include("django_eventstream.urls")),
]
