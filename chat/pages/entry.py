"""What pages for people who are signed in share: the way in for others."""

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.http import urlencode


def sign_in_first(request: HttpRequest) -> HttpResponse:
    """To the page on which one signs in, and then back here."""
    return HttpResponseRedirect(f"{reverse('sign-in')}?{urlencode({'next': request.path})}", status=303)
