"""Names of people: which ones count as the same, and which stay different."""

import importlib
from typing import Any

import pytest
from django.apps import apps
from django.contrib.auth.models import AnonymousUser

from chat import actions
from chat.confusables import skeleton
from chat.models import User
from chat.names import PERSON_KEY_MAX, clean_person_name, distinct_key, is_key_of, person_key, person_keys
from chat.problems import Problem

LOOK_ALIKES = {
    "alice": (
        "ALICE", "Alice", " a l i c e ", "a1ice", "aIice", "a|ice",  # case, spaces, l for 1, I and |
        "аlice", "Αlice", "alісe", "Ꭺlice", "ɑlice",  # Cyrillic, Greek, Cherokee, Latin alpha
        "ａｌｉｃｅ", "𝒶𝓁𝒾𝒸ℯ", "𝐀𝐋𝐈𝐂𝐄", "ⓐⓛⓘⓒⓔ", "aⅼice",  # fullwidth, mathematical, circled, a Roman numeral
        "alicé", "a\u0301lice", "a̷l̷i̷c̷e̷",  # accents, composed and combining, and strokes
        "al\u200bice", "al\u200dice", "al\ufe0fice", "\u3164alice", "al\u2060ice", "ali\u034fce", "alice\u2800",
    ),
    "Bob": ("BOB", "B0b", "Вob", "ВОВ", "Βοb", "𝔅𝔬𝔟"),
    "mora": ("rnora", "MORA", "ⅿora", "мorа", "m0ra", "rn0ra"),
    "Harry": ("Ηarry", "һarry", "НАRRY"),
    "paypal": ("раураl", "𝔭𝒶ỿ𝕡𝕒ℓ", "PayPaI"),
    "Straße": ("STRASSE", "strasse", "Strasse"),
    "Вова": ("ВОВА", "вова", "Boвa", "BOBA"),
    "Νίκος": ("νίκος", "ΝΙΚΟΣ", "Nίκος", "Νικος"),
    "محمد": ("مُحَمَّد", "مح\u200dمد"),
}  # fmt: skip
DIFFERENT = """
Anna Anne Ann Hanna Vanna Nick Vic Maria Mario Marie Martin Marvin John Joan Jean Jon Dan Ben Bob Rob Tom Tim Tina Gina
Nina Dina Sam Pam Kim Jim Lee Leo Ali Ada Eva Iva Ivo Olaf Oleg Olga Ute Uwe Kai Kay Lars Lara Lena Luna Mona Nora Dora
Cora Rosa Zoe Chloe Clara Carla ann1 ann2 ann3 x1 x2 x10 x11 Jørgen Łukasz Lukas
محمد أحمد حمد محمود علي عمر عمرو حسن حسين حسان فاطمة عائشة خالد خلود زينب نور نورا سارة سمير سميرة سعيد سعد بدر تدر
王伟 王芳 李伟 李娜 张伟 张敏 刘洋 刘阳 陈静 陈晨 杨洋 赵磊 黄敏 周杰 吴刚 徐丽 孙丽 田中 土田 佐藤 鈴木 太田 大田 犬田
राम रमा राज रजा कुमार कमार अनिल अनील सुनील सुनीता गीता मीना मीरा मोहन मोहिनी रवि रावी अमित अमृता प्रिया प्रीति विजय अजय
Анна Инна Нина Дина Иван Ирина Марина Мария Олег Ольга Игорь Юрий Юлия Сергей Алексей Александр Александра Дмитрий
Наталья Наталия Павел Пётр Вера Вова Витя Митя Катя Рома Тома Лиза Зина Зоя
Γιώργος Γιάννης Μαρία Ελένη Κώστας Δημήτρης Ηλίας Άννα Σοφία Χρήστος
สมชาย สมหญิง สุดา สิดา 김민준 김민서 이서연 박지훈 최수빈 さくら ざくら はな ばな ぱな ハナ バナ דוד דינה שרה רחל
😀 😃 🐱 🐶 🙂 🙃 👍 👎 💙 ❤
""".split()


def is_same(one: str, other: str) -> bool:
    """As the database compares: any skeleton of the one against the stored skeleton of the other."""
    return person_key(other) in person_keys(one)


