"""Webhooks over REST and on the page: who may, what is shown, and posts by an incoming one."""

import json
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from chat import access, actions
from chat.models import AuditEntry, Delivery, IncomingHook, Membership, Message, OutgoingHook, Room, User
from tests.unit.conftest import JSON, code, sign_in, without_token
from tests.unit.operators import audited, delete, operator, url_of

pytestmark = pytest.mark.django_db
HOOKS = "/rooms/x-den/hooks/"
URL = "https://receiver.example/hook?token=theirs"


@pytest.fixture
def alice(den: Room, people: dict[str, User]) -> Client:
    return sign_in(people["alice"])


def make(client: Client, **body: Any) -> dict[str, Any]:
    answer = client.post(HOOKS, body, JSON)
    assert answer.status_code == 201, answer.content
    found: dict[str, Any] = answer.json()
    return found


def post(hook: dict[str, Any], text: str = "built", secret: str | None = None, **headers: str) -> Any:
    """What a program sends: no cookie, no origin."""
    bearer = {"Authorization": f"Bearer {hook['secret'] if secret is None else secret}"}
    return Client(headers=bearer | headers).post(f"/hooks/{hook['id']}/", {"text": text}, JSON)


class TestOwners:
    def test_an_outgoing_one_is_made_listed_and_withdrawn(self, alice: Client, den: Room) -> None:
        made = make(alice, kind="outgoing", url=URL)
        assert made["secret"].startswith("whsec_")
        listed = alice.get(HOOKS).json()["hooks"]
        assert [(one["id"], one["kind"], one["url"], one["enabled"], one["by"]) for one in listed] == [
            (made["id"], "outgoing", URL, True, "alice")
        ]
        assert made["secret"] not in alice.get(HOOKS).text
        assert alice.delete(f"{HOOKS}{made['id']}/").status_code == 204
        assert alice.get(HOOKS).json() == {"hooks": []}
        assert code(alice.delete(f"{HOOKS}{made['id']}/")) == (404, "HOOK_INVALID")
        audit = AuditEntry.objects.order_by("pk").values_list("action", "detail")
        assert list(audit) == [
            ("make outgoing webhook", "receiver.example"),
            ("withdraw outgoing webhook", "receiver.example"),
        ]

    def test_an_incoming_one_is_made_listed_and_withdrawn(self, alice: Client, den: Room) -> None:
        made = make(alice, kind="incoming", name="CI")
        assert made["address"] == f"http://testserver/hooks/{made['id']}/"
        assert [one["name"] for one in alice.get(HOOKS).json()["hooks"]] == ["CI"]
        assert made["secret"] not in alice.get(HOOKS).text
        assert made["secret"] not in str(list(IncomingHook.objects.values()))
        assert alice.delete(f"{HOOKS}{made['id']}/").status_code == 204
        assert code(post(made)) == (404, "HOOK_INVALID")
        assert make(alice, kind="incoming", name="CI")["id"] != made["id"]  # the name is free again

    @pytest.mark.parametrize(
        ("body", "refusal"),
        [
            ({"kind": "outgoing", "url": "http://127.0.0.1/"}, (422, "URL_INVALID")),
            ({"kind": "outgoing", "url": "nonsense"}, (422, "URL_INVALID")),
            ({"kind": "outgoing"}, (422, "URL_INVALID")),
            ({"kind": "outgoing", "url": 5}, (422, "URL_INVALID")),
            ({"kind": "incoming"}, (422, "NAME_INVALID")),
            ({"kind": "incoming", "name": "a" * 65}, (422, "NAME_INVALID")),
            ({"kind": "incoming", "name": "b\u200bot"}, (422, "NAME_INVALID")),
            ({"kind": "incoming", "name": "\x07"}, (422, "NAME_INVALID")),
            ({"kind": "incoming", "name": "АLICE"}, (409, "NAME_TAKEN")),
            ({"kind": "sideways"}, (400, "PARAMETER_INVALID")),
            ({}, (400, "BODY_INVALID")),
        ],
    )
    def test_what_is_no_webhook_is_refused_and_leaves_nothing(self, body: Any, refusal: Any, alice: Client) -> None:
        before = User.objects.count()
        assert code(alice.post(HOOKS, json.dumps(body), JSON)) == refusal
        assert (IncomingHook.objects.count(), OutgoingHook.objects.count()) == (0, 0)
        assert (User.objects.count(), AuditEntry.objects.count()) == (before, 0)

    def test_a_room_has_so_many_of_a_kind_and_no_more(self, alice: Client) -> None:
        for number in range(actions.HOOKS_MAX):
            make(alice, kind="outgoing", url=f"https://r{number}.example/")
        assert code(alice.post(HOOKS, {"kind": "outgoing", "url": URL}, JSON)) == (403, "ROOM_ACCESS_DENIED")
        make(alice, kind="incoming", name="CI")

    def test_it_is_switched_off_and_on(self, alice: Client) -> None:
        made = make(alice, kind="outgoing", url=URL)
        off = alice.patch(f"{HOOKS}{made['id']}/", {"enabled": False}, JSON).json()
        assert (off["enabled"], off["why"]) == (False, "alice switched it off.")
        assert code(alice.post(f"{HOOKS}{made['id']}/test/")) == (403, "ROOM_ACCESS_DENIED")
        on = alice.patch(f"{HOOKS}{made['id']}/", {"enabled": True}, JSON).json()
        assert (on["enabled"], on["why"]) == (True, None)
        assert alice.post(f"{HOOKS}{made['id']}/test/").status_code == 204
        assert OutgoingHook.objects.get().test_asked_at

    def test_what_is_for_outgoing_ones_is_refused_for_incoming_ones(self, alice: Client) -> None:
        made = make(alice, kind="incoming", name="CI")
        own = f"{HOOKS}{made['id']}/"
        assert code(alice.patch(own, {"enabled": False}, JSON)) == (404, "HOOK_INVALID")
        assert code(alice.post(f"{own}test/")) == (404, "HOOK_INVALID")
        assert code(alice.get(f"{own}deliveries/")) == (404, "HOOK_INVALID")

    def test_the_log_is_shown_newest_first(self, alice: Client) -> None:
        made = make(alice, kind="outgoing", url=URL)
        entry = {"hook": OutgoingHook.objects.get(), "type": "message", "ms": 7}
        Delivery.objects.create(**entry, eid=3, attempt=1, status=None, error="No answer in time.")
        Delivery.objects.create(**entry, eid=3, attempt=2, status=200)
        shown = alice.get(f"{HOOKS}{made['id']}/deliveries/").json()["deliveries"]
        assert [(one["event"], one["attempt"], one["status"], one["error"]) for one in shown] == [
            ("room-x-den:3", 2, 200, None),
            ("room-x-den:3", 1, None, "No answer in time."),
        ]

    def test_a_webhook_of_another_room_is_none_of_this_one(self, alice: Client, make_room: Any, people: Any) -> None:
        made = make(alice, kind="outgoing", url=URL)
        other = make_room("other")
        Membership.objects.create(room=other, user=people["bob"], role="owner")
        bob = sign_in(people["bob"])
        path = f"/rooms/other/hooks/{made['id']}/"
        assert code(bob.delete(path)) == (404, "HOOK_INVALID")
        assert code(bob.get(f"{path}deliveries/")) == (404, "HOOK_INVALID")
        assert code(bob.patch(path, {"enabled": False}, JSON)) == (404, "HOOK_INVALID")
        assert OutgoingHook.objects.get().disabled_at is None

    def test_guests_and_the_two_of_a_conversation_have_none(self, alice: Client, den: Room, people: Any) -> None:
        User.objects.filter(pk=people["alice"].pk).update(is_guest=True)
        assert code(alice.get(HOOKS)) == (403, "ROOM_ACCESS_DENIED")
        User.objects.filter(pk=people["alice"].pk).update(is_guest=False)
        direct, _ = actions.open_direct_room(people["alice"], people["bob"])
        assert code(alice.get(f"/rooms/{direct.name}/hooks/")) == (403, "ROOM_ACCESS_DENIED")
        Membership.objects.filter(room=direct).update(role="owner")
        assert code(alice.get(f"/rooms/{direct.name}/hooks/")) == (403, "ROOM_ACCESS_DENIED")
        User.objects.filter(pk=people["alice"].pk).update(is_bot=True)
        assert code(alice.get(HOOKS)) == (403, "ROOM_ACCESS_DENIED")

    def test_a_page_of_another_site_can_do_nothing(self, alice: Client) -> None:
        evil = {"Origin": "https://evil.example"}
        body = {"kind": "outgoing", "url": URL}
        assert code(alice.post(HOOKS, body, JSON, headers=evil)) == (403, "ORIGIN_DENIED")
        assert alice.post(HOOKS, body, headers=evil | {"Accept": "text/html"}).status_code == 403
        assert not OutgoingHook.objects.exists()


