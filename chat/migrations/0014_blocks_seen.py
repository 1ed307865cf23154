"""Whom one blocked can be listed: each block gets an id for the wire, and the name its stranger was met under."""

from django.apps.registry import Apps
from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

import chat.models.people


def give_ids(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """An id to each block that was there before."""
    blocks = apps.get_model("chat", "Block").objects
    for pk in list(blocks.values_list("pk", flat=True)):
        blocks.filter(pk=pk).update(public_id=chat.models.people.new_id())


class Migration(migrations.Migration):
    dependencies = [
        ("chat", "0013_networks"),
    ]

    operations = [
        migrations.AddField(
            model_name="stranger",
            name="last_alias",
            field=models.CharField(blank=True, default="", max_length=64),
            preserve_default=False,
        ),
        migrations.AddField(
            model_name="block",
            name="alias",
            field=models.CharField(blank=True, default="", max_length=64),
            preserve_default=False,
        ),
        migrations.AddField(
            model_name="block",
            name="public_id",
            field=models.CharField(editable=False, max_length=16, null=True),
        ),
        migrations.RunPython(give_ids, migrations.RunPython.noop),
        migrations.AlterField(
            model_name="block",
            name="public_id",
            field=models.CharField(
                default=chat.models.people.new_id, editable=False, max_length=16, unique=True
            ),
        ),
    ]
