"""Rooms."""

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import Count, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html

from chat import access, actions
from chat.actions import operators
from chat.admin.base import ChatAdmin, operator_of
from chat.admin.members import MemberInline, NewMemberInline, save_members
from chat.models import Membership, Room
from chat.names import ROOM_NAME_RULE, is_room_name

# Each member is four fields of the form, and Django takes no form of more than a thousand.
MEMBERS_MAX = 200


class RoomForm(forms.ModelForm):  # type: ignore[type-arg]
    """What may be changed of a room."""

    archived = forms.BooleanField(required=False, help_text="It can be read, but nobody posts in it.")

    class Meta:
        model = Room
        fields = ("title", "topic", "visibility", "notices")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.initial["archived"] = self.instance.archived_at is not None


class NewRoomForm(forms.ModelForm):  # type: ignore[type-arg]
    """What a new room needs."""

    new_name = forms.CharField(
        label="Name", max_length=64, required=False, help_text=f"{ROOM_NAME_RULE}. A private room gets one by itself."
    )

    class Meta:
        model = Room
        fields = ("title", "topic", "visibility", "notices")

    def clean(self) -> dict[str, Any]:
        """Only a private room does without a name."""
        data = super().clean() or self.cleaned_data
        if data.get("visibility") != Room.Visibility.PRIVATE and not is_room_name(data.get("new_name", "")):
            self.add_error(
                "new_name", f"A room's name has {ROOM_NAME_RULE}, and is none of the service's own addresses."
            )
        return data


class ArchivedFilter(admin.SimpleListFilter):
    """Archived rooms, or the others."""

    title = "archived"
    parameter_name = "archived"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Yes or no."""
        return [("yes", "Yes"), ("no", "No")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Room]) -> QuerySet[Room]:
        """The rooms of the choice."""
        if self.value() not in ("yes", "no"):
            return queryset
        return queryset.filter(archived_at__isnull=self.value() == "no")


@admin.register(Room)
class RoomAdmin(ChatAdmin):
    """Rooms that were not deleted, private ones and conversations of two among them."""

    list_display = ("title", "name", "visibility", "kind", "members", "last_event_at", "archived")
    list_filter = ("visibility", "kind", "listed", ArchivedFilter)
    search_fields = ("name", "title")
    ordering = ("-last_event_at", "pk")
    actions = ("archive", "bring_back", "make_private", "make_staff_only")
    # What only the service writes: the counter of events, the version of rights and the like.
    readonly_fields = (
        "name",
        "kind",
        "members",
        "messages",
        "created_by",
        "created",
        "rights",
        "counter",
        "pruned_through",
        "last_event_at",
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Room]:
        """With the number of members, counted for the rows of the page only."""
        count = Membership.objects.filter(room=OuterRef("pk")).order_by().values("room").values(n=Count("pk"))
        rooms = Room.objects.live().exclude(kind=Room.Kind.STRANGERS)  # they are nobody's to manage
        return rooms.annotate(member_count=Coalesce(Subquery(count), 0)).order_by(*self.ordering)

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        """A new room has a name to choose."""
        kwargs.setdefault("form", RoomForm if obj else NewRoomForm)
        return super().get_form(request, obj, change, **kwargs)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """The form's, then what is only shown."""
        if obj is None:
            return ("title", "new_name", "topic", "visibility")
        return ("title", "topic", "visibility", "notices", "archived", *self.readonly_fields)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """Nothing of a room that is not there yet."""
        return self.readonly_fields if obj else ()

    def get_inlines(self, request: HttpRequest, obj: Any) -> list[Any]:
        """Members, unless they are more than a form can take; a form that was sent is read as it was made."""
        if obj is None:
            return []
        if request.method == "POST":
            is_listed = "memberships-2-TOTAL_FORMS" in request.POST
        else:
            is_listed = obj.memberships.count() <= MEMBERS_MAX
        return [NewMemberInline, MemberInline] if is_listed else [NewMemberInline]

    def view_on_site(self, obj: Room) -> str:
        """The room's own page."""
        return reverse("room", args=[obj.name])

    @admin.display(description="members", ordering="member_count")
    def members(self, room: Room) -> str:
        """How many there are, and the way to them."""
        url = f"{reverse('admin:chat_membership_changelist')}?room__id__exact={room.pk}"
        return format_html('<a href="{}">{}</a>', url, room.member_count)  # type: ignore[attr-defined]

    @admin.display(description="messages")
    def messages(self, room: Room) -> str:
        """The way to what was said."""
        url = f"{reverse('admin:chat_message_changelist')}?room__id__exact={room.pk}"
        return format_html('<a href="{}">Messages</a>', url)

    @admin.display(boolean=True, ordering="archived_at")
    def archived(self, room: Room) -> bool:
        """Whether nobody posts in it any more."""
        return room.archived_at is not None

    def save_model(self, request: HttpRequest, obj: Room, form: Any, change: bool) -> None:
        """Make it, or change what was changed."""
        operator, data = operator_of(request), form.cleaned_data
        if change:
            changes = {name: data[name] for name in form.changed_data}
            room = access.room_for_operator(operator, obj.pk, "chat.change_room")
            room = actions.change_room(operator, room, **changes) if changes else room
        else:
            words = {name: data[name] for name in ("title", "topic", "visibility")}
            room = operators.create_room(operator, data["new_name"], **words)
        obj.pk, obj.name, obj.title = room.pk, room.name, room.title

    def save_formset(self, request: HttpRequest, form: Any, formset: Any, change: bool) -> None:
        """Members."""
        save_members(operator_of(request), form.instance.pk, formset)

    def delete_model(self, request: HttpRequest, obj: Room) -> None:
        """Leave a tombstone."""
        room = access.room_for_operator(operator_of(request), obj.pk, "chat.delete_room")
        actions.delete_room(operator_of(request), room)

    def loss(self, obj: Room) -> str:
        """In words."""
        return f"{obj.title}: all its messages. Its streams end, and its name is never given again."

    @admin.action(description="Archive", permissions=["change"])
    def archive(self, request: HttpRequest, queryset: QuerySet[Room]) -> None:
        """Nobody posts there any more."""
        self._change(request, queryset.filter(archived_at=None), "Archived", archived=True)

    @admin.action(description="Bring back from the archive", permissions=["change"])
    def bring_back(self, request: HttpRequest, queryset: QuerySet[Room]) -> None:
        """Posting goes on."""
        self._change(request, queryset.exclude(archived_at=None), "Brought back", archived=False)

    @admin.action(description="Make private", permissions=["change"])
    def make_private(self, request: HttpRequest, queryset: QuerySet[Room]) -> None:
        """Members only; the streams of all others end."""
        others = queryset.exclude(visibility=Room.Visibility.PRIVATE)
        self._change(request, others, "Made private", visibility=Room.Visibility.PRIVATE)

    @admin.action(description="Make staff-only", permissions=["change"])
    def make_staff_only(self, request: HttpRequest, queryset: QuerySet[Room]) -> None:
        """Staff only; the streams of all others end."""
        others = queryset.exclude(visibility=Room.Visibility.STAFF)
        self._change(request, others, "Made staff-only", visibility=Room.Visibility.STAFF)

    def _change(self, request: HttpRequest, queryset: QuerySet[Room], what: str, **changes: Any) -> None:
        operator = operator_of(request)
        ids = list(queryset.order_by("pk").values_list("pk", flat=True))
        for room_id in ids:
            room = access.room_for_operator(operator, room_id, "chat.change_room")
            actions.change_room(operator, room, **changes)
        self.report(request, len(ids), what)
