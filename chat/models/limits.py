"""What is counted, so that nobody does it without end."""

from django.db import models


class Tally(models.Model):
    """How often somebody did something in a window of time, and when that window ends.

    `key` is a digest: neither names nor addresses are stored. `until` is in milliseconds since 1970, which both
    databases take, compare and give back alike.
    """

    key = models.CharField(max_length=64, primary_key=True)
    count = models.PositiveIntegerField()
    until = models.BigIntegerField(db_index=True)

    def __str__(self) -> str:
        return f"{self.count} until {self.until}"
