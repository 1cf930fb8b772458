"""An entry of the audit reads as words, in both languages; no code of ours is left for people to guess."""

import re
from pathlib import Path

import pytest
from flask_babel import force_locale, gettext

import app as portal
from app.actions import audit
from app.db import session, transaction
from app.domain.access import Actor
from app.domain.audit import ABOUT, ACTORS, DETAILS, EVENTS, NOUNS, RESULTS
from app.models import AuditEntry
from app.views.audit_words import VALUES, about, told, who
from app.views.reasons import REASONS, retold
from tests.pages import parse

NAMES = {"stores": {1: "acme-eu", 2: "acme-us"}, "teams": {7: "Blue"}}
CODE = re.compile(r"[a-z]+[._][a-z_.]+")
"""What codes look like: ``order.viewed``, ``request_refund``."""


@pytest.fixture(params=["en", "ru"])
def language(app, request):
    with app.test_request_context(), force_locale(request.param):
        yield request.param


def words(text, language):
    """Is it something a person reads in this language?"""
    return bool(re.search("[А-Яа-я]" if language == "ru" else "[A-Za-z]", text)) and not CODE.search(text)


@pytest.mark.parametrize("event", EVENTS)
def test_every_event_is_a_sentence(make, event):
    admin = make.admin(language="ru")
    page = parse(admin.get(f"/audit/?event={event}").text)
    (chosen,) = [option for option in page.all("option") if "selected" in option.attrs]
    assert words(chosen.text, "ru")


def test_every_detail_and_every_value_that_is_a_code_has_words(language):
    for key in DETAILS:
        ((name, _),) = told({key: "x"}, NAMES)
        assert words(name, language), key
    for key, values in VALUES.items():
        for value in values:
            ((_, said),) = told({key: value}, NAMES)
            assert words(said, language), (key, value)


def test_every_refusal_of_an_action_has_words():
    """The engine's, the rules' and the mails': whatever ``why`` may hold."""
    folder = Path(portal.__file__).parent
    found = re.compile(
        r"Refusal\(\s*\"((?:action|license|mail|operations|platform|refund|subscription|webhook)\.\w+)\""
    )
    codes = {code for file in folder.rglob("*.py") for code in found.findall(file.read_text())}
    assert len(codes) > 40
    assert codes - REASONS.keys() <= {"refund.result"}, "which is said at its field and ends no action"


def entry(event, subject, **more):
    values = {"actor": "ann", "order_id": 5, "store_id": 1, "details": {}, **more}
    return AuditEntry(event=event, subject=subject, **values)


@pytest.mark.parametrize(
    ("event", "subject", "more", "said"),
    [
        ("order.viewed", None, {}, ""),
        ("store.closed", "acme-eu", {}, ""),
        ("store.closed", "rival", {"store_id": 9}, "rival"),
        ("account.changed", "ann", {}, ""),
        ("refund.taken", "12", {}, "Refund request 12"),
        ("license.sent", "l1", {}, "License l1"),
        ("subscription.cancelled", "11_22", {}, "Subscription 11_22"),
        ("document.downloaded", "d-1", {}, "Document d-1"),
        ("token.made", "team:7", {}, "API token team:7"),
        ("action.retried", "l1", {"details": {"kind": "resend_license"}}, "License l1"),
        ("action.declared", "11_22", {"details": {"kind": "cancel_subscription"}}, "Subscription 11_22"),
        ("action.ended", "5", {"details": {"kind": "request_refund"}}, ""),
        ("action.ended", "resend:l1", {"details": {"why": "license.busy"}}, "Resend l1"),
        ("action.ended", "refund", {}, "Request refund"),
        ("person.changed", "person:3", {}, "Person 3"),
        ("team.changed", "team:7", {}, "Team Blue"),
        ("team.changed", "team:8", {}, "Team 8"),
        ("team.changed", "team:²", {}, "Team ²"),
        ("mail.retried", "mail:4", {}, "Mail 4"),
        ("delivery.forbidden", "ban:4", {}, "Delivery ban 4"),
        ("access.refused", "AuditView.can_list", {}, "Read the audit"),
        ("access.refused", "OldView.can_dance", {}, "OldView.can_dance"),
        ("order.viewed", "whatever", {}, "whatever"),
    ],
)
def test_what_an_entry_is_about(app, event, subject, more, said):
    with app.test_request_context():
        assert about(entry(event, subject, **more), NAMES) == said


