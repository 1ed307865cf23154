"""What the API takes and answers. chat.actions checks lengths and characters, the schemas check types."""

from typing import Any

from django.conf import settings
from ninja import Field, Schema

from chat.actions import IDEMPOTENCY_KEY_MAX, INVITE_DAYS, TITLE_MAX, TOKEN_DAYS, TOPIC_MAX
from chat.models import TOKEN_NAME_MAX, Membership, Restriction, Room, Scope
from chat.names import PERSON_NAME_MAX, ROOM_NAME_RULE
from chat.outbound import URL_MAX


def _limit(most: int) -> dict[str, Any]:
    return {"minLength": 1, "maxLength": most}


def _one_of(values: list[str]) -> dict[str, Any]:
    return {"enum": values}


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
    bot: bool = Field(False, description="Whether a bot said it; left out when not.")
    edited: str | None = Field(None, description="When the text was changed; left out when it was not.")
    deleted: bool = Field(False, description="Whether the text was deleted; left out when it was not.")


class HistoryOut(Schema):
    """A page of a room's history."""

    messages: list[MessageOut] = Field(..., description="Newest first.")
    last_event_id: str = Field(
        ..., alias="last-event-id", description="The resume token, taken before the messages were read."
    )


class EditIn(Schema):
    """The new text of a message."""

    text: str = Field(
        ..., description="Plain text, counted in characters.", json_schema_extra=_limit(settings.MESSAGE_MAX_CHARS)
    )


class RoomIn(Schema):
    """A room to make."""

    name: str = Field("", description=f"{ROOM_NAME_RULE}. A private room gets a name that tells nothing.")
    title: str = Field("", description="The name if empty.", json_schema_extra={"maxLength": TITLE_MAX})
    topic: str = Field("", json_schema_extra={"maxLength": TOPIC_MAX})
    visibility: str = Field("open", json_schema_extra=_one_of(Room.Visibility.values))


class RoomChangeIn(Schema):
    """What of a room to change."""

    title: str | None = Field(None, json_schema_extra={"maxLength": TITLE_MAX})
    topic: str | None = Field(None, json_schema_extra={"maxLength": TOPIC_MAX})
    visibility: str | None = Field(None, description="open, private or staff.")
    archived: bool | None = Field(None, description="Whether it can only be read.")
    notices: bool | None = Field(None, description="Whether it is said who comes and goes.")


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


class RoomsOut(Schema):
    """A page of the rooms that one may know of."""

    rooms: list[RoomOut] = Field(..., description="By name.")


class PersonOut(Schema):
    """Oneself."""

    username: str
    name: str = Field(..., description="The name that others see.")
    guest: bool
    bot: bool
    staff: bool


class UsernameIn(Schema):
    """Whom it is about."""

    username: str


class MemberIn(Schema):
    """Who shall be a member: oneself, or a bot of one's own."""

    username: str = Field("", description="Of a bot of yours; yourself if left out.")


class MemberOut(Schema):
    """A member of a room."""

    username: str
    name: str
    role: str = Field(..., description="owner, moderator or member.")
    guest: bool
    bot: bool


class MembersOut(Schema):
    """The members of a room."""

    members: list[MemberOut] = Field(..., description="Owners first, then moderators; by when they joined.")


class RoleIn(Schema):
    """What to make of a member."""

    role: str = Field(..., json_schema_extra=_one_of(Membership.Role.values))


class InviteIn(Schema):
    """An invite to make."""

    days: int = Field(INVITE_DAYS, description="How long it is good: 1 to 90.")


class InviteOut(Schema):
    """An invite."""

    id: str
    by: str = Field(..., description="Who made it: a user name.")
    expires: str = Field(..., description="ISO 8601, UTC.")


class NewInviteOut(InviteOut):
    """An invite that was just made."""

    url: str = Field(..., description="The link. It is shown this once.")


class InvitesOut(Schema):
    """The invites of a room that are good."""

    invites: list[InviteOut] = Field(..., description="Newest first.")


class RestrictionIn(Schema):
    """Whom to mute or ban: `username`, or who wrote the message `message_id`."""

    kind: str = Field(..., json_schema_extra=_one_of(Restriction.Kind.values))
    username: str = ""
    message_id: int | None = None
    minutes: int | None = Field(None, description="For how long, at most a year; for good without it.")


class RestrictionOut(Schema):
    """A mute or a ban."""

    id: str
    kind: str = Field(..., description="mute or ban.")
    username: str | None
    address: str | None = Field(..., description="Of somebody without an account.")
    until: str | None = Field(..., description="ISO 8601, UTC; null: for good.")


class RestrictionsOut(Schema):
    """The mutes and bans of a room."""

    restrictions: list[RestrictionOut] = Field(..., description="Newest first.")


