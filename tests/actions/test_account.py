"""A person's own page: what is kept, and what nothing comes of."""

import dataclasses

import pytest

from app.actions.account import change_account, change_theme
from app.domain.refusal import Invalid, NotFound
from app.models import AuditEntry, Person
from tests.actions.support import actor, one, rows, run

SAME = {"first_name": "Ann", "last_name": "Example", "timezone": "", "language": "", "theme": ""}


@pytest.fixture
def ann(app, make):
    return actor(app, make.person("ann@example.org"))


def test_what_changed_is_named_in_the_audit_and_not_what_it_became(app, ann):
    typed = {**SAME, "last_name": "Lee", "timezone": "Europe/Paris"}
    assert run(app, ann, change_account, typed, ("en", "ru")) == ["last_name", "timezone"]
    person = one(app, Person, Person.id == ann.id)
    assert (person.first_name, person.last_name, person.timezone) == ("Ann", "Lee", "Europe/Paris")
    entry = one(app, AuditEntry)
    assert (entry.event, entry.subject, entry.details) == (
        "account.changed", ann.login, {"fields": ["last_name", "timezone"]},
    )  # fmt: skip


def test_nothing_changed_is_no_entry(app, ann):
    assert run(app, ann, change_account, SAME, ("en", "ru")) == []
    assert rows(app, AuditEntry) == []


def test_what_does_not_hold_changes_nothing(app, ann):
    with pytest.raises(Invalid) as caught:
        run(app, ann, change_account, {**SAME, "last_name": "Lee", "language": "de"}, ("en", "ru"))
    assert list(caught.value.errors) == ["language"]
    assert one(app, Person, Person.id == ann.id).last_name == "Example"


def test_who_has_no_account_has_no_page(app, ann):
    nobody = dataclasses.replace(ann, id=999_999)
    with pytest.raises(NotFound):
        run(app, nobody, change_account, SAME, ("en", "ru"))
    run(app, nobody, change_theme, "dark")
    assert one(app, Person, Person.id == ann.id).theme is None


@pytest.mark.parametrize(("given", "kept"), [("light", "light"), ("", None), ("purple", "dark")])
def test_a_theme_that_does_not_exist_changes_nothing(app, ann, given, kept):
    run(app, ann, change_theme, "dark")
    run(app, ann, change_theme, given)
    assert one(app, Person, Person.id == ann.id).theme == kept
