"""User names are parts of addresses: dots alone are none."""

from django.db import migrations, models

import chat.models.people


class Migration(migrations.Migration):
    dependencies = [("chat", "0014_blocks_seen")]

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
    ]
