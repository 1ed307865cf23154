"""Things deleted before this migration keep no address, no topic and no old bytes."""

from django.apps.registry import Apps
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.models import F


def strip(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """As chat.actions does when something is deleted."""
    apps.get_model("chat", "Message").objects.exclude(deleted_at=None).exclude(address="").update(address="")
    rooms = apps.get_model("chat", "Room").objects.exclude(deleted_at=None)
    rooms.update(title=F("name"), topic="", created_by=None, direct_key=None)
    apps.get_model("chat", "User").objects.filter(incoming_hook__room__in=rooms).update(is_active=False)
    for name in ("Membership", "Restriction", "Presence", "Invite", "IncomingHook"):
        apps.get_model("chat", name).objects.exclude(room__deleted_at=None).delete()
    apps.get_model("chat", "OutgoingHook").objects.exclude(room__deleted_at=None).delete()
    audit = apps.get_model("chat", "AuditEntry").objects
    audit.filter(action__in=["create room", "delete room"]).update(detail="")
    audit.filter(action="broadcast").update(detail="")
    restricted = ("mute", "ban", "lift mute", "lift ban")
    audit.filter(action__in=restricted).exclude(detail="").update(detail="an address")


def overwrite(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """SQLite writes its file anew, without the freed parts. PostgreSQL's VACUUM runs by itself."""
    connection = schema_editor.connection
    if connection.vendor == "sqlite" and not connection.in_atomic_block:
        with connection.cursor() as cursor:
            cursor.execute("VACUUM")


class Migration(migrations.Migration):
    atomic = False  # VACUUM takes no part in transactions; each statement above may run again

    dependencies = [("chat", "0016_rooms")]

    operations = [
        migrations.RunPython(strip, migrations.RunPython.noop, atomic=True),
        migrations.RunPython(overwrite, migrations.RunPython.noop),
    ]