@pytest.mark.parametrize(("name", "other"), [(name, other) for name, all in LOOK_ALIKES.items() for other in all])
def test_a_look_alike_counts_as_the_same_name(name: str, other: str) -> None:
    assert is_same(other, name)
    assert is_same(name, other)


def test_ordinary_names_stay_different() -> None:
    keys: dict[str, str] = {}
    for name in DIFFERENT:
        if name in ("Вова", "Мария"):  # in capitals BOBA is a Latin name too
            continue
        assert keys.setdefault(person_key(name), name) == name
    assert len(keys) > 200


def test_no_character_breaks_the_key_and_no_key_has_a_space_or_is_too_long() -> None:
    for char in map(chr, (*range(0x20000), *range(0xE0000, 0xE1000), 0xD800, 0x10FFFF)):
        shape = skeleton(char)
        assert not any(map(str.isspace, shape)), hex(ord(char))
        assert len(person_key(char * 64)) <= PERSON_KEY_MAX if len(shape) > 4 else True


def test_the_same_name_in_either_normal_form_and_case_has_one_key() -> None:
    for name in DIFFERENT:
        for other in (name.upper(), name.lower(), clean_person_name(name)):
            assert is_same(other, name), name


def test_a_name_of_which_nothing_shows_is_none() -> None:
    for name in ("\u200d\u200c", "\u3164", "\u115f", "\u2800", "\u0301", "\ufe0f", " \t "):
        with pytest.raises(ValueError, match="needed"):
            clean_person_name(name)


def test_a_name_holds_nothing_that_fonts_show_as_nothing() -> None:
    for unseen in ("\ue000", "\U000f0000", "\uffff", "\ufdd0", "\U0001d159", "\U00016fe4", "\u200b", "\u202e"):
        with pytest.raises(ValueError, match="invisible"):
            clean_person_name(f"alice{unseen}")
    for name in ("👩‍💻", "می‌خواهم", "नमस्ते", "🫨"):
        assert clean_person_name(name) == name


@pytest.mark.django_db
@pytest.mark.parametrize(
    "name", ["Alice", "аlice", "a1ice", "ａｌｉｃｅ", "al\u200dice", "Alicе", "alice liddell", "A l i c e"]
)
def test_nobody_posts_under_an_accounts_name_or_user_name(people: dict[str, User], name: str) -> None:
    actions.change_name(people["alice"], "Alice Liddell")
    with pytest.raises(Problem) as refusal:
        actions.post_message(AnonymousUser(), "den", "hi", name=name)
    assert refusal.value.code == "NAME_TAKEN"
    actions.post_message(AnonymousUser(), "den", "hi", name="Malice")


@pytest.mark.django_db
def test_the_migration_gives_every_name_its_new_key_and_a_clash_keeps_both(people: dict[str, User]) -> None:
    for number, name in enumerate(("alicé", "аlice", "ALICE", "Zoe")):
        user = User.objects.create(username=f"old{number}", display_name=f"x{number}")
        User.objects.filter(pk=user.pk).update(display_name=name, name_key=f"old {number}", username_key="")
    recompute = importlib.import_module("chat.migrations.0007_recompute_name_keys").recompute
    for _ in range(2):
        recompute(apps, None)
    found = {user.username: user for user in User.objects.all()}
    assert found["alice"].name_key == "allce"
    assert found["old3"].name_key == "zoe"
    assert found["old3"].username_key == "old3"
    for number in range(3):
        user = found[f"old{number}"]
        assert user.name_key == distinct_key("allce", user.pk)
        user.save()  # their own changes go on as before
        user.refresh_from_db()
        assert is_key_of(user.name_key, user.display_name)
    actions.change_name(found["old0"], "Free")
    assert User.objects.get(username="old0").name_key == "free"


def test_posts_without_an_account_ask_no_more_of_the_database_than_before(
    db: Any, django_assert_max_num_queries: Any
) -> None:
    actions.make_room("den")
    with django_assert_max_num_queries(5):  # savepoint twice, claim, message, event
        actions.post_message(AnonymousUser(), "den", "hi", name="ann")