class TestIncoming:
    def test_it_posts_under_its_name(self, alice: Client, den: Room) -> None:
        answer = post(make(alice, kind="incoming", name="CI"))
        assert answer.status_code == 201
        message = answer.json()
        assert (message["from"], message["text"], message["room"], message["verified"]) == (
            "CI",
            "built",
            "x-den",
            True,
        )
        assert Message.objects.get().author.is_bot  # type: ignore[union-attr]
        assert alice.get("/rooms/x-den/messages/").json()["messages"] == [message]

    def test_a_form_does_too(self, alice: Client) -> None:
        hook = make(alice, kind="incoming", name="CI")
        client = Client(headers={"Authorization": f"Bearer {hook['secret']}"})
        assert client.post(f"/hooks/{hook['id']}/", {"text": "built"}).status_code == 201

    def test_its_name_is_nobody_elses(self, alice: Client, curl: Client, make_room: Any) -> None:
        make(alice, kind="incoming", name="Deploys")
        for name in ("Deploys", "deploys", "DEРLOYS"):
            assert code(curl.post("/rooms/default/messages/", {"from": name, "text": "hi"})) == (409, "NAME_TAKEN")

    def test_a_wrong_secret_and_an_unknown_webhook_answer_alike(self, alice: Client) -> None:
        hook = make(alice, kind="incoming", name="CI")
        wrong = [
            post(hook, secret="wrong"),
            post(hook, secret=""),
            post(hook, secret="ü" * 500),
            post({"id": "0" * 16, "secret": hook["secret"]}),
            post({"id": "a%07b", "secret": hook["secret"]}),
            post({"id": "x" * 300, "secret": hook["secret"]}),
            Client().post(f"/hooks/{hook['id']}/", {"text": "built"}, JSON),
        ]
        assert {(answer.status_code, answer.content) for answer in wrong} == {(404, wrong[0].content)}
        assert wrong[0].json()["code"] == "HOOK_INVALID"
        assert not Message.objects.exists()

    def test_neither_a_session_nor_a_token_of_a_person_is_a_secret(self, alice: Client, people: Any) -> None:
        hook = make(alice, kind="incoming", name="CI")
        assert code(alice.post(f"/hooks/{hook['id']}/", {"text": "hi"}, JSON)) == (404, "HOOK_INVALID")
        assert code(post(hook, secret=actions.make_token(people["alice"]))) == (404, "HOOK_INVALID")

    def test_its_secret_is_no_token(self, alice: Client) -> None:
        hook = make(alice, kind="incoming", name="CI")
        client = Client(headers={"Authorization": f"Bearer {hook['secret']}"})
        for path in ("/rooms/x-den/messages/", "/accounts/me/", HOOKS):
            assert code(client.get(path)) == (401, "USER_HAS_TO_LOGIN")

    def test_a_repeated_post_is_stored_once(self, alice: Client) -> None:
        hook = make(alice, kind="incoming", name="CI")
        answers = [post(hook, **{"Idempotency-Key": "build-7"}) for _ in range(2)]
        assert [answer.status_code for answer in answers] == [201, 200]
        assert answers[0].json() == answers[1].json()
        assert code(post(hook, "other", **{"Idempotency-Key": "build-7"})) == (422, "IDEMPOTENCY_KEY_REUSED")
        assert Message.objects.count() == 1

    @pytest.mark.parametrize(
        ("body", "refusal"),
        [
            ({"text": ""}, (422, "TEXT_INVALID")),
            ({"text": "a" * 8001}, (422, "TEXT_INVALID")),
            ({"text": "\x07"}, (422, "TEXT_INVALID")),
            ({"text": ["a"]}, (422, "TEXT_INVALID")),
            ({"type": "message", "data": {"text": "an outgoing one"}}, (422, "TEXT_INVALID")),
            ([], (400, "BODY_INVALID")),
        ],
    )
    def test_what_is_no_message_is_refused(self, body: Any, refusal: Any, alice: Client) -> None:
        hook = make(alice, kind="incoming", name="CI")
        client = Client(headers={"Authorization": f"Bearer {hook['secret']}"})
        assert code(client.post(f"/hooks/{hook['id']}/", json.dumps(body), JSON)) == refusal

    def test_muted_archived_and_deleted_are_said_clearly(self, alice: Client, den: Room, people: Any) -> None:
        hook = make(alice, kind="incoming", name="CI")
        room, bot = access.known_room(people["alice"], "x-den"), IncomingHook.objects.get().user
        muted = actions.restrict(people["alice"], room, "mute", bot)
        assert "muted" in refusal_of(post(hook))
        actions.lift(people["alice"], room, muted.pk)
        actions.change_room(people["alice"], room, archived=True)
        assert "archived" in refusal_of(post(hook))
        actions.change_room(people["alice"], room, archived=False)
        assert post(hook).status_code == 201
        actions.delete_room(people["alice"], room)
        assert code(post(hook)) == (404, "HOOK_INVALID")

    @pytest.mark.parametrize("how", ["remove", "ban"])
    def test_removing_its_user_from_the_room_ends_it(self, how: str, alice: Client, den: Room, people: Any) -> None:
        hook = make(alice, kind="incoming", name="CI")
        assert post(hook).status_code == 201
        room, bot = access.known_room(people["alice"], "x-den"), IncomingHook.objects.get().user
        if how == "remove":
            actions.remove_member(people["alice"], room, bot)
        else:
            actions.restrict(people["alice"], room, "ban", bot)
        assert code(post(hook)) == (404, "HOOK_INVALID")
        assert Message.objects.get().author == bot
        assert not User.objects.get(pk=bot.pk).is_active

    def test_it_gets_no_power_over_the_room(self, alice: Client, den: Room) -> None:
        make(alice, kind="incoming", name="CI")
        username = IncomingHook.objects.get().user.username
        for role in ("owner", "moderator", "member"):
            answer = alice.patch(f"/rooms/x-den/members/{username}/", {"role": role}, JSON)
            assert "webhook" in refusal_of(answer)

    def test_it_posts_no_more_when_its_maker_owns_the_room_no_more(self, alice: Client, people: Any, den: Room) -> None:
        hook = make(alice, kind="incoming", name="CI")
        Membership.objects.filter(user=people["alice"]).update(role="moderator")
        assert "own" in refusal_of(post(hook))

    def test_in_a_room_for_staff_it_posts_while_its_maker_is_staff(self, people: Any, make_room: Any) -> None:
        make_room("team", visibility="staff")
        sam = sign_in(people["sam"])
        hook = sam.post("/rooms/team/hooks/", {"kind": "incoming", "name": "CI"}, JSON).json()
        assert post(hook).status_code == 201
        assert not User.objects.get(is_bot=True).is_staff
        User.objects.filter(pk=people["sam"].pk).update(is_staff=False)
        assert "own" in refusal_of(post(hook))

    def test_it_follows_its_room_to_a_new_name(self, make_room: Any, people: Any) -> None:
        garden = make_room("garden")
        Membership.objects.create(room=garden, user=people["alice"], role="owner")
        alice = sign_in(people["alice"])
        hook = alice.post("/rooms/garden/hooks/", {"kind": "incoming", "name": "CI"}, JSON).json()
        new = alice.patch("/rooms/garden/", {"visibility": "private"}, JSON).json()["room"]
        assert post(hook).json()["room"] == new != "garden"

    def test_it_costs_one_statement_more_than_a_post(
        self, alice: Client, django_assert_num_queries: DjangoAssertNumQueries
    ) -> None:
        hook = make(alice, kind="incoming", name="CI")
        with django_assert_num_queries(7):  # the webhook with its maker's rights; the post: begin, 4, commit
            assert post(hook).status_code == 201

    def test_the_secret_counts_in_the_address_only_where_the_operator_allows_it(
        self, alice: Client, settings: Any, curl: Client
    ) -> None:
        hook = make(alice, kind="incoming", name="CI")
        address = f"/hooks/{hook['id']}/{hook['secret']}/"
        assert code(curl.post(address, {"text": "hi"})) == (404, "NOT_FOUND")
        settings.HOOK_SECRET_IN_URL = True
        assert curl.post(address, {"text": "hi"}).status_code == 201
        assert code(curl.post(f"/hooks/{hook['id']}/wrong/", {"text": "hi"})) == (404, "HOOK_INVALID")
        assert curl.get(address).status_code == 405
        assert not Message.objects.filter(text__contains=hook["secret"]).exists()


