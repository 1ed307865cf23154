"""Mutes and bans, invites, and the audit."""

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import Model, QuerySet
from django.http import HttpRequest

from chat import access, actions, requester
from chat.actions import operators
from chat.admin.base import ReadOnlyAdmin, operator_of
from chat.models import AuditEntry, Invite, Restriction


class RestrictionForm(forms.ModelForm):  # type: ignore[type-arg]
    """A new mute or ban."""

    class Meta:
        model = Restriction
        fields = ("room", "kind", "user", "address", "until")

    def clean_address(self) -> str:
        """As it is stored."""
        address = str(self.cleaned_data["address"])
        try:
            return requester.parse_network(address) if address else ""
        except ValueError:
            words = "Give an address of IPv4 or IPv6, or a network of IPv6 with 64 bits, as 2001:db8::/64."
            raise forms.ValidationError(words) from None

    def clean(self) -> dict[str, Any]:
        """The database asks the same, in other words."""
        data = super().clean() or self.cleaned_data
        if bool(data.get("user")) == bool(data.get("address")):
            raise forms.ValidationError("Name an account, or an address for who has none: one of them.")
        return data


@admin.register(Restriction)
class RestrictionAdmin(ReadOnlyAdmin):
    """Who may not post, or not read either. To change one, add it again: it takes the place of the other."""

    form = RestrictionForm
    list_display = ("room", "kind", "user", "address", "until", "created_by", "created")
    list_filter = ("kind",)
    search_fields = ("user__username", "user__display_name", "address", "room__name", "room__title")
    autocomplete_fields = ("room", "user")
    ordering = ("-pk",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Restriction]:
        """Those of rooms that were not deleted."""
        found = super().get_queryset(request).filter(room__deleted_at=None)
        return found.select_related("room", "user", "created_by")

    def has_add_permission(self, request: HttpRequest) -> bool:
        """By Django's permission."""
        return request.user.has_perm("chat.add_restriction")

    def save_model(self, request: HttpRequest, obj: Restriction, form: Any, change: bool) -> None:
        """Mute or ban."""
        operator, data = operator_of(request), form.cleaned_data
        room = access.room_for_operator(operator, data["room"].pk, "chat.add_restriction")
        whom = data["user"] or data["address"]
        obj.pk = actions.restrict(operator, room, data["kind"], whom, until=data["until"]).pk

    def delete_model(self, request: HttpRequest, obj: Restriction) -> None:
        """Take it back."""
        operator = operator_of(request)
        room = access.room_for_operator(operator, obj.room_id, "chat.delete_restriction")
        actions.lift(operator, room, obj.pk)


@admin.register(Invite)
class InviteAdmin(ReadOnlyAdmin):
    """Links into rooms. The links themselves are not stored."""

    list_display = ("room", "created_by", "created", "expires", "withdrawn_at")
    list_display_links = None
    list_select_related = ("room", "created_by")
    search_fields = ("room__name", "room__title", "created_by__username")
    ordering = ("-pk",)
    actions = ("withdraw",)
    exclude = ("digest",)

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """They are withdrawn, and stay."""
        return False

    def has_withdraw_permission(self, request: HttpRequest) -> bool:
        """Who may change invites: the action asks this."""
        return request.user.has_perm("chat.change_invite")

    @admin.action(description="Withdraw selected invites", permissions=["withdraw"])
    def withdraw(self, request: HttpRequest, queryset: QuerySet[Invite]) -> None:
        """The links lead nowhere any more."""
        operator = operator_of(request)
        invites = list(queryset.filter(withdrawn_at=None, room__deleted_at=None).order_by("room_id", "pk"))
        for invite in invites:
            room = access.room_for_operator(operator, invite.room_id, "chat.change_invite")
            operators.withdraw_invite(operator, room, invite.pk)
        self.report(request, len(invites), "Withdrawn")


@admin.register(AuditEntry)
class AuditEntryAdmin(ReadOnlyAdmin):
    """What was done by whom. Nobody writes or removes it here."""

    list_display = ("created", "actor", "action", "room", "target", "detail")
    list_filter = ("created",)
    list_select_related = ("actor", "room", "target")
    search_fields = ("action", "detail", "actor__username", "target__username", "room__title")
    ordering = ("-pk",)
    actions = None

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Nobody."""
        return False
