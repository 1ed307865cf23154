"""/api/broadcast/: one message into many rooms, by staff."""

from django.http import HttpRequest, HttpResponse
from ninja import Field, Router, Schema

from chat import actions
from chat.api.answers import WRITE_REFUSALS, answer, body_of, words, writer
from chat.api.schemas import MessageText, ProblemOut

router = Router(tags=["broadcast"])


class BroadcastIn(Schema):
    """A message to many rooms."""

    text: MessageText
    type: int = Field(0, description="0 message, 1 warning, 2 alert, 3 muted.")
    rooms: list[str] | str | None = Field(
        None, description="Names of rooms: a list, or words with spaces. All rooms if left out."
    )


class BroadcastOut(Schema):
    """How far a broadcast has come."""

    rooms: int = Field(..., description="How many rooms it is for.")
    sent: int = Field(..., description="Into how many this request has written.")
    left: int = Field(..., description="How many are left: repeat the request with its key.")


@router.post(
    "/broadcast/",
    response={frozenset({200, 202}): BroadcastOut, WRITE_REFUSALS: ProblemOut},
    summary="Write into many rooms",
    openapi_extra=body_of("BroadcastIn"),
)
def broadcast(request: HttpRequest, body: BroadcastIn) -> HttpResponse:
    """A message of yours into all rooms, or into those that are named. For staff.

    202 when rooms are left: repeat the request with the same `Idempotency-Key` to go on. No room gets it twice.
    """
    key = request.headers.get("Idempotency-Key", "")
    names = None if body.rooms is None else words(body.rooms)
    person = writer(request)
    sent = actions.broadcast(person, body.text, kind=body.type, names=names, key=key)
    return answer({"rooms": sent.rooms, "sent": sent.sent, "left": sent.left}, 202 if sent.left else 200)
