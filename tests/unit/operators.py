"""The admin as a browser uses it: operators, forms as their pages show them, actions of lists, and what came of it."""

from typing import Any

from django.contrib.auth.models import Permission
from django.db.models import Model
from django.test import Client
from django.urls import reverse

from chat.models import AuditEntry, Closing, Event, Room, User
from tests.unit.conftest import sign_in

ROOMS_AND_MEMBERS = (
    *(f"{verb}_{model}" for verb in ("view", "add", "change", "delete") for model in ("room", "membership")),
    "view_user",
)


def operator(*permissions: str) -> Client:
    """The browser of somebody of staff with these permissions, as "change_room"; without any, of a superuser."""
    user = User.objects.create_user(
        f"operator{User.objects.count()}", password="Oslo-1952", is_staff=True, is_superuser=not permissions
    )
    found = Permission.objects.filter(codename__in=permissions, content_type__app_label="chat")
    assert len(found) == len(permissions)
    user.user_permissions.set(found)
    return sign_in(user)


def url_of(thing: Model | type[Model], page: str) -> str:
    """The address of a page of the admin: of a model (changelist, add) or of a row (change, delete, history)."""
    arguments = [thing.pk] if isinstance(thing, Model) else []
    return reverse(f"admin:{thing._meta.app_label}_{thing._meta.model_name}_{page}", args=arguments)


def fields_of(client: Client, url: str) -> dict[str, Any]:
    """The form of a page as a browser would send it back unchanged."""
    response = client.get(url)
    assert response.status_code == 200, response
    forms = [response.context["adminform"].form]
    for inline in response.context["inline_admin_formsets"]:
        forms += [inline.formset.management_form, *inline.formset.forms]
    sent = {}
    for form in forms:
        for bound in form:
            value = bound.value()
            if value is not None and value is not False:
                sent[bound.html_name] = "on" if value is True else value
    return sent


def save(client: Client, url: str, *, without: tuple[str, ...] = (), **fields: Any) -> Any:
    """Send the form of a page with other values; the page that follows."""
    sent = {name: value for name, value in fields_of(client, url).items() if name not in without}
    return client.post(url, sent | fields, follow=True)


def act(client: Client, name: str, *rows: Model, **more: Any) -> Any:
    """Use an action of a list on these rows; the page that follows."""
    selected = {"action": name, "_selected_action": [row.pk for row in rows]}
    return client.post(url_of(type(rows[0]), "changelist"), selected | more, follow=True)


def delete(client: Client, row: Model) -> Any:
    """Delete a row, and say yes when asked once more; the page that follows."""
    return client.post(url_of(row, "delete"), {"post": "yes"}, follow=True)


def words(response: Any) -> str:
    """What the page says about what was done."""
    return " ".join(str(message) for message in response.context["messages"])


def events(room: Room) -> list[str]:
    """The types of the room's events."""
    return list(Event.objects.filter(room=room).order_by("eid").values_list("type", flat=True))


def closings(*rooms: Room) -> list[int]:
    """Which of these rooms had their streams closed, once for each time."""
    pks = Closing.objects.filter(room__in=rooms).order_by("pk").values_list("room_id", flat=True)
    return [[room.pk for room in rooms].index(pk) for pk in pks]


def audited() -> list[tuple[str, str, str, str]]:
    """The audit: action, room's title, target and detail."""
    entries = AuditEntry.objects.select_related("room", "target").order_by("pk")
    return [
        (entry.action, entry.room.title if entry.room else "", str(entry.target or ""), entry.detail)
        for entry in entries
    ]
