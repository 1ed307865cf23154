"""What is stored: people, rooms, memberships, messages, and the log of events that readers follow.

Models hold fields, constraints and querysets. Every write of the product goes through chat.actions.

people    accounts, guests, bots, names that were given up, tokens and their scopes
rooms     rooms and the numbering of their events
members   membership, presence, restrictions, invites, closings
messages  messages and the log of events
sessions  sessions of browsers
limits    counts of what is limited
hooks     webhooks, and the log of their deliveries
records   the audit
strangers  visitors who meet strangers, blocks, reports
"""

from chat.models.hooks import Delivery, IncomingHook, OutgoingHook
from chat.models.limits import Tally
from chat.models.members import Closing, Invite, Membership, Presence, Restriction
from chat.models.messages import Event, Message, MessageQuerySet
from chat.models.people import ALL_SCOPES, TOKEN_NAME_MAX, ApiToken, HeldName, Scope, User, digest_of
from chat.models.records import AuditEntry
from chat.models.rooms import ClaimedEvent, Restore, Room, RoomQuerySet
from chat.models.sessions import Session
from chat.models.strangers import Block, Report, Stranger, StrangerQuerySet

__all__ = [
    "ALL_SCOPES",
    "TOKEN_NAME_MAX",
    "ApiToken",
    "AuditEntry",
    "Block",
    "ClaimedEvent",
    "Closing",
    "Delivery",
    "Event",
    "HeldName",
    "IncomingHook",
    "Invite",
    "Membership",
    "Message",
    "MessageQuerySet",
    "OutgoingHook",
    "Presence",
    "Report",
    "Restore",
    "Restriction",
    "Room",
    "RoomQuerySet",
    "Scope",
    "Session",
    "Stranger",
    "StrangerQuerySet",
    "Tally",
    "User",
    "digest_of",
]
