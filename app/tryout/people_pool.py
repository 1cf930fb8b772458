"""Made-up customers, as skewed as real ones: a few names are very common, most are rare, many alphabets."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import NamedTuple

# (last names, first names, country, phone prefix, locale); weights below.
_CULTURES: tuple[tuple[Sequence[str], Sequence[str], str, str, str], ...] = (
    (
        "Smith Johnson Williams Brown Jones Garcia Miller Davis Wilson Anderson Taylor Moore Lee Walker".split(),
        "James Mary Robert Patricia John Jennifer Michael Linda David Elizabeth Emma Olivia Noah".split(),
        "US",
        "+1 415 555 ",
        "en_US",
    ),
    (
        "Müller Schmidt Schneider Fischer Weber Meyer Wagner Becker Schulz Hoffmann Groß".split(),
        "Jonas Lena Felix Hannah Paul Mia Lukas Emma Jürgen Käthe".split(),
        "DE",
        "+49 30 555 ",
        "de_DE",
    ),
    (
        "Иванов Смирнов Кузнецов Попов Васильев Петров Соколов Михайлов Новиков Фёдоров".split(),
        "Александр Мария Дмитрий Анна Сергей Ольга Алексей Елена Пётр Наталья".split(),
        "RU",
        "8 (905) 123-",
        "ru_RU",
    ),
    (
        "王 李 张 刘 陈 杨 赵 黄 周 吴".split(),
        "伟 芳 娜 秀英 敏 静 丽 强 磊 军".split(),
        "CN",
        "+86 10 5550 ",
        "zh_CN",
    ),
    (
        "Laporte Martin Bernard Dubois Thomas Robert Richard Petit Durand Lefèvre".split(),
        "Marcel Camille Louis Chloé Hugo Manon Jules Zoé Léa Arthur".split(),
        "FR",
        "+33 1 55 55 ",
        "fr_FR",
    ),
    (
        "İnan Yılmaz Kaya Demir Çelik Şahin Öztürk Arslan".split(),
        "Ayşe Mehmet Fatma Mustafa Emine Ahmet Işıl".split(),
        "TR",
        "+90 212 555 ",
        "tr_TR",
    ),
    (
        "حداد خوري منصور سالم ناصر".split(),
        "ليلى عمر سارة يوسف مريم".split(),
        "AE",
        "+971 4 555 ",
        "ar_AE",
    ),
)  # fmt: skip
_WEIGHTS = (30, 18, 22, 10, 12, 5, 3)
_DOMAINS = ("example.com", "example.org", "example.net", "mail.example", "post.example", "почта.example")
_FIRMS = (
    "Lindqvist Form",
    "Northfold",
    "Halyard Press",
    "Druckhaus Mitte",
    "Софт Линия",
    "青山",
    "Çınar",
    "Tern & Sons",
)
_FORMS = ("AB", "Inc.", "Ltd", "GmbH", "ООО", "株式会社", "A.Ş.", "SARL")


class Customer(NamedTuple):
    """A buyer; the same number always gives the same one."""

    email: str
    first_name: str
    last_name: str
    phone: str
    country: str
    locale: str
    company: str | None
    vat_number: str | None
    address: str
    card: str


def customer(number: int) -> Customer:
    """The buyer with this number."""
    rng = random.Random(number * 2654435761 % 2**32)  # noqa: S311  made-up data, no secret
    lasts, firsts, country, prefix, locale = rng.choices(_CULTURES, _WEIGHTS)[0]
    # The head of each list is taken far more often than its tail.
    last = lasts[int(len(lasts) * rng.random() ** 2)]
    first = firsts[int(len(firsts) * rng.random() ** 1.5)]
    legal = rng.random() < 0.22
    firm = f"{rng.choice(_FIRMS)} {number % 9973} {rng.choice(_FORMS)}" if legal else None
    return Customer(
        email=f"buyer{number}@{rng.choices(_DOMAINS, (40, 20, 15, 12, 10, 3))[0]}",
        first_name=first,
        last_name=last,
        phone=f"{prefix}{rng.randrange(10)}{number % 10**6:06d}",
        country=country,
        locale=locale,
        company=firm,
        vat_number=f"{country}{number % 10**9:09d}" if legal else None,
        address=f"{rng.randrange(1, 200)} Example street, {country}",
        card=f"{rng.randrange(10000):04d}",
    )