def refusal_of(answer: Any) -> str:
    assert code(answer) == (403, "ROOM_ACCESS_DENIED"), answer.content
    return str(answer.json()["detail"])


class TestPage:
    @pytest.fixture
    def browser(self, alice: Client) -> Client:
        alice.defaults["HTTP_ACCEPT"] = "text/html"
        return alice

    def shown(self, browser: Client, **form: str) -> HttpResponse:
        answer = browser.post(HOOKS, form)
        assert (answer.status_code, answer["Location"]) == (303, HOOKS), answer.text
        return browser.get(HOOKS)

    def test_a_secret_is_shown_once(self, browser: Client) -> None:
        page = self.shown(browser, kind="incoming", name="CI <b>")
        secret = next(notice for tag, notice in page.context["notices"] if tag == "secret")  # type: ignore[attr-defined]
        assert secret in page.text
        assert page["Cache-Control"] == "no-store"
        assert "CI &lt;b&gt;" in page.text
        assert secret not in browser.get(HOOKS).text
        hook = {"id": IncomingHook.objects.get().public_id, "secret": secret}
        assert post(hook).status_code == 201

    def test_all_buttons(self, browser: Client) -> None:
        page = self.shown(browser, kind="outgoing", url=f"  {URL} ")
        assert "whsec_" in page.text
        hook = OutgoingHook.objects.get()
        assert "is on its way" in self.shown(browser, test=hook.public_id).text
        assert "alice switched it off." in self.shown(browser, off=hook.public_id).text
        assert "Switch on" not in self.shown(browser, on=hook.public_id).text
        assert "There is none." in self.shown(browser, withdraw=hook.public_id).text

    def test_a_refusal_is_said_beside_its_field_with_what_was_written(self, browser: Client) -> None:
        answer = browser.post(HOOKS, {"kind": "outgoing", "url": "http://10.0.0.1/"})
        assert answer.status_code == 422
        assert 'value="http://10.0.0.1/"' in answer.text
        assert 'id="url-error"' in answer.text
        answer = browser.post(HOOKS, {"kind": "incoming", "name": "bob"})
        assert (answer.status_code, 'id="name-error"' in answer.text) == (409, True)
        assert browser.post(HOOKS, {"withdraw": "0" * 16}).status_code == 404
        assert browser.post(HOOKS, {}).status_code == 400

    def test_the_log_is_shown_in_words(self, browser: Client) -> None:
        self.shown(browser, kind="outgoing", url=URL)
        hook = OutgoingHook.objects.get()
        Delivery.objects.create(hook=hook, type="message", eid=3, attempt=2, error="No answer in time.", ms=10_000)
        page = browser.get(f"{HOOKS}{hook.public_id}/deliveries/")
        assert "No answer in time." in page.text
        assert "attempt 2" in page.text
        assert hook.secret not in page.text

    def test_it_needs_the_token_of_the_form(self, people: Any, den: Room) -> None:
        strict = Client(enforce_csrf_checks=True, headers={"Origin": "http://testserver", "Accept": "text/html"})
        strict.force_login(people["alice"])
        assert strict.post(HOOKS, {"kind": "outgoing", "url": URL}).status_code == 403
        assert not OutgoingHook.objects.exists()

    def test_it_is_for_owners_and_linked_for_them_only(self, browser: Client, people: Any) -> None:
        assert f'href="{HOOKS}"' in browser.get("/rooms/x-den/settings/").text
        Membership.objects.filter(user=people["bob"]).update(role="moderator")
        bob = sign_in(people["bob"])
        bob.defaults["HTTP_ACCEPT"] = "text/html"
        assert f'href="{HOOKS}"' not in bob.get("/rooms/x-den/settings/").text
        assert bob.get(HOOKS).status_code == 403
        charlie = sign_in(people["charlie"])
        charlie.defaults["HTTP_ACCEPT"] = "text/html"
        unknown = charlie.get("/rooms/x-nothing/hooks/")
        assert (charlie.get(HOOKS).status_code, unknown.status_code) == (404, 404)
        assert without_token(charlie.get(HOOKS)) == without_token(unknown)

    def test_browsers_get_the_page_and_programs_the_api_from_one_address(self, browser: Client, alice: Client) -> None:
        assert browser.get(HOOKS)["Content-Type"].startswith("text/html")
        assert browser.get(HOOKS, headers={"Accept": "application/json"}).json() == {"hooks": []}


