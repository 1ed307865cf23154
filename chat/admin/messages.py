"""What was said: searched and read, and its text deleted. No row is removed: readers need its frame."""

from typing import Any

from django.contrib import admin
from django.contrib.admin.actions import delete_selected
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse

from chat import access
from chat.actions import operators
from chat.admin.base import ReadOnlyAdmin, operator_of
from chat.models import Message, Room

ROOMS_SHOWN = 25


class RoomFilter(admin.SimpleListFilter):
    """The rooms that were used last, and the one that is asked for: a list of all could be endless."""

    title = "room"
    parameter_name = "room__id__exact"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Their row ids and titles."""
        rooms = Room.objects.live().exclude(last_event_at=None).order_by("-last_event_at")
        found = dict(rooms.values_list("pk", "title")[:ROOMS_SHOWN])
        if (chosen := self._chosen()) is not None and chosen not in found:
            found |= dict(Room.objects.filter(pk=chosen).values_list("pk", "title"))
        return [(str(pk), title) for pk, title in found.items()]

    def has_output(self) -> bool:
        """The parameter must be understood also while no room was used."""
        return True

    def queryset(self, request: HttpRequest, queryset: QuerySet[Message]) -> QuerySet[Message]:
        """The messages of the chosen room."""
        if not self.value():
            return queryset
        return queryset.filter(room_id=self._chosen() or 0)

    def _chosen(self) -> int | None:
        value = self.value() or ""
        return int(value) if value.isascii() and value.isdigit() and len(value) < 19 else None


@admin.register(Message)
class MessageAdmin(ReadOnlyAdmin):
    """Messages of all rooms, private ones among them: who has the permission to view them can read everything."""

    list_display = ("created", "room", "name", "start", "type", "deleted")
    list_display_links = ("created", "start")
    list_filter = ("type", RoomFilter)
    list_select_related = ("room",)
    search_fields = ("text", "name", "author__username")
    ordering = ("-pk",)
    actions = ("delete_selected",)
    readonly_fields = ("created", "deleted_at", "edited_at", "eid", "address")
    fields = ("room", "eid", "name", "author", "type", "text", "created", "edited_at", "deleted_at", "address")

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Deleting is of the text, so only once."""
        return super().has_delete_permission(request, obj) and not (obj and obj.deleted_at)

    def delete_model(self, request: HttpRequest, obj: Message) -> None:
        """Delete the text: from the history, the log of events, and open pages."""
        operator = operator_of(request)
        room = access.room_for_operator(operator, obj.room_id, "chat.delete_message")
        operators.delete_text(operator, room, obj.eid, obj.author)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Message]) -> None:
        """Those that were not deleted before."""
        super().delete_queryset(request, queryset.filter(deleted_at=None))

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """Those that were deleted before need nothing."""
        return super().get_deleted_objects([obj for obj in objs if not obj.deleted_at], request)

    def loss(self, obj: Message) -> str:
        """In words."""
        return f"The text of {obj} in {obj.room}"

    @admin.action(description="Delete the text of selected messages", permissions=["delete"])
    def delete_selected(self, request: HttpRequest, queryset: QuerySet[Message]) -> HttpResponse | None:
        """Asks once more, as for everything that is deleted here."""
        return delete_selected(self, request, queryset)

    @admin.display(description="text")
    def start(self, message: Message) -> str:
        """The beginning of the text."""
        return f"{message.text[:80]}…" if len(message.text) > 80 else message.text or "–"

    @admin.display(boolean=True)
    def deleted(self, message: Message) -> bool:
        """Whether the text was deleted."""
        return message.deleted_at is not None
