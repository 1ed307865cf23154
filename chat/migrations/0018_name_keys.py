"""Skeletons of names in which a character was normalised away before it was looked up: ϲ, ſ and a few more."""

from typing import Any

from django.db import migrations

from chat.names import PERSON_NAME_MAX, distinct_key, is_key_of, person_key


def recompute(apps: Any, schema_editor: Any) -> None:
    """Give names another skeleton where it changed; one whose new skeleton is somebody's gets a key of their own."""
    users = apps.get_model("chat", "User").objects
    wrong = []
    for user in users.order_by("is_guest", "pk").only("pk", "username", "display_name", "name_key").iterator():
        shown = (user.display_name or user.username)[:PERSON_NAME_MAX]
        if not is_key_of(user.name_key, shown):
            wrong.append((user.pk, person_key(shown)))
    for pk, _ in wrong:  # out of each other's way: the column is unique
        users.filter(pk=pk).update(name_key=distinct_key("", pk))
    for pk, key in wrong:
        free = not users.filter(name_key=key).exists()
        users.filter(pk=pk).update(name_key=key if free else distinct_key(key, pk))


class Migration(migrations.Migration):
    dependencies = [("chat", "0017_secrets")]

    operations = [migrations.RunPython(recompute, migrations.RunPython.noop)]