class HookIn(Schema):
    """A webhook to make: an incoming one posts as `name`, an outgoing one tells `url`."""

    kind: str = Field(..., json_schema_extra=_one_of(["incoming", "outgoing"]))
    name: str = Field("", json_schema_extra={"maxLength": PERSON_NAME_MAX})
    url: str = Field("", json_schema_extra={"maxLength": URL_MAX})


class HookChangeIn(Schema):
    """Whether an outgoing webhook is on."""

    enabled: bool


class HookOut(Schema):
    """A webhook."""

    id: str
    kind: str = Field(..., description="incoming or outgoing.")
    by: str | None = Field(..., description="Who made it: a user name.")
    created: str = Field(..., description="ISO 8601, UTC.")
    name: str | None = Field(None, description="Of an incoming one: the name that it posts under.")
    url: str | None = Field(None, description="Of an outgoing one: where its messages go.")
    enabled: bool | None = Field(None, description="Of an outgoing one: whether it is on.")
    why: str | None = Field(None, description="Why it was switched off.")
    failures: int | None = Field(None, description="Attempts since the last one that was taken.")
    next_attempt: str | None = Field(None, description="When a failed one is tried again.")


class NewHookOut(HookOut):
    """A webhook that was just made."""

    secret: str = Field(..., description="It is shown this once.")
    address: str | None = Field(None, description="Of an incoming one: where to post.")


class HooksOut(Schema):
    """The webhooks of a room."""

    hooks: list[HookOut] = Field(..., description="Incoming ones first, each kind newest first.")


class DeliveryOut(Schema):
    """One attempt of an outgoing webhook."""

    type: str
    event: str = Field(..., description="The id of the event: room-<room>:<number>.")
    attempt: int
    status: int | None = Field(..., description="What the receiver answered; null for no answer.")
    error: str | None = Field(..., description="What went wrong, in words.")
    ms: int
    date: str = Field(..., description="ISO 8601, UTC.")


class DeliveriesOut(Schema):
    """The last attempts of an outgoing webhook."""

    deliveries: list[DeliveryOut] = Field(..., description="Newest first.")


class TokenIn(Schema):
    """A token to make."""

    name: str = Field(..., description="What it is for.", json_schema_extra=_limit(TOKEN_NAME_MAX))
    scopes: list[str] | str = Field(
        [Scope.READ.value, Scope.POST.value], description="read, post and manage: a list, or words with spaces."
    )
    days: int | None = Field(TOKEN_DAYS, description="How long it is good; null for one without an end, if allowed.")


class TokenOut(Schema):
    """A token, without its secret."""

    id: str
    name: str
    scopes: list[str]
    hint: str = Field(..., description="The last four characters of the secret.")
    created: str = Field(..., description="ISO 8601, UTC.")
    expires: str | None = Field(..., description="ISO 8601, UTC; null: it has no end.")
    last_used: str | None = Field(..., alias="last-used", description="To the hour; null: never.")


class NewTokenOut(TokenOut):
    """A token that was just made."""

    token: str = Field(..., description="The secret. It is shown this once.")


class TokensOut(Schema):
    """The tokens of an account."""

    tokens: list[TokenOut] = Field(..., description="Newest first, expired ones for 30 days or so.")


class BotIn(Schema):
    """A bot to make."""

    username: str
    name: str = Field("", description="The name that others see; the user name if empty.")


class BotOut(Schema):
    """A bot of one's own."""

    username: str
    name: str


class BotsOut(Schema):
    """The bots of a person."""

    bots: list[BotOut] = Field(..., description="By user name.")


class BroadcastIn(Schema):
    """A message to many rooms."""

    text: str = Field(
        ..., description="Plain text, counted in characters.", json_schema_extra=_limit(settings.MESSAGE_MAX_CHARS)
    )
    type: int = Field(0, description="0 message, 1 warning, 2 alert, 3 muted.")
    rooms: list[str] | str | None = Field(
        None, description="Names of rooms: a list, or words with spaces. All rooms if left out."
    )


class BroadcastOut(Schema):
    """How far a broadcast has come."""

    rooms: int = Field(..., description="How many rooms it is for.")
    sent: int = Field(..., description="Into how many this request has written.")
    left: int = Field(..., description="How many are left: repeat the request with its key.")


class HookPostIn(Schema):
    """What an incoming webhook posts."""

    text: str = Field(
        ..., description="Plain text, counted in characters.", json_schema_extra=_limit(settings.MESSAGE_MAX_CHARS)
    )


class ProblemOut(Schema):
    """A refusal (RFC 9457)."""

    type: str
    title: str
    status: int
    code: str
    detail: str
    retry_after: int | None = None
