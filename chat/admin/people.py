"""Accounts, guests and API tokens."""

from collections.abc import Callable
from copy import copy
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

from django import forms
from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin as DjangoGroupAdmin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.forms import AdminPasswordChangeForm, AdminUserCreationForm, UserChangeForm
from django.contrib.auth.models import Group
from django.db.models import Model, OuterRef, QuerySet, Subquery
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from chat import access
from chat.actions import operators
from chat.admin.base import ChatAdmin, ReadOnlyAdmin, operator_of
from chat.models import ApiToken, Session, User
from chat.names import clean_person_name

if TYPE_CHECKING:
    _UserAdmin = DjangoUserAdmin[User]
    _UserForm = UserChangeForm[User]
    _PasswordForm = AdminPasswordChangeForm[User]
else:  # Django's own classes take no parameters
    _UserAdmin, _UserForm, _PasswordForm = DjangoUserAdmin, UserChangeForm, AdminPasswordChangeForm

PERMISSIONS = ("is_superuser", "groups", "user_permissions")


class AccountForm(_UserForm):
    """What may be changed of an account."""

    def clean_display_name(self) -> str:
        """A name as everywhere; none when it had none."""
        name = str(self.cleaned_data["display_name"])
        if not name and not self.initial.get("display_name"):
            return ""
        try:
            return clean_person_name(name)
        except ValueError as error:
            raise forms.ValidationError(str(error)) from None


class NewAccountForm(AdminUserCreationForm[User] if TYPE_CHECKING else AdminUserCreationForm):  # type: ignore[misc]
    """Takes a user name as it was typed: once it is normalised its look-alikes can't be told any more."""

    class Meta(AdminUserCreationForm.Meta):
        """No UsernameField."""

        model = User
        field_classes: ClassVar[dict[str, Any]] = {}


class PasswordForm(_PasswordForm):
    """Gives somebody else a password, or takes it. `operator` is who asks."""

    def __init__(self, user: User, *args: Any, operator: User, **kwargs: Any) -> None:
        self.operator = operator
        super().__init__(user, *args, **kwargs)

    def save(self, commit: bool = True) -> Any:
        """As any other change of a password: streams end."""
        password = self.cleaned_data["password1"] if self.cleaned_data["set_usable_password"] else None
        operators.set_password(self.operator, self.user, password)
        return self.user


