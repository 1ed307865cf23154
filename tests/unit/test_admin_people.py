"""The admin's accounts and tokens: what is taken away ends at once, and operators can't raise themselves."""

from collections.abc import Callable

import pytest
from django.contrib.auth.models import Group, Permission
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from chat import access, actions
from chat.actions import operators
from chat.models import ApiToken, AuditEntry, Event, Message, Room, Session, User
from chat.problems import Problem
from tests.unit.conftest import MakeRoom, sign_in
from tests.unit.operators import act, audited, closings, delete, operator, save, url_of, words

pytestmark = pytest.mark.django_db
PASSWORD = {"password1": "Bergen-1070", "password2": "Bergen-1070"}


@pytest.fixture(params=["superuser", "plain staff"])
def accounts_operator(request: pytest.FixtureRequest) -> Client:
    """Who may do everything to accounts that are not staff's."""
    if request.param == "superuser":
        return operator()
    return operator("view_user", "add_user", "change_user", "delete_user", "view_apitoken", "delete_apitoken")


@pytest.fixture
def den(make_room: MakeRoom, people: dict[str, User]) -> Room:
    """A private room of Alice and Bob."""
    return make_room("x-den", visibility="private", members=(people["alice"], people["bob"]))


def is_signed_in(client: Client) -> bool:
    """Whether the browser still counts as somebody: only members read the room."""
    return client.get("/rooms/x-den/messages/").status_code == 200


def by_token(token: str) -> int:
    """What a program is answered with its token."""
    return Client(headers={"Authorization": f"Bearer {token}"}).get("/rooms/x-den/messages/").status_code


def test_a_closed_account_is_out_at_once_and_stays_out_when_reopened(
    accounts_operator: Client, den: Room, people: dict[str, User]
) -> None:
    bob = people["bob"]
    browser, token = sign_in(bob), actions.make_token(bob)
    assert is_signed_in(browser)
    assert words(act(accounts_operator, "close", bob)) == "Closed: 1."
    assert (is_signed_in(browser), by_token(token), closings(den)) == (False, 401, [0])
    act(accounts_operator, "reopen", bob)
    assert (is_signed_in(browser), by_token(token)) == (False, 401)
    assert is_signed_in(sign_in(bob))
    assert [entry[::2] for entry in audited()] == [("close account", "bob"), ("reopen account", "bob")]


def test_reopening_what_somebody_closed_themselves_brings_no_session_back(den: Room, people: dict[str, User]) -> None:
    bob = people["bob"]
    browser = sign_in(bob)
    actions.close_account(bob, bob)
    act(operator(), "reopen", bob)
    assert not is_signed_in(browser)
    assert is_signed_in(sign_in(bob))


def test_the_links_of_a_closed_account_lead_nowhere(den: Room, people: dict[str, User]) -> None:
    bob, charlie = people["bob"], people["charlie"]
    den.memberships.filter(user=bob).update(role="moderator")
    _, secret = actions.invite(bob, access.known_room(bob, den.name))
    actions.close_account(people["sam"], bob)
    with pytest.raises(Problem) as refused:
        actions.accept_invite(charlie, secret)
    assert refused.value.code == "INVITE_INVALID"


def test_the_form_closes_and_reopens_as_the_actions_do(
    accounts_operator: Client, den: Room, people: dict[str, User]
) -> None:
    bob = people["bob"]
    save(accounts_operator, url_of(bob, "change"), without=("is_active",))
    bob.refresh_from_db()
    assert (bob.is_active, closings(den)) == (False, [0])
    save(accounts_operator, url_of(bob, "change"), is_active="on")
    assert [entry[0] for entry in audited()] == ["close account", "reopen account"]


def test_staff_is_given_and_taken_away_with_the_streams_of_staff_rooms(
    make_room: MakeRoom, people: dict[str, User]
) -> None:
    office, lobby, root = make_room("office", visibility="staff"), make_room("lobby"), operator()
    sam = sign_in(people["sam"])
    assert sam.get("/rooms/office/messages/").status_code == 200
    act(root, "take_staff", people["sam"], people["bob"])
    assert sam.get("/rooms/office/messages/").status_code == 403
    assert closings(office, lobby) == [0]
    act(root, "make_staff", people["sam"])
    save(root, url_of(people["sam"], "change"), without=("is_staff",))
    assert closings(office, lobby) == [0, 0]
    assert [entry[::2] for entry in audited()] == [("demote", "sam"), ("make staff", "sam"), ("demote", "sam")]


