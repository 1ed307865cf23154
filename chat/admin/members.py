"""Who belongs to a room: in the room's own page, and as a list for large rooms."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from chat import access, actions
from chat.actions import operators
from chat.admin.base import ReadOnlyAdmin, TabularInline, operator_of
from chat.models import Membership, Room, User


class NewMemberInline(TabularInline):
    """Makes members of a room."""

    model = Membership
    fields = ("user", "role")
    autocomplete_fields = ("user",)
    verbose_name_plural = "new members"
    can_delete = False
    extra = 1

    def get_queryset(self, request: HttpRequest) -> QuerySet[Membership]:
        """Those who are here already are below."""
        return super().get_queryset(request).none()


class MemberInline(TabularInline):
    """The members of a room: their roles, or none any more."""

    model = Membership
    fields = ("user", "role", "joined")
    readonly_fields = ("user", "joined")
    ordering = ("joined",)
    extra = 0

    def get_queryset(self, request: HttpRequest) -> QuerySet[Membership]:
        """With their names."""
        return super().get_queryset(request).select_related("user", "room")

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """They are added above."""
        return False


def save_members(operator: User, room_id: int, formset: Any) -> None:
    """Do what a form of members says: new ones and owners first, so that a room may be handed on in one go."""
    formset.save(commit=False)
    for member in formset.new_objects:
        room = access.room_for_operator(operator, room_id, "chat.add_membership")
        operators.add_member(operator, room, member.user, member.role)
    changed = [member for member, _ in formset.changed_objects]
    for member in sorted(changed, key=lambda one: one.role != Membership.Role.OWNER):
        room = access.room_for_operator(operator, room_id, "chat.change_membership")
        actions.set_role(operator, room, member.user, member.role)
    for member in formset.deleted_objects:
        room = access.room_for_operator(operator, room_id, "chat.delete_membership")
        actions.remove_member(operator, room, member.user)


@admin.register(Membership)
class MembershipAdmin(ReadOnlyAdmin):
    """Who belongs where: for rooms with more members than a room's own page shows."""

    list_display = ("user", "room", "role", "joined")
    list_display_links = None
    list_filter = ("role",)
    list_select_related = ("user", "room")
    search_fields = ("user__username", "user__display_name", "room__name", "room__title")
    ordering = ("room", "joined", "pk")
    actions = ("make_owner", "make_moderator", "make_member")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Membership]:
        """Those of rooms that were not deleted."""
        members = super().get_queryset(request).filter(room__deleted_at=None)
        return members.exclude(room__kind=Room.Kind.STRANGERS)

    def delete_model(self, request: HttpRequest, obj: Membership) -> None:
        """Take them off the room."""
        room = access.room_for_operator(operator_of(request), obj.room_id, "chat.delete_membership")
        actions.remove_member(operator_of(request), room, obj.user)

    def has_set_role_permission(self, request: HttpRequest) -> bool:
        """Who may change memberships: the actions ask this."""
        return request.user.has_perm("chat.change_membership")

    @admin.action(description="Make owner", permissions=["set_role"])
    def make_owner(self, request: HttpRequest, queryset: QuerySet[Membership]) -> None:
        """May change the room."""
        self._set_role(request, queryset, Membership.Role.OWNER)

    @admin.action(description="Make moderator", permissions=["set_role"])
    def make_moderator(self, request: HttpRequest, queryset: QuerySet[Membership]) -> None:
        """May delete, mute and ban."""
        self._set_role(request, queryset, Membership.Role.MODERATOR)

    @admin.action(description="Make plain member", permissions=["set_role"])
    def make_member(self, request: HttpRequest, queryset: QuerySet[Membership]) -> None:
        """May read and post."""
        self._set_role(request, queryset, Membership.Role.MEMBER)

    def _set_role(self, request: HttpRequest, queryset: QuerySet[Membership], role: Membership.Role) -> None:
        operator = operator_of(request)
        members = list(queryset.exclude(role=role).order_by("room_id", "pk"))
        for member in members:
            room = access.room_for_operator(operator, member.room_id, "chat.change_membership")
            actions.set_role(operator, room, member.user, role)
        self.report(request, len(members), f"Made {role.label.lower()}")
