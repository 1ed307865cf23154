"""/strangers: meet somebody by chance."""

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from chat import actions, directory, requester
from chat.models import User
from chat.pages.answers import page_response
from chat.pages.context import page_context, transport_of
from chat.problems import Problem, error_page
from chat.wire import encode


@require_safe
def strangers(request: HttpRequest) -> HttpResponse:
    """GET /strangers: the page, in the state that the visitor is in."""
    try:
        if not settings.STRANGERS:
            raise Problem("NOT_FOUND", "Strangers don't meet here.")
        transport = transport_of(request)
        person = requester.viewer_of(request)
    except Problem as problem:
        return error_page(request, problem)
    one = actions.find_stranger(person) if isinstance(person, User) else None
    state = directory.stranger_state(one)
    context = {
        **page_context(person, person.shown_name if isinstance(person, User) else "", transport),
        "room": {"name": "strangers", "title": "the stranger"},  # of the form: it is one for all partners
        "state": state["state"],
        "state_json": encode(state),
        "has_blocks": isinstance(person, User) and person.blocks.exists(),
        "is_barred": one is not None and one.barred_at is not None,
        "may_enter": person.is_authenticated or settings.GUESTS,
        "reason_max": actions.REASON_MAX,
    }
    return page_response(request, "strangers.html", context)