class TestAdmin:
    @pytest.mark.parametrize("kind", ["incoming", "outgoing"])
    def test_operators_withdraw_those_of_any_room(self, kind: str, alice: Client) -> None:
        made = make(alice, kind=kind, name="CI") if kind == "incoming" else make(alice, kind=kind, url=URL)
        model = IncomingHook if kind == "incoming" else OutgoingHook
        looker = operator(f"view_{kind}hook")
        page = looker.get(url_of(model, "changelist"))
        assert page.status_code == 200
        assert "x-den" in page.text
        assert delete(looker, model.objects.get()).status_code == 403
        remover = operator(f"view_{kind}hook", f"delete_{kind}hook")
        for page in (remover.get(url_of(model.objects.get(), name)) for name in ("change", "delete")):
            assert made["secret"] not in page.text
        delete(remover, model.objects.get())
        assert not model.objects.exists()
        assert f"withdraw {kind} webhook" in [entry[0] for entry in audited()]

    def test_a_secret_is_not_told_by_filters(self, alice: Client) -> None:
        made = make(alice, kind="outgoing", url=URL)
        path = url_of(OutgoingHook, "changelist")
        answers = [operator().get(path, {"secret__startswith": text}) for text in (made["secret"][:9], "whsec_-")]
        assert {answer.status_code for answer in answers} == {400}
