"""Which address goes where. Room names come last; chat.names keeps the other first segments free of them."""

from django.contrib import admin
from django.urls import path

from chat import accounts, views
from chat.api import api
from chat.stream import endpoint, sse

urlpatterns = [
    path("", views.home, name="home"),
    path("events/", endpoint.events, name="events"),
    path("rooms/<str:name>/events/", endpoint.room_events, name="room-events"),
    path("presence/", endpoint.presence, name="presence"),
    path("rooms/<str:name>/presence/", endpoint.room_presence, name="room-presence"),
    path("recover/", sse.recover),
    path("recover/<str:batch>/", sse.recover),
    path("health/live", views.live),
    path("health/ready", views.ready),
    path("accounts/setup/<str:token>/", views.setup_administrator, name="setup"),
    path("accounts/sign-up/", accounts.sign_up, name="sign-up"),
    path("accounts/sign-in/", accounts.sign_in, name="sign-in"),
    path("accounts/sign-out/", accounts.sign_out, name="sign-out"),
    path("accounts/guest/", accounts.guest, name="guest"),
    path("accounts/profile/", accounts.profile, name="profile"),
    path("accounts/become/", accounts.become, name="become"),
    path("accounts/password/", accounts.password, name="password"),
    path("accounts/close/", accounts.close, name="close"),
    path("admin/", admin.site.urls),
    path("", api.urls),
    path("<str:name>", views.room, name="room"),
]
handler400 = "chat.views.bad_request"
handler403 = "chat.views.permission_denied"
handler404 = "chat.views.page_not_found"
handler500 = "chat.views.server_error"
