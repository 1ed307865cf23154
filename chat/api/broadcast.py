"""/api/broadcast/: one message into many rooms, by staff."""

from django.http import HttpRequest, HttpResponse
from ninja import Router

from chat import actions
from chat.api.answers import WRITE_REFUSALS, answer, body_of, words, writer
from chat.api.schemas import BroadcastIn, BroadcastOut, ProblemOut

router = Router(tags=["broadcast"])


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