@pytest.mark.parametrize(
    ("details", "said"),
    [
        ({"mail": "access"}, [("Mail", "Access data")]),
        ({"kind": "resend_license", "why": "license.deleted"},
         [("Kind", "Resend license information"), ("Why", "The activation code is marked deleted.")]),
        ({"why": "platform.refused"}, [("Why", "The platform refused it: …")]),
        ({"why": "old.code"}, [("Why", "old.code")]),
        ({"teams": {"given": [7], "taken": [8]}, "stores": {"given": [], "taken": [2, 3]}, "names": True},
         [("Name changed", "Yes"), ("Stores taken", "acme-us, 3"), ("Teams given", "Blue"), ("Teams taken", "8")]),
        ({"given": [1], "taken": []}, [("Stores given", "acme-eu")]),
        ({"fields": ["timezone", "language"]}, [("Fields", "Time zone, Language")]),
        ({"filters": ["email", "created_from"]}, [("Filters", "Email, Order creation date from")]),
        ({"result": "partial", "action": 3}, [("Action", "3"), ("Result", "Partial refund")]),
        ({"step": "second", "role": "Lead"}, [("Role", "Lead"), ("Step", "Second")]),
        ({"reason": "2026-13-45T00:00", "product": None, "title": ""}, [("Reason", "2026-13-45T00:00")]),
    ],
)  # fmt: skip
def test_details_in_words(app, details, said):
    with app.test_request_context():
        assert told(details, NAMES) == said


def test_no_code_is_left_on_the_page(app, make):
    """What the portal writes when an account is made, in the reader's language."""
    person = make.person("boss@example.org", "Admin", language="ru")
    with app.app_context(), transaction():
        actor = Actor(id=person, login="boss@example.org", name="Boss")
        audit.record(session, actor, "access.sent", subject=f"person:{person}", details={"mail": "access_temporary"})
    page = parse(make.signed_in(person).get("/audit/").text)
    assert [line.text for line in page.all("td", "muted")[0].all("span")] == ["Письмо: Данные для входа"]


def test_names_of_nouns_and_first_words_are_translated(language):
    with_words = [about(entry("order.viewed", f"{word}:1"), NAMES) for word in ABOUT]
    with_words += [about(entry(f"{noun}.x", "1"), NAMES) for noun in NOUNS]
    assert all(words(text, language) for text in with_words)
    assert all(words(who(AuditEntry(actor=code)), language) for code in ACTORS)
    assert all(words(gettext(text), language) for text in RESULTS.values())


@pytest.mark.parametrize(
    ("kept", "russian"),
    [
        ("The order is not there any more.", "Этого заказа больше нет."),
        ("Delivery is forbidden for this store: 100% (recall)\nof keys: all",
         "Доставка для этого магазина запрещена: 100% (recall)\nof keys: all"),
        ("The mail server does not take this mail (recipient refused: 550).",
         "Почтовый сервер не принимает это письмо (сервер не принял получателя: 550)."),
        ("The platform refused it: %(who)s", "Платформа отказала: %(who)s"),
        ("Something an older version said.", "Something an older version said."),
    ],
)  # fmt: skip
def test_a_kept_reason_is_said_in_the_readers_language(app, kept, russian):
    with app.test_request_context(), force_locale("en"):
        assert retold(kept) == kept
    with app.test_request_context(), force_locale("ru"):
        assert retold(kept) == russian
