"""Messages name their author by an id that tells nothing, and names that were given up are held for a while."""

import django.db.models.deletion
from django.apps.registry import Apps
from django.conf import settings
from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

import chat.models.people


def give_ids(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """An id to each person who was there before."""
    people = apps.get_model("chat", "User").objects
    for pk in list(people.values_list("pk", flat=True)):
        people.filter(pk=pk).update(public_id=chat.models.people.new_id())


class Migration(migrations.Migration):
    dependencies = [
        ("chat", "0014_blocks_seen"),
    ]

    operations = [
        migrations.AddField(
            model_name="user",
            name="public_id",
            field=models.CharField(editable=False, max_length=16, null=True),
        ),
        migrations.RunPython(give_ids, migrations.RunPython.noop),
        migrations.AlterField(
            model_name="user",
            name="public_id",
            field=models.CharField(
                default=chat.models.people.new_id, editable=False, max_length=16, unique=True
            ),
        ),
        migrations.RenameField(model_name="user", old_name="last_seen_at", new_name="left_at"),
        migrations.AlterField(
            model_name="user",
            name="left_at",
            field=models.DateTimeField(blank=True, editable=False, null=True),
        ),
        migrations.CreateModel(
            name="HeldName",
            fields=[
                ("key", models.CharField(max_length=256, primary_key=True, serialize=False)),
                ("until", models.DateTimeField(db_index=True)),
                (
                    "user",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="held_names",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
        ),
    ]
