"""Names of GRIP channels, and django-eventstream's channel manager.

A room has several channels, each for one kind of hold, named by the room's row id and its rights version:

    r<room>.<rights>.<seal>   streams of this one room, and sockets: `id:` lines come ready-made
    m<room>.<rights>.<seal>   streams of several rooms: Pushpin builds the `id:` line from all their positions
    p<room>.<rights>.<seal>   long-polls of this one room (beside sockets on one channel they break the order of these)
    q<room>.<rights>.<seal>   long-polls of several rooms, which are told to ask again: only the log has all positions
    c<room>.<rights>   control: closes and notices, without ids (an item without id would count as a gap above)
    u<user>.<room>.<rights>   a person present in the room: only holds of presence carry it
    n.<key>            readers who wait for a room that does not exist yet: control, as c
    a.<key>            in the hold of a stream, that it waits for this room: the name and position of what is not there

and one is for all holds:

    all                control: ends every hold, whatever it carries (after a restore of a backup)

The rights version is in the name because then a right taken away needs no message to arrive: what is published
afterwards goes to the new name, and a hold made under the old rights hears nothing more. The close on the control
channel only tells the others to come back.

The seal is a part of a MAC. Pushpin names these channels when it follows the link of a hold, and the answer has the
events of the rooms that it names (chat.stream.sse). It learned the names from us, and tells them to nobody. So a client
that gets hold of a `Grip-Sig`, which is good for an hour and bound to no request, still can't name a room that was not
its own to read under these rights.

Names stay within `[A-Za-z0-9_.~-]`: Grip-Channel headers quote nothing.
"""

import base64
import hmac
import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django_eventstream.channelmanager import ChannelManagerBase

ROOM_PREFIX = "room-"
# Nothing else is ever sent on it, and that serves too: Pushpin puts off following a link on its timer, by up to two
# periods, when every channel of the hold has carried something.
ALL = "all"
SEAL_BYTES = 6  # no padding in base64, and far more than can be tried
_POSITIONED = re.compile(r"([rmpq])([0-9]{1,18})\.([0-9]{1,9})\.([A-Za-z0-9_-]{8})\Z")
_ABSENT = re.compile(r"[an]\.(.{1,64})\Z")  # n: in holds made before there was a
_PERSON = re.compile(r"u([0-9]{1,18})\.([0-9]{1,18})\.([0-9]{1,9})\Z")


@dataclass(frozen=True)
class RoomChannel:
    """A channel with positions: `family` is its first letter."""

    family: str
    room_id: int
    rights: int

    def __str__(self) -> str:
        name = f"{self.family}{self.room_id}.{self.rights}"
        return f"{name}.{_seal(name, settings.GRIP_KEY)}"


@lru_cache(maxsize=10_000)
def _seal(name: str, key: str) -> str:
    """The end of a channel's name that only we and Pushpin know. The key is Pushpin's: both change together."""
    digest = hmac.digest(key.encode(), f"corkboard channel {name}".encode(), "sha256")
    return base64.urlsafe_b64encode(digest[:SEAL_BYTES]).decode()


@dataclass(frozen=True)
class PersonChannel:
    """The channel of one person in one room: that somebody is subscribed says that this person is present."""

    user_id: int
    room_id: int
    rights: int

    def __str__(self) -> str:
        return f"u{self.user_id}.{self.room_id}.{self.rights}"


def parse_person(name: str) -> PersonChannel | None:
    """The person's channel called `name`, or None when it is something else."""
    match = _PERSON.match(name)
    return PersonChannel(int(match[1]), int(match[2]), int(match[3])) if match else None


def parse(name: str) -> RoomChannel | None:
    """The room channel called `name`, or None when it is something else, or somebody made the name up."""
    match = _POSITIONED.match(name)
    if match is None:
        return None
    channel = RoomChannel(match[1], int(match[2]), int(match[3]))
    return channel if hmac.compare_digest(str(channel), name) else None


def control(room_id: int, rights: int) -> str:
    """The control channel of the holds made under this version of a room's rights."""
    return f"c{room_id}.{rights}"


def waiting(key: str) -> str:
    """The channel of readers who wait for the room with this name key to be made."""
    return f"n.{key}"


def absent(key: str) -> str:
    """The channel that stands in the hold of a stream for the room with this name key, which is not there yet.

    Nothing is sent on it: a position makes Pushpin name the channel when it follows the link. What is sent goes to the
    channel beside it, which has none. Of what comes while a link is followed, Pushpin drops all that does not fit a
    position, so a hint on this one would be lost.
    """
    return f"a.{key}"


def parse_absent(name: str) -> str | None:
    """The name key of an absent room's channel, or None when `name` is something else."""
    match = _ABSENT.match(name)
    return match[1] if match else None


class RoomChannelManager(ChannelManagerBase):  # type: ignore[misc]
    """What django-eventstream asks about channels. Its own view is not mounted: chat.stream answers readers."""

    def get_channels_for_request(self, request: HttpRequest, view_kwargs: dict[str, Any]) -> set[str]:
        """The outside names (`room-<name>`) that the request asks for."""
        return set(request.GET.getlist("channel"))

    def can_read_channel(self, user: object, channel: str) -> bool:
        """Nobody reads past chat.access: were the library's view mounted by mistake, it would serve nothing."""
        return False

    def is_channel_reliable(self, channel: str) -> bool:
        """Every room has a log."""
        return True
