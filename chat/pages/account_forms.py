"""The forms about people: what a browser needs to fill and to explain them. chat.actions checks what was typed."""

from typing import Any

from django import forms
from django.contrib.auth.forms import UsernameField
from django.core.exceptions import ValidationError

from chat.actions.people import PASSWORD_MAX
from chat.names import PERSON_NAME_MAX

HINT = "At least 8 characters, and not a common one."
USERNAME_HINT = "You sign in with it. It stays as it is. Letters, digits and @ . + - _"


class PersonForm(forms.Form):
    """Says what is wrong next to the field, and puts the cursor there."""

    def blame(self, error: ValidationError) -> None:
        """Take over what an action refused; what belongs to no field of this form stands above all."""
        if not hasattr(error, "error_dict"):
            self.add_error(None, error)
            return
        for field, errors in error.error_dict.items():
            self.add_error(field if field in self.fields else None, errors)

    def set_focus(self) -> None:
        """Put the cursor into the first field that is wrong, or else into the first."""
        names = [name for name in self.fields if self.is_bound and name in self.errors] or list(self.fields)
        if names and not (any(self.initial.values()) and not self.errors):  # what is filled in needs no keyboard yet
            self.fields[names[0]].widget.attrs["autofocus"] = True


def _name(label: str, **more: Any) -> forms.CharField:
    attrs = {"autocomplete": "nickname", "dir": "auto", "spellcheck": "false", "autocapitalize": "words"}
    return forms.CharField(label=label, max_length=PERSON_NAME_MAX, widget=forms.TextInput(attrs=attrs), **more)


_USERNAME = {"autocomplete": "username", "autocapitalize": "none", "spellcheck": "false"}


def _username(**more: Any) -> forms.CharField:
    """As it was typed, not as Django's UsernameField normalises it: then its look-alikes could not be told any more."""
    widget = forms.TextInput(attrs=_USERNAME)
    return forms.CharField(label="User name", max_length=PERSON_NAME_MAX, widget=widget, **more)


def _password(label: str, *, new: bool, **more: Any) -> forms.CharField:
    attrs = {"autocomplete": "new-password" if new else "current-password"}
    widget = forms.PasswordInput(attrs=attrs)
    return forms.CharField(label=label, max_length=PASSWORD_MAX, strip=False, widget=widget, **more)


class SignUpForm(PersonForm):
    """A new account."""

    username = _username(help_text=USERNAME_HINT)
    display_name = _name(
        "Display name", required=False, help_text="The name that others see. If left empty, the user name."
    )
    password = _password("Password", new=True, help_text=HINT)


class SignInForm(PersonForm):
    """An account that is there."""

    username = UsernameField(label="User name", max_length=PERSON_NAME_MAX, widget=forms.TextInput(attrs=_USERNAME))
    password = _password("Password", new=False)


class GuestForm(PersonForm):
    """A nickname."""

    display_name = _name("Your name")


class NameForm(PersonForm):
    """Another name for who is here."""

    display_name = _name("Display name", help_text="The name that others see.")


class AccountForm(PersonForm):
    """What a guest needs to become an account."""

    username = _username(help_text=USERNAME_HINT)
    password = _password("Password", new=True, help_text=HINT)


class PasswordForm(PersonForm):
    """Another password."""

    old = _password("Current password", new=False)
    password = _password("New password", new=True, help_text=HINT)


class CloseForm(PersonForm):
    """The end of an account, which takes its password."""

    old = _password("Your password", new=False)
