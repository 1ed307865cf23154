"""The pages about people: sign up, sign in and out, be a guest, the profile, the password, the end of an account."""

from collections.abc import Callable
from functools import wraps

from django.conf import settings
from django.contrib.auth import authenticate, login, logout, update_session_auth_hash
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect, QueryDict
from django.shortcuts import render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from chat import actions, signin
from chat.models import User
from chat.names import PERSON_NAME_MAX
from chat.pages import account_forms
from chat.pages.account_forms import PersonForm
from chat.pages.answers import page_response, sign_in_first
from chat.problems import Problem, error_page

WRONG = "User name or password is wrong."
NEXT_MAX = 500  # characters
View = Callable[..., HttpResponse]


def page(view: View) -> View:
    """A page with a form: GET and POST, never kept by a cache, passwords in no report of an error."""
    return require_http_methods(["GET", "POST"])(never_cache(sensitive_post_parameters()(view)))


def for_people(view: View) -> View:
    """A page for who is signed in; others sign in first and come back."""

    @wraps(view)
    def guarded(request: HttpRequest) -> HttpResponse:
        if not isinstance(request.user, User):
            return sign_in_first(request)
        return view(request, request.user)

    return guarded


@page
def sign_up(request: HttpRequest) -> HttpResponse:
    """/accounts/sign-up/: make an account, if SIGN_UP lets people do so."""
    if not settings.SIGN_UP:
        return error_page(request, Problem("NOT_FOUND", "Accounts are made by the operator here."))
    if request.user.is_authenticated:
        return HttpResponseRedirect(reverse("profile"), status=303)

    def make(form: PersonForm) -> HttpResponse:
        signin.limit_new(request, "sign up")
        fields = form.cleaned_data
        return _enter(request, actions.sign_up(fields["username"], fields["password"], fields["display_name"]))

    return _form_page(request, "accounts/sign_up.html", account_forms.SignUpForm(_sent(request)), make)


@page
def sign_in(request: HttpRequest) -> HttpResponse:
    """/accounts/sign-in/: an unknown name and a wrong password answer the same, and take the same time."""
    if request.user.is_authenticated:
        return HttpResponseRedirect(_next(request), status=303)

    def enter(form: PersonForm) -> HttpResponse:
        user = authenticate(request, **form.cleaned_data)
        if not isinstance(user, User):
            raise ValidationError({"password": WRONG})
        return _enter(request, user)

    return _form_page(request, "accounts/sign_in.html", account_forms.SignInForm(_sent(request)), enter)


@page
def sign_out(request: HttpRequest) -> HttpResponse:
    """/accounts/sign-out/: POST ends the session, and what is read by it. A guest is asked first, on a page of its own:
    the session is all that a guest has."""
    user = request.user
    if isinstance(user, User) and user.is_guest and "confirm" not in request.POST:
        if request.method == "POST":
            return HttpResponseRedirect(reverse("sign-out"), status=303)
        return render(request, "accounts/sign_out.html", {"next": _next(request), "sign_up_on": settings.SIGN_UP})
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    if isinstance(user, User):
        actions.end_session(user, request.session.session_key)
    logout(request)
    return HttpResponseRedirect(_next(request), status=303)


@page
def guest(request: HttpRequest) -> HttpResponse:
    """/accounts/guest/: keep a nickname to oneself for as long as one is here, if GUESTS lets people do so."""
    if not settings.GUESTS:
        return error_page(request, Problem("NOT_FOUND", "There are no guests here: sign in."))
    if request.user.is_authenticated:
        return HttpResponseRedirect(_next(request), status=303)

    def make(form: PersonForm) -> HttpResponse:
        signin.limit_new(request, "guest")
        return _enter(request, actions.make_guest(form.cleaned_data["display_name"]))

    name = {"display_name": request.GET.get("name", "")}
    return _form_page(request, "accounts/guest.html", account_forms.GuestForm(_sent(request), initial=name), make)


@page
@for_people
def profile(request: HttpRequest, user: User) -> HttpResponse:
    """/accounts/profile/: who one is, and the name that others see."""

    def change(form: PersonForm) -> HttpResponse:
        limits = signin.limits_of_names(user)
        actions.change_name(_fresh(user), form.cleaned_data["display_name"], limits=limits)
        return _saved()

    name = {"display_name": user.shown_name}
    return _form_page(request, "accounts/profile.html", account_forms.NameForm(_sent(request), initial=name), change)


