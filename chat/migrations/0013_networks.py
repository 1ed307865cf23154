"""Mutes and bans of an address of IPv6 hold for its network of 64 bits, as those that are made from now on."""

import ipaddress
from typing import Any

from django.db import migrations


def widen(apps: Any, schema_editor: Any) -> None:
    """Of several that become one the longest stays. What is no address matched nobody, and stays as it is."""
    restrictions = apps.get_model("chat", "Restriction").objects
    single = restrictions.filter(address__contains=":").exclude(address__contains="/")
    for one in sorted(single, key=lambda one: (one.until is not None, -one.until.timestamp() if one.until else 0)):
        try:
            address = ipaddress.IPv6Address(one.address.partition("%")[0])
        except ValueError:
            continue
        mapped = address.ipv4_mapped
        wide = str(mapped or ipaddress.IPv6Network((address, 64), strict=False))
        if restrictions.filter(room=one.room_id, kind=one.kind, address=wide).exists():
            restrictions.filter(pk=one.pk).delete()
        else:
            restrictions.filter(pk=one.pk).update(address=wide)


class Migration(migrations.Migration):
    dependencies = [("chat", "0012_losses")]

    operations = [migrations.RunPython(widen, migrations.RunPython.noop)]
