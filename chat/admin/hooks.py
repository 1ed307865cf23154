"""Webhooks of all rooms: seen and withdrawn. Owners make them, on the pages of their rooms."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from chat import access, actions
from chat.admin.base import ReadOnlyAdmin, operator_of
from chat.models import IncomingHook, OutgoingHook


class HookAdmin(ReadOnlyAdmin):
    """What both kinds share."""

    list_display_links = None
    ordering = ("-pk",)
    permission = ""

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Those of rooms that were not deleted."""
        return super().get_queryset(request).filter(room__deleted_at=None)

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        """Withdraw it."""
        operator = operator_of(request)
        room = access.room_for_operator(operator, obj.room_id, self.permission)
        actions.withdraw_hook(operator, room, obj)


@admin.register(IncomingHook)
class IncomingHookAdmin(HookAdmin):
    """What programs post by. The secrets are not stored."""

    permission = "chat.delete_incominghook"
    list_display = ("room", "user", "created_by", "created")
    list_select_related = ("room", "user", "created_by")
    search_fields = ("room__name", "room__title", "user__display_name", "created_by__username")
    exclude = ("digest",)


@admin.register(OutgoingHook)
class OutgoingHookAdmin(HookAdmin):
    """Where what is said goes."""

    permission = "chat.delete_outgoinghook"
    list_display = ("room", "url", "created_by", "created", "failures", "disabled_at", "disabled_why")
    list_select_related = ("room", "created_by")
    search_fields = ("room__name", "room__title", "url", "created_by__username")
    exclude = ("secret", "lease")