@admin.register(User)
class UserAdmin(ChatAdmin, _UserAdmin):
    """Accounts and guests."""

    form = AccountForm
    add_form = NewAccountForm
    list_display = ("username", "shown", "is_active", "is_staff", "is_guest", "is_bot", "session_until", "date_joined")
    list_filter = ("is_staff", "is_superuser", "is_guest", "is_bot", "is_active")
    search_fields = ("username", "display_name")
    ordering = ("username",)
    actions = ("close", "reopen", "make_staff", "take_staff", "end_sessions", "withdraw_tokens")
    readonly_fields = ("username", "is_guest", "is_bot", "owner", "left_at", "last_login", "date_joined")
    fieldsets = (
        (None, {"fields": ("username", "password", "display_name", "is_active", "is_guest", "is_bot", "owner")}),
        ("What they may do here", {"fields": ("is_staff", *PERMISSIONS)}),
        ("Dates", {"fields": ("last_login", "left_at", "date_joined")}),
    )
    add_fieldsets = ((None, {"fields": ("username", "display_name", "usable_password", "password1", "password2")}),)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """Who is staff, and what staff may do, is for superusers."""
        if obj is None:
            return ()
        return self.readonly_fields if request.user.is_superuser else (*self.readonly_fields, "is_staff", *PERMISSIONS)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """The accounts of staff are for superusers."""
        return super().has_change_permission(request, obj) and _may_act_on(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """The accounts of staff are for superusers."""
        return super().has_delete_permission(request, obj) and _may_act_on(request, obj)

    def has_appoint_permission(self, request: HttpRequest) -> bool:
        """Who may say who is staff: the actions ask this."""
        return request.user.is_superuser

    def has_withdraw_permission(self, request: HttpRequest) -> bool:
        """Who may withdraw tokens: the action asks this."""
        return request.user.has_perm("chat.delete_apitoken")

    def user_change_password(self, request: HttpRequest, id: str, form_url: str = "") -> HttpResponse:
        """Its form is made without the request, so a copy of this admin for the request gives it the operator."""
        own = copy(self)
        own.change_password_form = partial(PasswordForm, operator=operator_of(request))
        return self.guarded(request, partial(DjangoUserAdmin.user_change_password, own), id, form_url)

    def get_queryset(self, request: HttpRequest) -> QuerySet[User]:
        """With the end of the session that ends last."""
        sessions = Session.objects.filter(user=OuterRef("pk")).order_by("-expire_date")
        people: QuerySet[User] = super().get_queryset(request)
        return people.annotate(session_until=Subquery(sessions.values("expire_date")[:1]))

    @admin.display(description="signed in until", ordering="session_until", empty_value="-")
    def session_until(self, user: Any) -> datetime | None:
        """When the last session is over, unless it is used before that: a session is renewed by use."""
        until: datetime | None = user.session_until
        return until if until and until > timezone.now() else None

    @admin.display(description="shown name", ordering="display_name")
    def shown(self, user: User) -> str:
        """The name others see."""
        return user.shown_name

    def save_model(self, request: HttpRequest, obj: User, form: Any, change: bool) -> None:
        """Add it, or do what was changed, each by an action of its own."""
        operator, data = operator_of(request), form.cleaned_data
        if not change:
            password = data["password1"] if data["set_usable_password"] else None
            obj.pk = operators.add_account(operator, data["username"], password, data["display_name"]).pk
            return
        user = User.objects.get(pk=obj.pk)  # as it is stored: `obj` has the values of the form
        changed = set(form.changed_data)
        if "display_name" in changed:
            operators.rename(operator, user, data["display_name"])
        if "is_staff" in changed:
            operators.appoint(operator, user, data["is_staff"])
        if "is_active" in changed:
            (operators.reopen if data["is_active"] else operators.close)(operator, user)
        if changed & set(PERMISSIONS):
            operators.set_permissions(
                operator,
                user,
                is_superuser=data["is_superuser"],
                groups=data["groups"],
                permissions=data["user_permissions"],
            )

    def delete_model(self, request: HttpRequest, obj: User) -> None:
        """What they wrote stays."""
        operators.remove(operator_of(request), obj)

    def loss(self, obj: User) -> str:
        """In words."""
        return f"{obj.username}: the account, its tokens, memberships and invites. What it wrote stays, unverified."

    @admin.action(description="Close selected accounts", permissions=["change"])
    def close(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        """Sessions, tokens and streams end."""
        self._each(request, queryset.filter(is_active=True), operators.close, "Closed")

    @admin.action(description="Reopen selected accounts", permissions=["change"])
    def reopen(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        """They may sign in again."""
        self._each(request, queryset.filter(is_active=False), operators.reopen, "Reopened")

    @admin.action(description="Make staff", permissions=["appoint"])
    def make_staff(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        """They read rooms of staff and moderate."""
        self._each(request, queryset.filter(is_staff=False), partial(operators.appoint, is_staff=True), "Made staff")

    @admin.action(description="Take staff away", permissions=["appoint"])
    def take_staff(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        """The streams of what they may not read any more end."""
        plain = partial(operators.appoint, is_staff=False)
        self._each(request, queryset.filter(is_staff=True), plain, "No longer staff")

    @admin.action(description="End sessions", permissions=["change"])
    def end_sessions(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        """Signed out everywhere."""
        self._each(request, queryset, operators.end_sessions, "Signed out everywhere")

    @admin.action(description="Withdraw API tokens", permissions=["withdraw"])
    def withdraw_tokens(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        """Programs are signed out."""
        owners = queryset.filter(tokens__isnull=False).distinct()
        self._each(request, owners, operators.withdraw_tokens, "Tokens withdrawn of accounts")

    def _each(
        self, request: HttpRequest, queryset: QuerySet[User], act: Callable[[User, User], Any], what: str
    ) -> None:
        users = list(queryset.order_by("pk"))
        for user in users:
            act(operator_of(request), user)
        self.report(request, len(users), what)


@admin.register(ApiToken)
class ApiTokenAdmin(ReadOnlyAdmin):
    """What programs sign in with. The tokens themselves are not stored, and their digests not shown.

    Withdrawing one withdraws those that were made by it, too.
    """

    list_display = ("user", "name", "hint", "scopes", "created", "expires", "last_used_at")
    list_display_links = None
    list_select_related = ("user",)
    search_fields = ("user__username", "user__display_name")
    ordering = ("-pk",)
    exclude = ("digest",)
    list_filter = ("user__is_bot",)

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """The tokens of staff are for superusers."""
        account = obj.user if isinstance(obj, ApiToken) else None
        return super().has_delete_permission(request, obj) and _may_act_on(request, account)

    def delete_model(self, request: HttpRequest, obj: ApiToken) -> None:
        """Withdraw it."""
        operators.withdraw_tokens(operator_of(request), obj.user, [obj.pk])


admin.site.unregister(Group)  # Django's own page lets staff change what their own group may do


@admin.register(Group)
class GroupAdmin(ChatAdmin, DjangoGroupAdmin):
    """What the staff of a group may do."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Superusers."""
        return bool(request.user.is_superuser)

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Superusers; who has the permission to view groups may look."""
        return bool(request.user.is_superuser)

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Superusers."""
        return bool(request.user.is_superuser)

    def save_model(self, request: HttpRequest, obj: Group, form: Any, change: bool) -> None:
        """Make it, or change it."""
        operators.save_group(operator_of(request), obj, form.cleaned_data["permissions"])

    def delete_model(self, request: HttpRequest, obj: Group) -> None:
        """Its staff lose what they might do by it."""
        operators.delete_group(operator_of(request), obj)


def _may_act_on(request: HttpRequest, account: User | None) -> bool:
    return account is None or access.can_operate(operator_of(request), account)