@page
@for_people
def become(request: HttpRequest, user: User) -> HttpResponse:
    """/accounts/become/: a guest becomes an account and keeps what they wrote."""
    if not user.is_guest or not settings.SIGN_UP:
        return HttpResponseRedirect(reverse("profile"), status=303)

    def make(form: PersonForm) -> HttpResponse:
        signin.limit_new(request, "sign up")
        fields = form.cleaned_data
        account = actions.become_account(_fresh(user), fields["username"], fields["password"])
        login(request, account)
        request.session.set_expiry(None)  # an account's session, no longer a guest's
        return signin.remember_device(_saved(), account)

    return _form_page(request, "accounts/become.html", account_forms.AccountForm(_sent(request)), make)


@page
@for_people
def password(request: HttpRequest, user: User) -> HttpResponse:
    """/accounts/password/: another password, which ends all other sessions and what they stream."""
    if user.is_guest:
        return HttpResponseRedirect(reverse("profile"), status=303)

    def change(form: PersonForm) -> HttpResponse:
        _check_password(user, form)
        actions.change_password(user, form.cleaned_data["password"])
        update_session_auth_hash(request, user)
        return _saved()

    return _form_page(request, "accounts/password.html", account_forms.PasswordForm(_sent(request)), change)


@page
@for_people
def close(request: HttpRequest, user: User) -> HttpResponse:
    """/accounts/close/: the end of an account. A guest has no password to prove it with."""

    def end(form: PersonForm) -> HttpResponse:
        if not user.is_guest:
            _check_password(user, form)
        actions.close_account(user, user)
        logout(request)
        return HttpResponseRedirect(reverse("home"), status=303)

    form = PersonForm(_sent(request)) if user.is_guest else account_forms.CloseForm(_sent(request))
    return _form_page(request, "accounts/close.html", form, end)


@require_http_methods(["GET", "POST"])
def setup_administrator(request: HttpRequest, token: str) -> HttpResponse:
    """/accounts/setup/<token>/: the one-time link of `make run`, which makes the first administrator."""
    if not actions.is_setup_token(token):
        return error_page(request, Problem("NOT_FOUND", "This link was used already, or it is not complete."))
    name, error, refused = "", "", None
    if request.method == "POST":
        name, password = request.POST.get("username", ""), request.POST.get("password", "")
        try:
            login(request, actions.make_first_administrator(name, password))
            return HttpResponseRedirect(reverse("home"))
        except ValidationError as invalid:
            error = " ".join(invalid.messages)
        except Problem as problem:
            error, refused = problem.detail, problem
    context = {"error": error, "username": name, "name_max": PERSON_NAME_MAX}
    return page_response(request, "setup.html", context, refused, status=422 if error else 200)


def _form_page(
    request: HttpRequest, template: str, form: PersonForm, act: Callable[[PersonForm], HttpResponse]
) -> HttpResponse:
    """The form; when it was sent and is right, what `act` answers. What `act` refuses stands beside the fields, with
    the status 422, or as 429 above them."""
    problem = None
    if request.method == "POST" and form.is_valid():
        try:
            return act(form)
        except ValidationError as error:
            form.blame(error)
        except Problem as refused:
            problem = refused
            form.add_error(None, refused.detail)
    form.set_focus()
    context = {
        "form": form,
        "next": _next(request),
        "saved": "saved" in request.GET,
        "sign_up_on": settings.SIGN_UP,
        "guests_on": settings.GUESTS,
        "guest_days": settings.GUEST_DAYS,
        "session_days": settings.SESSION_DAYS,
        "held_days": actions.HELD.days,
    }
    response = render(request, template, context, status=problem.status if problem else 422 if form.errors else 200)
    for name, value in (problem.headers if problem else {}).items():
        response[name] = value
    return response


def _sent(request: HttpRequest) -> QueryDict | None:
    return request.POST if request.method == "POST" else None


def _fresh(user: User) -> User:
    """A copy to be changed: the page shows the one of the request as it is, should the change be refused."""
    return User.objects.get(pk=user.pk)


def _saved() -> HttpResponse:
    return HttpResponseRedirect(f"{reverse('profile')}?saved", status=303)


def _check_password(user: User, form: PersonForm) -> None:
    if not signin.is_own_password(user, form.cleaned_data["old"]):
        raise ValidationError({"old": "This is not your password."})


def _enter(request: HttpRequest, user: User) -> HttpResponse:
    """Sign in, under a new session key, and go on to where one came from."""
    response = HttpResponseRedirect(_next(request), status=303)
    if user.is_guest:
        signin.begin_guest(request, user)
        return response
    login(request, user)
    return signin.remember_device(response, user)


def _next(request: HttpRequest) -> str:
    """Where to go on: `next`, if it is a path of ours."""
    path = request.POST.get("next") or request.GET.get("next") or ""
    is_ours = path.startswith("/") and url_has_allowed_host_and_scheme(path, allowed_hosts=None)
    return path if is_ours and len(path) <= NEXT_MAX and path.isprintable() else reverse("home")
