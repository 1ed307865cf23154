"""Which address goes where. Room names come last; chat.names keeps the other first segments free of them."""

from collections.abc import Callable

from django.contrib import admin
from django.http import HttpRequest, HttpResponseBase
from django.urls import path, register_converter
from django.urls.resolvers import RegexPattern, URLResolver
from django.views.decorators.csrf import csrf_exempt

from chat import health
from chat.api import api
from chat.pages import accounts, board, bots, broadcast, invites, room, settings, strangers, tokens
from chat.pages import hooks as hooks_pages
from chat.pages import rooms as rooms_pages
from chat.problems import prefers_html
from chat.spellings import RoomPage
from chat.stream import endpoint, sse

register_converter(RoomPage, "room")
_api = path("", api.urls)


def _page_or_api(page: Callable[..., HttpResponseBase]) -> Callable[..., HttpResponseBase]:
    """One address: the page for browsers that navigate, the API for programs and scripts."""

    @csrf_exempt  # the page checks the form's token itself; the API looks at the origin
    def view(request: HttpRequest, **kwargs: str) -> HttpResponseBase:
        if prefers_html(request) and request.method in ("GET", "HEAD", "POST"):
            return page(request, **kwargs)
        match = URLResolver(RegexPattern(r"^/"), [_api]).resolve(request.path_info)
        response: HttpResponseBase = match.func(request, *match.args, **match.kwargs)
        return response

    return view


urlpatterns = [
    path("", room.home, name="home"),
    path("events/", endpoint.events, name="events"),
    path("-/", board.board, name="board"),
    path("-/broadcast/", broadcast.broadcast, name="broadcast"),
    path("rooms/", _page_or_api(rooms_pages.rooms), name="rooms"),
    path("rooms/<str:name>/membership/", rooms_pages.membership, name="room-membership"),
    path("rooms/<str:name>/hooks/", _page_or_api(hooks_pages.hooks), name="room-hooks"),
    path(
        "rooms/<str:name>/hooks/<str:hook_id>/deliveries/",
        _page_or_api(hooks_pages.deliveries),
        name="room-deliveries",
    ),
    path("rooms/<str:name>/settings/", settings.settings, name="room-settings"),
    path("rooms/<str:name>/settings/room/", settings.change, name="room-settings-room"),
    path("rooms/<str:name>/settings/members/", settings.member, name="room-settings-members"),
    path("rooms/<str:name>/settings/invites/", settings.invite, name="room-settings-invites"),
    path("rooms/<str:name>/settings/restrictions/", settings.restriction, name="room-settings-restrictions"),
    path("rooms/<str:name>/settings/delete/", settings.delete, name="room-settings-delete"),
    path("rooms/<str:name>/events/", endpoint.room_events, name="room-events"),
    path("presence/", endpoint.presence, name="presence"),
    path("rooms/<str:name>/presence/", endpoint.room_presence, name="room-presence"),
    path("recover/", sse.recover),
    path("recover/<str:batch>/", sse.recover),
    path("health/live", health.live),
    path("health/ready", health.ready),
    path("accounts/setup/<str:token>/", accounts.setup_administrator, name="setup"),
    path("accounts/sign-up/", accounts.sign_up, name="sign-up"),
    path("accounts/sign-in/", accounts.sign_in, name="sign-in"),
    path("accounts/sign-out/", accounts.sign_out, name="sign-out"),
    path("accounts/guest/", accounts.guest, name="guest"),
    path("accounts/profile/", accounts.profile, name="profile"),
    path("accounts/become/", accounts.become, name="become"),
    path("accounts/password/", accounts.password, name="password"),
    path("accounts/close/", accounts.close, name="close"),
    path("accounts/invites/<str:secret>/", invites.invite, name="invite"),
    path("accounts/tokens/", _page_or_api(tokens.own_tokens), name="tokens"),
    path("accounts/bots/", _page_or_api(bots.bots), name="bots"),
    path("accounts/bots/<str:username>/tokens/", _page_or_api(tokens.bot_tokens), name="bot-tokens"),
    path("strangers", strangers.strangers, name="strangers"),
    path("admin/", admin.site.urls),
    _api,
    path("<room:name>", room.room, name="room"),
]
handler400 = "chat.errors.bad_request"
handler403 = "chat.errors.permission_denied"
handler404 = "chat.errors.page_not_found"
handler500 = "chat.errors.server_error"