def test_sessions_are_ended_and_tokens_stay(accounts_operator: Client, den: Room, people: dict[str, User]) -> None:
    token = actions.make_token(people["bob"])
    browsers, other = [sign_in(people["bob"]), sign_in(people["bob"])], sign_in(people["alice"])
    act(accounts_operator, "end_sessions", people["bob"])
    assert [is_signed_in(browser) for browser in (*browsers, other)] == [False, False, True]
    assert (by_token(token), closings(den)) == (200, [0])
    assert [entry[::2] for entry in audited()] == [("end sessions", "bob")]


def test_tokens_are_withdrawn_all_at_once_or_one_by_one(
    accounts_operator: Client, den: Room, people: dict[str, User]
) -> None:
    first, second, third = (actions.make_token(people["bob"]) for _ in range(3))
    listed = accounts_operator.get(url_of(ApiToken, "changelist")).text
    assert "bob" in listed
    assert not [token for token in ApiToken.objects.all() if token.digest in listed]
    assert accounts_operator.get(url_of(ApiToken, "changelist") + "?digest__startswith=a").status_code == 400
    delete(accounts_operator, ApiToken.objects.order_by("pk").first())  # type: ignore[arg-type]
    assert [by_token(token) for token in (first, second, third)] == [401, 200, 200]
    act(accounts_operator, "withdraw_tokens", people["bob"], people["alice"])
    assert [by_token(token) for token in (second, third)] == [401, 401]
    assert closings(den) == [0, 0]
    assert audited() == [("withdraw tokens", "", "bob", "1"), ("withdraw tokens", "", "bob", "2")]


@pytest.mark.parametrize(
    ("sent", "usable"),
    [(PASSWORD | {"usable_password": "true"}, True), ({"usable_password": "false", "unset-password": "1"}, False)],
)
def test_a_new_password_ends_sessions_and_streams(
    accounts_operator: Client, den: Room, people: dict[str, User], sent: dict[str, str], usable: bool
) -> None:
    bob = people["bob"]
    bob.set_password("old")
    bob.save()
    browser = sign_in(bob)
    url = f"/admin/chat/user/{bob.pk}/password/"
    assert accounts_operator.get(url).status_code == 200
    accounts_operator.post(url, sent)
    bob.refresh_from_db()
    assert (bob.check_password("Bergen-1070"), bob.has_usable_password()) == (usable, usable)
    assert (is_signed_in(browser), closings(den)) == (False, [0])
    assert [entry[::2] for entry in audited()] == [("change password", "bob")]
    assert AuditEntry.objects.get().actor_id == int(accounts_operator.session["_auth_user_id"])


def test_a_password_that_is_too_easy_changes_nothing(people: dict[str, User]) -> None:
    url = f"/admin/chat/user/{people['bob'].pk}/password/"
    page = operator().post(url, {"password1": "12345", "password2": "12345", "usable_password": "true"})
    assert page.context["form"].errors
    assert audited() == []


def test_ones_own_password_and_signing_out_end_streams_too(make_room: MakeRoom) -> None:
    office, root = make_room("office", visibility="staff"), operator()
    sent = {"old_password": "Oslo-1952", "new_password1": "Bergen-1070", "new_password2": "Bergen-1070"}
    assert root.get("/admin/password_change/").status_code == 200
    assert root.post("/admin/password_change/", sent).status_code == 302
    assert (closings(office), [entry[0] for entry in audited()]) == ([0], ["change password"])
    assert root.get("/admin/").status_code == 200  # this session goes on
    root.post("/admin/logout/")
    assert closings(office) == [0, 0]
    assert root.get("/admin/").status_code == 302


def test_an_account_is_added_by_an_action(accounts_operator: Client) -> None:
    sent = PASSWORD | {"usable_password": "true"}
    save(accounts_operator, url_of(User, "add"), username="dora", display_name="Dora D.", **sent)
    save(accounts_operator, url_of(User, "add"), username="robot", usable_password="false")
    dora, robot = User.objects.get(username="dora"), User.objects.get(username="robot")
    assert (dora.shown_name, dora.check_password("Bergen-1070"), dora.is_staff) == ("Dora D.", True, False)
    assert not robot.has_usable_password()
    assert [entry[::2] for entry in audited()] == [("add account", "dora"), ("add account", "robot")]


def test_nobody_gets_a_name_that_reads_like_somebody_elses(people: dict[str, User]) -> None:
    root, sent = operator(), PASSWORD | {"usable_password": "true"}
    page = save(root, url_of(User, "add"), username="dora", display_name="B o B", **sent)
    assert "reads like the one" in words(page)
    page = save(root, url_of(people["alice"], "change"), display_name="BOB")
    assert "reads like the one" in words(page)
    page = save(root, url_of(people["alice"], "change"), display_name="a\u202eb")
    assert "invisible" in page.text
    assert (audited(), User.objects.filter(username="dora").exists()) == ([], False)


