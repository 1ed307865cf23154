"""Django's admin, for operators: every change goes through chat.actions, so open pages see it and it is audited.

rooms      rooms
members    who belongs to them
people     accounts and guests, API tokens
messages   what was said: searched, and its text deleted
records    mutes and bans, invites, the audit
hooks      webhooks
strangers  who may meet strangers, and what was reported
"""

from chat.admin import hooks, members, messages, people, records, rooms, strangers

__all__ = ["hooks", "members", "messages", "people", "records", "rooms", "strangers"]
