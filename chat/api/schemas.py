"""What the API takes and answers. chat.actions checks lengths and characters, the schemas check types."""

from typing import Any

from django.conf import settings
from ninja import Field, Schema

from chat.actions import IDEMPOTENCY_KEY_MAX
from chat.names import PERSON_NAME_MAX


def _limit(most: int) -> dict[str, Any]:
    return {"minLength": 1, "maxLength": most}


class MessageIn(Schema):
    """A message to post."""

    from_: str = Field(
        "",
        alias="from",
        description="The name to post under; an account posts under its own.",
        json_schema_extra={"maxLength": PERSON_NAME_MAX},
    )
    text: str = Field(
        ..., description="Plain text, counted in characters.", json_schema_extra=_limit(settings.MESSAGE_MAX_CHARS)
    )
    type: int = Field(0, description="0 message; 1 warning, 2 alert and 3 muted are for moderators.")
    client_id: str = Field(
        "",
        description="The same as an Idempotency-Key header, which wins.",
        json_schema_extra={"maxLength": IDEMPOTENCY_KEY_MAX},
    )


class MessageOut(Schema):
    """A message."""

    id: int = Field(..., description="The id of the message's event: per room, ordered.")
    room: str
    from_: str = Field(..., alias="from")
    date: str = Field(..., description="ISO 8601, UTC.")
    text: str
    type: int = Field(..., description="0 message, 1 warning, 2 alert, 3 muted, 4 enter, 5 leave.")
    verified: bool = Field(..., description="Whether the name is the one of an account.")
    edited: str | None = Field(None, description="When the text was changed; left out when it was not.")
    deleted: bool = Field(False, description="Whether the text was deleted; left out when it was not.")


class HistoryOut(Schema):
    """A page of a room's history."""

    messages: list[MessageOut] = Field(..., description="Newest first.")
    last_event_id: str = Field(
        ..., alias="last-event-id", description="The resume token, taken before the messages were read."
    )


class ProblemOut(Schema):
    """A refusal (RFC 9457)."""

    type: str
    title: str
    status: int
    code: str
    detail: str
