"""What is stored: people, rooms, memberships, messages, and the log of events that readers follow.

Models hold fields, constraints and querysets. Every write of the product goes through chat.actions.

people    accounts, guests, tokens
rooms     rooms and the numbering of their events
members   membership, presence, restrictions, invites, closings
messages  messages and the log of events
records   the audit, and counts of attempts
strangers visitors who meet strangers, blocks, reports
"""

from chat.models.members import Closing, Invite, Membership, Presence, Restriction
from chat.models.messages import Event, Message, MessageQuerySet
from chat.models.people import ApiToken, User, digest_of
from chat.models.records import Attempt, AuditEntry
from chat.models.rooms import ClaimedEvent, Restore, Room, RoomQuerySet
from chat.models.strangers import Block, Report, Stranger, StrangerQuerySet

__all__ = [
    "ApiToken",
    "Attempt",
    "AuditEntry",
    "Block",
    "ClaimedEvent",
    "Closing",
    "Event",
    "Invite",
    "Membership",
    "Message",
    "MessageQuerySet",
    "Presence",
    "Report",
    "Restore",
    "Restriction",
    "Room",
    "RoomQuerySet",
    "Stranger",
    "StrangerQuerySet",
    "User",
    "digest_of",
]
