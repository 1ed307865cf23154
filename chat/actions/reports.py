"""Against strangers who misbehave: block and report, and what operators do about it."""

from django.utils import timezone

from chat import access
from chat.actions.limits import Limit, attempt
from chat.actions.log import audit
from chat.actions.pairing import Reason, Round, State, a_round
from chat.actions.strangers import check_stranger
from chat.models import Block, Message, Report, Stranger, User
from chat.names import has_control_characters
from chat.problems import Problem
from chat.requester import Person

REASON_MAX = 500  # characters
EXCERPT_MESSAGES, EXCERPT_CHARACTERS = 20, 500  # the last messages, each cut at so many characters
REPORTS_PER_DAY = 20
BLOCKS_MAX = 1000  # of one person: beyond that the oldest goes


def block_stranger(person: Person) -> Stranger:
    """Never meet the partner of now again, or the last one, and leave them. Raises Problem."""
    user = check_stranger(person)
    with a_round() as current:
        one = current.visitor(user)
        _block(current, one, _partner_of(one))
    return one


def report_stranger(person: Person, reason: str = "") -> Stranger:
    """Tell the operator of the partner of now, or of the last one; block them, and leave them. Raises Problem.

    The last messages go with it while there is a room: it dies with the pair.
    """
    user = check_stranger(person)
    reason = reason.replace("\r\n", "\n").strip()
    if len(reason) > REASON_MAX or has_control_characters(reason, allow="\n\t"):
        raise Problem("TEXT_INVALID", f"A reason has at most {REASON_MAX} characters, none of them control characters.")
    with a_round() as current:
        attempt([Limit("report a stranger", str(user.pk), REPORTS_PER_DAY, 86_400)])
        one = current.visitor(user)
        whom = _partner_of(one)
        Report.objects.create(by=user, whom=whom, reason=reason, excerpt=_excerpt(one), created=current.now)
        _block(current, one, whom)
    return one


def forget_blocks(person: Person, block: Block | None = None) -> None:
    """Be ready to meet again whom one has blocked: by one `block`, or all of them. Raises Problem."""
    user = check_stranger(person)
    with a_round() as current:
        mine = Block.objects.filter(by=user)
        (mine.filter(pk=block.pk) if block else mine).delete()
        current.pair_all()


def bar_stranger(operator: User, user: User) -> None:
    """Keep somebody from meeting strangers."""
    access.check_operator(operator, "chat.change_stranger", user)
    with a_round() as current:
        one = current.visitor(user)
        if one.state != State.IDLE:
            current.idle(one, Reason.BARRED)
        one.barred_at = current.now
        one.save(update_fields=["barred_at"])
        audit(operator, "bar from strangers", None, user)


def admit_stranger(operator: User, user: User) -> None:
    """Take that back."""
    access.check_operator(operator, "chat.change_stranger", user)
    Stranger.objects.filter(user=user).update(barred_at=None, reason=Reason.NONE)
    audit(operator, "admit to strangers", None, user)


def settle_report(operator: User, report: Report) -> None:
    """Note that a report was dealt with."""
    access.check_operator(operator, "chat.change_report")
    if Report.objects.filter(pk=report.pk, settled_at=None).update(settled_at=timezone.now(), settled_by=operator):
        audit(operator, "settle report", None, report.whom)


def _partner_of(one: Stranger) -> User:
    whom = one.partner.user if one.partner else one.last_partner
    if whom is None:
        raise Problem("PARTNER_MISSING", "You have met nobody yet.")
    return whom


def _block(current: Round, one: Stranger, whom: User) -> None:
    Block.objects.get_or_create(by=one.user, whom=whom, defaults={"alias": one.last_alias})
    oldest = Block.objects.filter(by=one.user).order_by("-pk").values_list("pk", flat=True)[BLOCKS_MAX:]
    Block.objects.filter(pk__in=list(oldest)).delete()
    if one.state == State.PAIRED:
        current.idle(one)


def _excerpt(one: Stranger) -> str:
    """The last messages of the pair, with who said what."""
    if one.pair_room is None:
        return ""
    messages = Message.objects.filter(room=one.pair_room).order_by("-eid")[:EXCERPT_MESSAGES]
    who = {one.user_id: "Reporter"}
    lines = [f"{who.get(said.author_id or 0, 'Reported')}: {said.text[:EXCERPT_CHARACTERS]}" for said in messages]
    return "\n".join(reversed(lines))