def test_a_name_is_changed_by_an_action_and_messages_keep_theirs(
    accounts_operator: Client, den: Room, people: dict[str, User]
) -> None:
    actions.post_message(people["bob"], "x-den", "hi")
    save(accounts_operator, url_of(people["bob"], "change"), display_name="Bob  B.")
    people["bob"].refresh_from_db()
    assert (people["bob"].shown_name, Message.objects.get().name) == ("Bob B.", "bob")
    assert audited() == [("change name", "", "bob", "bob → Bob B.")]


def test_a_deleted_account_leaves_its_messages(accounts_operator: Client, den: Room, people: dict[str, User]) -> None:
    bob, browser = people["bob"], sign_in(people["bob"])
    token = actions.make_token(bob)
    actions.post_message(bob, "x-den", "secret words")
    page = accounts_operator.get(url_of(bob, "delete"))
    assert "What it wrote stays" in page.text
    assert "secret words" not in page.text
    delete(accounts_operator, bob)
    message = Message.objects.get()
    assert (message.author_id, message.name, message.text) == (None, "bob", "secret words")
    assert (is_signed_in(browser), by_token(token), closings(den)) == (False, 401, [0])
    assert audited() == [("delete account", "", "", "bob")]
    act(accounts_operator, "delete_selected", people["alice"], people["charlie"], post="yes")
    assert User.objects.filter(username__in=("alice", "charlie")).count() == 0


def test_a_guest_becomes_neither_staff_nor_gets_a_password(people: dict[str, User]) -> None:
    guest, root = actions.make_guest("gina"), operator()
    assert "is a guest" in words(act(root, "make_staff", guest, people["bob"]))
    root.post(f"/admin/chat/user/{guest.pk}/password/", PASSWORD | {"usable_password": "true"})
    guest.refresh_from_db()
    assert (guest.is_staff, guest.has_usable_password(), audited()) == (False, False, [])
    assert not User.objects.filter(username="bob", is_staff=True).exists()  # all or nothing


def test_nobody_locks_themselves_out(people: dict[str, User]) -> None:
    root = operator()
    me = User.objects.get(pk=root.session["_auth_user_id"])
    for page in (
        act(root, "close", me),
        act(root, "take_staff", people["sam"], me),
        delete(root, me),
        save(root, url_of(me, "change"), without=("is_superuser",)),
        save(root, url_of(me, "change"), without=("is_active",)),
    ):
        assert "your own account" in words(page)
    me.refresh_from_db()
    assert (me.is_active, me.is_staff, me.is_superuser, audited()) == (True, True, True, [])


def test_who_may_change_accounts_can_not_take_over_those_of_staff(people: dict[str, User]) -> None:
    client = operator("view_user", "change_user", "delete_user", "delete_apitoken", "view_apitoken")
    sam = people["sam"]
    actions.make_token(sam)
    assert (
        client.post(f"/admin/chat/user/{sam.pk}/password/", PASSWORD | {"usable_password": "true"}).status_code == 403
    )
    assert client.post(url_of(sam, "change"), {"display_name": "x"}).status_code == 403
    assert client.post(url_of(sam, "delete"), {"post": "yes"}).status_code == 403
    assert act(client, "delete_selected", sam, post="yes").status_code == 403
    assert client.post(url_of(ApiToken.objects.get(), "delete"), {"post": "yes"}).status_code == 403
    for action in ("close", "end_sessions", "withdraw_tokens"):
        assert "is staff" in words(act(client, action, sam))
    assert audited() == []


def test_who_may_change_accounts_raises_nobody(people: dict[str, User]) -> None:
    client = operator("view_user", "change_user")
    forged = {"user_permissions": [Permission.objects.values_list("pk", flat=True)[0]], "display_name": "Robert"}
    save(client, url_of(people["bob"], "change"), is_staff="on", is_superuser="on", **forged)
    act(client, "make_staff", people["bob"])
    people["bob"].refresh_from_db()
    assert (people["bob"].is_staff, people["bob"].is_superuser) == (False, False)
    assert (people["bob"].user_permissions.count(), [entry[0] for entry in audited()]) == (0, ["change name"])
    me = User.objects.get(pk=client.session["_auth_user_id"])
    with pytest.raises(Problem, match="Only superusers"):
        operators.appoint(me, people["bob"], True)
    with pytest.raises(Problem, match="Only superusers"):
        operators.set_permissions(me, people["bob"], is_superuser=True, groups=[], permissions=[])


def test_superusers_say_what_staff_may_do(people: dict[str, User]) -> None:
    two = list(Permission.objects.values_list("pk", flat=True)[:2])
    save(operator(), url_of(people["sam"], "change"), is_superuser="on", user_permissions=two)
    people["sam"].refresh_from_db()
    assert (people["sam"].is_superuser, people["sam"].user_permissions.count()) == (True, 2)
    assert audited() == [("change permissions", "", "sam", "superuser")]


