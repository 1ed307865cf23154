"""User names are parts of addresses: dots alone are none. Rooms in which only visitors posted are on no list."""

from django.apps.registry import Apps
from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

import chat.models.people


def take_off_lists(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Rooms of before that nobody with an account made, joined or posted in. The first room stays on lists."""
    rooms, users = apps.get_model("chat", "Room").objects, apps.get_model("chat", "User").objects
    accounts = users.filter(is_guest=False).values("pk")
    theirs = apps.get_model("chat", "Membership").objects.filter(user__in=accounts).values("room")
    said = apps.get_model("chat", "Message").objects.filter(author__in=accounts).values("room")
    found = rooms.filter(kind="room", visibility="open", deleted_at=None).exclude(name_key="default")
    found.exclude(created_by__in=accounts).exclude(pk__in=theirs).exclude(pk__in=said).update(listed=False)


class Migration(migrations.Migration):
    dependencies = [("chat", "0015_people")]

    operations = [
        migrations.AlterField(
            model_name="user",
            name="username",
            field=models.CharField(
                error_messages={"unique": "A user with that username already exists."},
                help_text="Letters, digits and @ . + - _",
                max_length=150,
                unique=True,
                validators=[chat.models.people.validate_username],
            ),
        ),
        migrations.AddField(
            model_name="room",
            name="listed",
            field=models.BooleanField(db_default=True, default=True, editable=False),
        ),
        migrations.RunPython(take_off_lists, migrations.RunPython.noop),
    ]
