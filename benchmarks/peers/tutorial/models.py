"""The tutorial's two models."""

from typing import Any

from django.db import models


class ChatRoom(models.Model):
    """A room."""

    eid = models.CharField(max_length=64, unique=True)


class ChatMessage(models.Model):
    """A message."""

    room = models.ForeignKey(ChatRoom, on_delete=models.PROTECT)
    user = models.CharField(max_length=64)
    date = models.DateTimeField(auto_now=True, db_index=True)
    text = models.TextField()

    def to_data(self) -> dict[str, Any]:
        """The message as it is sent."""
        return {"id": self.pk, "from": self.user, "date": self.date.isoformat(), "text": self.text}
