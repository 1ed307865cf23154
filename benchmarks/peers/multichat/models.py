"""What the Channels chat stores."""

from typing import Any

from django.db import models


class Room(models.Model):
    """A room."""

    name = models.CharField(max_length=64, unique=True)


class Message(models.Model):
    """A message of a room."""

    room = models.ForeignKey(Room, models.CASCADE)
    user = models.CharField(max_length=64)
    text = models.TextField()
    date = models.DateTimeField(auto_now_add=True)

    def to_data(self) -> dict[str, Any]:
        """The message as it is sent."""
        return {
            "id": self.pk,
            "room": self.room.name,
            "from": self.user,
            "date": self.date.isoformat(),
            "text": self.text,
        }


def store(name: str, user: str, text: str) -> dict[str, Any]:
    """Look the room up, as the multichat example does for every message, and store one row."""
    room, _ = Room.objects.get_or_create(name=name)
    return Message.objects.create(room=room, user=user, text=text).to_data()
