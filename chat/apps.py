"""The Django app of the chat."""

from django.apps import AppConfig


class ChatConfig(AppConfig):
    """Registers the app under the name that migrations and AUTH_USER_MODEL use."""

    name = "chat"
    verbose_name = "Chat"
