"""The Django app of the chat."""

from django.apps import AppConfig
from django.contrib.admin import apps as admin_apps


class ChatConfig(AppConfig):
    """Registers the app under the name that migrations and AUTH_USER_MODEL use."""

    name = "chat"
    verbose_name = "Chat"


class ChatAdminConfig(admin_apps.AdminConfig):
    """Django's admin with our site in place of its own."""

    default = False  # "chat" in INSTALLED_APPS means the class above
    default_site = "chat.adminsite.ChatAdminSite"