@pytest.mark.parametrize("permission", ["view_user", "view_apitoken"])
def test_who_may_only_look_changes_nothing(people: dict[str, User], permission: str) -> None:
    client = operator(permission)
    actions.make_token(people["bob"])
    for action in ("close", "reopen", "make_staff", "end_sessions", "withdraw_tokens", "delete_selected"):
        act(client, action, people["bob"], post="yes")
    assert client.post(url_of(people["bob"], "change"), {"display_name": "x"}).status_code == 403
    assert client.post(url_of(User, "add"), PASSWORD | {"username": "dora"}).status_code == 403
    assert (audited(), ApiToken.objects.count()) == ([], 1)
    assert not User.objects.filter(username="dora").exists()


def test_the_actions_ask_for_the_permission_themselves(people: dict[str, User]) -> None:
    for actor in (people["alice"], people["sam"]):
        for act_on in (operators.close, operators.reopen, operators.end_sessions, operators.remove):
            with pytest.raises(Problem, match="permission"):
                act_on(actor, people["bob"])
        with pytest.raises(Problem, match="permission"):
            operators.set_password(actor, people["bob"], "Bergen-1070")
    assert User.objects.filter(username="bob", is_active=True).exists()


def test_nothing_of_people_is_an_event_of_a_room(den: Room, people: dict[str, User]) -> None:
    root = operator()
    for action in ("end_sessions", "close", "reopen"):
        act(root, action, people["bob"])
    assert not Event.objects.exists()
    assert Session.objects.count() == 1  # the operator's


def test_the_lists_take_as_many_queries_for_many_as_for_few(
    people: dict[str, User], django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    root = operator()
    for n in range(30):
        actions.make_token(User.objects.create_user(f"p{n}"))
    for query in ("", "?q=p1", "?is_staff__exact=0&is_guest__exact=0&is_active__exact=1"):
        with django_assert_max_num_queries(5):
            assert root.get(url_of(User, "changelist") + query).status_code == 200
    with django_assert_max_num_queries(5):
        assert root.get(url_of(ApiToken, "changelist") + "?q=p").status_code == 200


def test_the_page_of_an_account_opens_for_all_kinds_of_operators(
    accounts_operator: Client, people: dict[str, User]
) -> None:
    for person in (people["bob"], people["sam"], actions.make_guest("gina")):
        page = accounts_operator.get(url_of(person, "change"))
        assert page.status_code == 200


def demote(actor: User, user: User) -> None:
    """Make somebody no superuser any more."""
    operators.set_permissions(actor, user, is_superuser=False, groups=[], permissions=[])


@pytest.mark.parametrize("end", [demote, operators.remove])
def test_two_superusers_do_not_end_each_other(db: None, end: Callable[[User, User], None]) -> None:
    """As they do it at once: each is found as a superuser before the other one acts."""
    one, two = (User.objects.create_user(name, is_staff=True, is_superuser=True) for name in ("one", "two"))
    User.objects.filter(pk=one.pk).update(is_superuser=False)
    with pytest.raises(Problem, match="only administrator"):
        end(one, two)
    assert User.objects.get(pk=two.pk).is_superuser


class TestGroups:
    """What staff of a group may do is said by superusers, and audited."""

    def test_staff_do_not_raise_themselves_by_their_group(self, db: None) -> None:
        group = Group.objects.create(name="helpers")
        staff = User.objects.create_user("helper", is_staff=True)
        staff.groups.add(group)
        staff.user_permissions.set(Permission.objects.filter(content_type__app_label="auth"))
        client = sign_in(staff)
        change = Permission.objects.get(codename="change_user", content_type__app_label="chat")
        assert client.post(url_of(group, "change"), {"name": "helpers", "permissions": [change.pk]}).status_code == 403
        assert client.post(url_of(group, "delete"), {"post": "yes"}).status_code == 403
        assert client.post(url_of(Group, "add"), {"name": "mine", "permissions": [change.pk]}).status_code == 403
        assert list(Group.objects.values_list("name", "permissions")) == [("helpers", None)]

    def test_superusers_do_and_it_is_audited(self, db: None) -> None:
        client = operator()
        permission = Permission.objects.get(codename="view_user", content_type__app_label="chat")
        client.post(url_of(Group, "add"), {"name": "helpers", "permissions": [permission.pk]})
        group = Group.objects.get(name="helpers")
        assert list(group.permissions.all()) == [permission]
        client.post(url_of(group, "change"), {"name": "helpers", "permissions": []})
        assert not group.permissions.exists()
        delete(client, group)
        assert not Group.objects.exists()
        actions_done = AuditEntry.objects.order_by("pk").values_list("action", "detail")
        assert list(actions_done) == [(f"{what} group", "helpers") for what in ("change", "change", "delete")]
