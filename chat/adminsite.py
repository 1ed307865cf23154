"""The admin's site: its name, and the two things it does without a model: change one's password, and sign out."""

from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.admin.forms import AdminPasswordChangeForm
from django.contrib.auth.views import PasswordChangeView
from django.http import HttpRequest
from django.urls import reverse

from chat import actions
from chat.actions import operators
from chat.models import User
from chat.problems import Problem
from chat.signin import is_own_password


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
