"""Names that were given up: for a while nobody takes them but who had them last, since what was said under a name
would read as said by its next holder."""

from datetime import datetime, timedelta

from django.utils import timezone

from chat.models import HeldName, IncomingHook, Message, Room, User
from chat.names import person_key

HELD = timedelta(days=30)


def give_up(user: User, *, holder: User | None = None, with_username: bool = False) -> None:
    """Hold the name that `user` is shown under, for `holder` or else for them. Their row may lose it then.

    A guest or a webhook that never posted frees the name at once. Must run in the transaction in which the name is
    given up.
    """
    is_webhook = user.is_bot and user.owner_id is None
    if (user.is_guest or is_webhook) and not has_posted(user):
        return
    until = timezone.now() + HELD
    names = {user.shown_name} | ({user.username} if with_username else set())
    held = [HeldName(key=person_key(name), user=holder or user, until=until) for name in sorted(names)]
    HeldName.objects.bulk_create(
        {one.key: one for one in held}.values(),
        update_conflicts=True,
        unique_fields=["key"],
        update_fields=["user", "until"],
    )


def take_back(user: User) -> None:
    """Nothing is held of the names that `user` has now: they are theirs again."""
    HeldName.objects.filter(key__in=[user.name_key, user.username_key]).delete()


def end_guest(user: User) -> None:
    """Note that a guest is gone for good: the session is all that they had. Nothing for an account.

    What they wrote stays under the name; who never posted frees it at once. Must run in a transaction.
    """
    if not user.is_guest:
        return
    User.objects.filter(pk=user.pk, left_at=None).update(left_at=timezone.now())
    if not has_posted(user):
        guest = User.objects.get(pk=user.pk)
        guest.display_name = ""
        guest.save(update_fields=["display_name", "name_key"])


def has_posted(user: User) -> bool:
    """Whether somebody read what `user` wrote under their name: what is said among strangers has other names."""
    return Message.objects.filter(author=user).exclude(room__kind=Room.Kind.STRANGERS).exists()


def prune_held_names(now: datetime) -> None:
    """Forget names that are free again."""
    HeldName.objects.filter(until__lt=now).delete()


def end_hook(room: Room, bot: User) -> None:
    """The webhook that posts as `bot` goes with the membership, and who made it can give another one its name. What it
    posted stays its own: so the user stays, and nobody speaks as it again."""
    hook = IncomingHook.objects.filter(room=room, user=bot).select_related("created_by").first()
    if hook is not None and IncomingHook.objects.filter(pk=hook.pk).delete()[0]:
        give_up(bot, holder=hook.created_by)
        bot.is_active, bot.display_name = False, ""
        bot.save(update_fields=["is_active", "display_name", "name_key"])
