"""Skeletons of names by the table of look-alikes, for everybody who is there."""

from typing import Any

from django.db import migrations

from chat.names import PERSON_NAME_MAX, distinct_key, person_key


def recompute(apps: Any, schema_editor: Any) -> None:
    """Who was there first keeps the plain skeleton; one whose name reads like it gets a key of their own and stays."""
    users = apps.get_model("chat", "User").objects
    people = list(users.order_by("is_guest", "pk").only("pk", "username", "display_name"))
    for user in people:  # out of each other's way: the column is unique
        users.filter(pk=user.pk).update(name_key=distinct_key("", user.pk))
    taken = set()
    for user in people:
        key = person_key((user.display_name or user.username)[:PERSON_NAME_MAX])
        if key in taken:
            key = distinct_key(key, user.pk)
        taken.add(key)
        users.filter(pk=user.pk).update(name_key=key, username_key=person_key(user.username))


class Migration(migrations.Migration):
    dependencies = [("chat", "0006_attempts_and_name_keys")]

    operations = [migrations.RunPython(recompute, migrations.RunPython.noop)]
