"""Counts of what is limited, and sessions that know whose they are. Nobody is signed out by it."""

from datetime import UTC, datetime
from typing import Any

import django.db.models.deletion
from django.conf import settings
from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore
from django.db import migrations, models

BATCH = 500


def keep_sessions(apps: Any, schema_editor: Any) -> None:
    """Copy the sessions that are good from Django's table, if there is one. It stays, for who goes back."""
    connection = schema_editor.connection
    with connection.cursor() as cursor:
        if "django_session" not in connection.introspection.table_names(cursor):
            return
        cursor.execute("SELECT session_key, session_data, expire_date FROM django_session")
        rows = cursor.fetchall()
    users = set(apps.get_model("chat", "User").objects.values_list("pk", flat=True))
    session = apps.get_model("chat", "Session")
    kept = []
    for key, data, expire in rows:
        moment = datetime.fromisoformat(str(expire))  # SQLite gives it without a zone
        moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        user = int(SessionStore().decode(data).get(SESSION_KEY, 0))
        if moment > datetime.now(UTC) and user in users:
            kept.append(session(session_key=key, session_data=data, expire_date=moment, user_id=user))
    session.objects.bulk_create(kept, batch_size=BATCH, ignore_conflicts=True)


class Migration(migrations.Migration):
    dependencies = [("chat", "0008_tokens_and_bots")]

    operations = [
        migrations.CreateModel(
            name="Session",
            fields=[
                (
                    "session_key",
                    models.CharField(max_length=40, primary_key=True, serialize=False, verbose_name="session key"),
                ),
                ("session_data", models.TextField(verbose_name="session data")),
                ("expire_date", models.DateTimeField(db_index=True, verbose_name="expire date")),
                (
                    "user",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="sessions",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={"verbose_name": "session", "verbose_name_plural": "sessions", "abstract": False},
        ),
        migrations.CreateModel(
            name="Tally",
            fields=[
                ("key", models.CharField(max_length=64, primary_key=True, serialize=False)),
                ("count", models.PositiveIntegerField()),
                ("until", models.BigIntegerField(db_index=True)),
            ],
        ),
        migrations.DeleteModel(name="Attempt"),
        migrations.RunPython(keep_sessions, migrations.RunPython.noop),
    ]
