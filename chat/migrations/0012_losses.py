from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("chat", "0011_strangers"),
    ]

    operations = [
        migrations.AddField(
            model_name="room",
            name="losses",
            field=models.PositiveIntegerField(db_default=0, default=0, editable=False),
        ),
    ]
