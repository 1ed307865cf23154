"""The admin's site: its name, what it takes, and the two things it does without a model: change one's password, and
sign out."""

import logging
import traceback
from collections.abc import Callable
from functools import wraps
from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.admin.forms import AdminPasswordChangeForm
from django.contrib.auth.views import PasswordChangeView
from django.db import DataError, ProgrammingError
from django.http import HttpRequest, HttpResponseBase
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.decorators import method_decorator
from django.views.decorators.http import require_safe
from django.views.generic import RedirectView

from chat import actions
from chat.actions import operators
from chat.models import User
from chat.problems import Problem, error_page
from chat.signin import is_own_password

logger = logging.getLogger(__name__)
View = Callable[..., HttpResponseBase]
# What Django's admin lets pass of input that no form, filter or database can make anything of.
_UNREADABLE = (ValueError, TypeError, OverflowError, IndexError, DataError, ProgrammingError)


def readable(view: View) -> View:
    """`view` answers 400 to what can't be read, as numbers that no database holds, and not as if it were an error of
    ours. Django's admin hands filters, rows and the fields of forms on as they were sent."""

    @wraps(view)
    def answer(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        try:
            response = view(request, *args, **kwargs)
            if isinstance(response, TemplateResponse):  # lists ask the database while they are shown
                response.render()
        except _UNREADABLE as error:
            if not (request.GET or request.POST or kwargs):
                raise
            # With where it came from: it could be a mistake of ours, after all.
            logger.warning("can't be read: %s: %s in %s", request.path, type(error).__name__, _place(error))
            return error_page(request, Problem("PARAMETER_INVALID", "This can't be read: choose from the pages."))
        return response

    return answer


def _place(error: BaseException) -> str:
    trace = traceback.extract_tb(error.__traceback__)[-1]
    return f"{trace.filename}:{trace.lineno}"


class OwnPasswordForm(AdminPasswordChangeForm):
    """The form to change one's own password."""

    def clean_old_password(self) -> str:
        """Tries are limited, as on the pages of the chat."""
        try:
            is_own = is_own_password(self.user, self.cleaned_data["old_password"])
        except Problem as problem:
            raise forms.ValidationError(problem.detail) from None
        if not is_own:
            raise forms.ValidationError(self.error_messages["password_incorrect"], code="password_incorrect")
        return str(self.cleaned_data["old_password"])

    def save(self, commit: bool = True) -> Any:
        """Change it as any other change of a password: streams end."""
        operators.set_password(self.user, self.user, self.cleaned_data["new_password1"])
        return self.user


class ChatAdminSite(admin.AdminSite):
    """Django's admin, named, and with a way back to the chat."""

    site_header = "Corkboard"
    site_title = "Corkboard"
    index_title = "Administration"
    site_url = None  # its link is in templates/admin/base_site.html
    final_catch_all_view = False  # it redirects by the last slash, see chat.spellings

    def get_urls(self) -> list[Any]:
        """Django's, but for that of links to pages of the site, which nothing here uses: its expression takes time by
        the square of an address's length."""
        return [url for url in super().get_urls() if getattr(url, "name", "") != "view_on_site"]

    def admin_view(self, view: Any, cacheable: bool = False) -> Any:
        """Every page but that to sign in, see readable. Who may not see it is sent there, or refused a change."""
        if getattr(view, "view_class", None) is RedirectView:  # the addresses of rows in Django's old admin
            view = require_safe(view)
        answer = super().admin_view(readable(view), cacheable)

        @wraps(answer)
        def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            if request.method in ("GET", "HEAD") or self.has_permission(request):
                return answer(request, *args, **kwargs)
            code = "ROOM_ACCESS_DENIED" if request.user.is_authenticated else "USER_HAS_TO_LOGIN"
            problem = Problem(code, "Sign in as staff first: nothing was changed.")
            return error_page(request, problem, back=request.path)

        return guarded

    @method_decorator(readable)
    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        """Sign in."""
        return super().login(request, extra_context)

    def logout(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        """Sign out: what is read by right ends, as on the pages of the chat."""
        if request.method == "POST" and isinstance(request.user, User):
            actions.end_session(request.user, request.session.session_key)
        return super().logout(request, extra_context)

    def password_change(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        """Change one's own password."""
        view = PasswordChangeView.as_view(
            form_class=OwnPasswordForm,
            success_url=reverse("admin:password_change_done", current_app=self.name),
            template_name="registration/password_change_form.html",
            extra_context={**self.each_context(request), **(extra_context or {})},
        )
        return view(request)
