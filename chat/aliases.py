"""Names and ids that the service gives: to strangers for each other, and to guests who did not choose a name."""

import secrets

from django.utils.crypto import salted_hmac

_COLOURS = (
    "Amber Azure Brown Copper Coral Crimson Golden Green Grey Indigo Ivory Jade Lilac Olive Orange Pearl Pink Purple"
    " Red Rusty Scarlet Silver Teal Violet White Yellow"
).split()
_ANIMALS = (
    "Badger Bear Beaver Crane Deer Dolphin Falcon Finch Fox Hare Hedgehog Heron Lynx Marten Mole Moose Otter Owl"
    " Panda Raven Robin Seal Sparrow Squirrel Stork Swan Toad Turtle Walrus Wolf"
).split()


def alias() -> str:
    """A name of two words, as in "Amber Otter". The same one comes again sooner or later."""
    return f"{secrets.choice(_COLOURS)} {secrets.choice(_ANIMALS)}"


def two_aliases() -> tuple[str, str]:
    """Names for the two of a pair: another colour and another animal, so that nobody takes one for the other."""
    colours, animals = (secrets.SystemRandom().sample(words, 2) for words in (_COLOURS, _ANIMALS))
    return f"{colours[0]} {animals[0]}", f"{colours[1]} {animals[1]}"


def id_in_pair(room_name: str, public_id: str) -> str:
    """The id of one of two strangers, in the room of the two: another one in each pair, from which nobody but the
    service comes to `public_id`. Room names of pairs are random and never given again."""
    return salted_hmac("chat.pair", f"{room_name} {public_id}", algorithm="sha256").hexdigest()[:16]


def nickname() -> str:
    """A nickname for a guest, as in "Amber Otter 48213": hardly ever one that somebody has."""
    return f"{alias()} {10_000 + secrets.randbelow(90_000)}"
