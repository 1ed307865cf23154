"""What several routers take and answer. chat.actions checks lengths and characters, schemas check types."""

from typing import Annotated, Any

from django.conf import settings
from ninja import Field, Schema


def at_most(most: int) -> dict[str, Any]:
    """A text of 1 to `most` characters, as the OpenAPI document says it."""
    return {"minLength": 1, "maxLength": most}


def one_of(values: list[str]) -> dict[str, Any]:
    """One of these words, as the OpenAPI document says it."""
    return {"enum": values}


MessageText = Annotated[
    str,
    Field(description="Plain text, counted in characters.", json_schema_extra=at_most(settings.MESSAGE_MAX_CHARS)),
]


class MessageOut(Schema):
    """A message."""

    id: int = Field(..., description="The id of the message's event: per room, ordered.")
    room: str
    from_: str = Field(..., alias="from")
    author: str | None = Field(..., description="Who said it: the id of an account or a guest; null for a visitor.")
    date: str = Field(..., description="ISO 8601, UTC.")
    text: str
    type: int = Field(..., description="0 message, 1 warning, 2 alert, 3 muted, 4 enter, 5 leave.")
    verified: bool = Field(..., description="Whether the name is the one of an account.")
    bot: bool = Field(False, description="Whether a bot said it; left out when not.")
    edited: str | None = Field(None, description="When the text was changed; left out when it was not.")
    deleted: bool = Field(False, description="Whether the text was deleted; left out when it was not.")


class RoomOut(Schema):
    """A room."""

    room: str = Field(..., description="The room's name.")
    title: str
    topic: str
    visibility: str = Field(..., description="open, private or staff.")
    kind: str = Field(..., description="room, direct (of two people) or strangers.")
    archived: bool
    notices: bool = Field(..., description="Whether it is said who comes and goes.")
    role: str | None = Field(..., description="What you are in it: owner, moderator, member or null.")


class ProblemOut(Schema):
    """A refusal (RFC 9457)."""

    type: str
    title: str
    status: int
    code: str
    detail: str
    retry_after: int | None = None
