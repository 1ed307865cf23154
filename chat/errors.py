"""What Django shows when something is wrong: its handlers (handler404, …), answering as every refusal does."""

from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest, HttpResponse

from chat.door import too_large
from chat.problems import Problem, error_page, problem_response
from chat.spellings import lead, right_address


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """handler400."""
    if isinstance(exception, RequestDataTooBig):
        return error_page(request, too_large())
    return error_page(request, Problem("BODY_INVALID", "The request can't be read."))


def permission_denied(request: HttpRequest, exception: Exception | None = None, reason: str = "") -> HttpResponse:
    """handler403 and CSRF_FAILURE_VIEW."""
    words = "This form is too old. Go back, load the page anew, and try again." if reason else "You may not do this."
    return error_page(request, Problem("ROOM_ACCESS_DENIED", words))


def page_not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """handler404."""
    if led := lead(request):
        return led
    right = right_address(request.path_info)
    words = (
        f"There is nothing at this address. The right one is {right}." if right else "There is nothing at this address."
    )
    return error_page(request, Problem("NOT_FOUND", words))


def server_error(request: HttpRequest) -> HttpResponse:
    """handler500: something is wrong with us; the log has the rest."""
    return problem_response(
        Problem("SERVICE_UNAVAILABLE", "Something went wrong here. It was logged.", headers={"Retry-After": "5"})
    )
