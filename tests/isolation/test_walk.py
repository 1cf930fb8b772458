"""The walk: every route and verb, by four kinds of people of one store, with the ids of another store.

Not a byte of the other store may come back, nothing of it may change, and what is another's answers exactly as
what does not exist. The walk is repeated with each layer of the scope switched off: the others hold alone.
"""

from __future__ import annotations

import dataclasses
import itertools
import re
from collections.abc import Iterator
from urllib.parse import quote

import pytest
import sqlalchemy as sa
from flask import Flask, g
from werkzeug.routing import Rule

from app import db, security
from app.domain.access import ALL_STORES
from tests.isolation.access_table import ACCESS
from tests.isolation.world import CANARY, World, build

MISSING = 987654321
SILENT = ("static", "appbuilder.static", "health.readyz")  # files of ours; no worker runs here, so not ready
METHODS = ("GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE")
MALFORMED = ("0", "-1", "abc", "A00", "99999999999999999999999", "1_2", "%00", "..%2f..", "'--")
LIMITED = ("anonymous", "specialist", "lead", "nobody")
"""Who must see nothing of the foreign store. An administrator's scope is all stores."""


@pytest.fixture
def world(app, make) -> World:
    return build(app, make)


def rules(app: Flask) -> list[Rule]:
    return [rule for rule in app.url_map.iter_rules() if rule.endpoint not in SILENT]


def values(rule: Rule, world: World, kind: str) -> dict[str, object]:
    """Arguments of the rule that name things of the kind: own, foreign or missing."""
    side = world.own if kind == "own" else world.foreign
    missing = kind == "missing"
    known = {
        "order_id": MISSING if missing else side.order_id,
        "person_id": MISSING if missing else side.person_id,
        "team_id": MISSING if missing else side.team_id,
        "store_id": MISSING if missing else side.store_id,
        "ban_id": MISSING if missing else side.ban_id,
        "token_id": MISSING,
        "action_id": MISSING,
        "mail_id": MISSING,
        "delivery_id": MISSING,
        "document_id": "doc",
        "license_id": "1",
        "code": f"{MISSING if missing else side.order_id}_12345",
        "store": "no-such-store" if missing else side.store,
        "token": "x" * 43,
        "found": "css",
        "path": "nothing.css",
        "name": "nothing.css",
        "filename": "nothing.css",
        "key": "nothing",
    }
    return {name: known.get(name, "1") for name in rule.arguments}


def address(app: Flask, rule: Rule, arguments: dict[str, object]) -> str:
    with app.test_request_context():
        return app.url_map.bind("localhost").build(rule.endpoint, arguments, method=sorted(rule.methods)[0])


def body(world: World) -> dict[str, object]:
    """A form that fills every field with something of the foreign store."""
    return {
        "request_token": "t" * 32, "reason": "because", "comment": "no", "result": "full", "confirm": "ERASE",
        "ids": str(world.foreign.order_id), "store": world.foreign.store, "stores": world.foreign.store_id,
        "teams": world.foreign.team_id, "team": world.foreign.team_id, "role": "Admin", "emails": "new@own.example",
        "first_name": "", "last_name": "", "email": f"{CANARY}@buyer.example",
    }  # fmt: skip


def send(world: World, who: str, method: str, path: str):
    client = world.people[who]
    data = None
    if method in ("POST", "PUT", "PATCH", "DELETE"):
        data = body(world)
        if hasattr(client, "csrf"):
            data["csrf_token"] = client.csrf()
    return client.open(path, method=method, data=data)


def told(answer, sent: str = "") -> str:
    """Everything an answer says, without what we sent ourselves."""
    text = answer.get_data(as_text=True) + str(answer.headers)
    return text.replace(sent, "") if sent else text


def leaks(answer, path: str) -> list[str]:
    """Canaries in the answer that were not in the question."""
    text = told(answer).replace(path, "").replace(f"{CANARY}@buyer.example", "")
    return sorted(set(re.findall(rf"{CANARY}[\w@.\- ]{{0,20}}", text)) - {CANARY, f"{CANARY}-store"})


def comparable(answer, path: str) -> tuple[int, str]:
    """Status and body without what differs by nature: the address asked for, tokens, nonces, the request's id."""
    text = answer.get_data(as_text=True) + answer.headers.get("Location", "")
    for written in (path, quote(path, safe=""), quote(path)):
        text = text.replace(written, "PATH")
    text = re.sub(r'(name="(csrf|request)_token"[^>]*value=)"[^"]*"', r"\1", text)
    text = text.replace(answer.headers.get("X-Request-ID", "no id"), "REQUEST")
    return answer.status_code, re.sub(r'nonce="[^"]*"', "", text)


def walk(world: World, who: str, kinds: tuple[str, ...], methods: tuple[str, ...]) -> Iterator[tuple]:
    for rule, method, kind in itertools.product(rules(world.app), methods, kinds):
        if kind != "foreign" and (not rule.arguments or method not in rule.methods):
            continue  # one refusal of a verb is as good as another
        arguments = values(rule, world, kind)
        path = address(world.app, rule, arguments)
        yield rule, method, kind, path, arguments, send(world, who, method, path)
        if rule.rule.startswith("/logout/"):
            world.sign_in_again(who)
    assert who not in world.ids or world.is_signed_in(who), "a route of the walk has signed the walker out"


def test_every_route_is_classified(app):
    endpoints = {rule.endpoint for rule in app.url_map.iter_rules() if rule.endpoint != "static"}
    assert endpoints - set(ACCESS) == set(), "give the new route a line in access_table.py"
    assert set(ACCESS) - endpoints == set(), "the table names routes that are gone"


@pytest.mark.parametrize("who", LIMITED)
def test_nothing_of_another_store_comes_back_or_changes(world, who):
    before = world.foreign_hash()
    for rule, method, kind, path, _, answer in walk(world, who, ("foreign", "missing"), METHODS):
        assert answer.status_code < 500, (method, path, answer.status_code)
        assert leaks(answer, path) == [], (who, method, path, kind, rule.endpoint)
    assert world.foreign_hash() == before


@pytest.mark.parametrize("who", LIMITED)
def test_what_is_anothers_answers_like_what_does_not_exist(world, who):
    seen: dict[tuple[str, str], dict[str, tuple[int, str]]] = {}
    for rule, method, kind, path, _, answer in walk(world, who, ("foreign", "missing"), ("GET", "POST")):
        if rule.arguments and ACCESS[rule.endpoint] not in ("public", "link"):
            seen.setdefault((rule.endpoint, method), {})[kind] = comparable(answer, path)
    pairs = {place: answers for place, answers in seen.items() if len(answers) == 2}
    assert [place for place, answers in pairs.items() if answers["foreign"] != answers["missing"]] == []
    assert len(pairs) > 25


@pytest.mark.parametrize("who", ["anonymous", "specialist", "lead", "admin"])
def test_malformed_ids_never_fail(world, who):
    for rule in rules(world.app):
        for bad in MALFORMED if rule.arguments else ():
            path = re.sub(r"<[^>]+>", bad, rule.rule)
            for method in ("GET", "POST"):
                answer = send(world, who, method, path)
                assert answer.status_code < 500, (who, method, path)


def test_roles_open_what_the_table_says(world):
    """GET with own ids: people below the named role are turned away, the role itself is let in."""
    rank = {"nobody": 1, "specialist": 1, "lead": 2, "admin": 3}
    need = {"person": 1, "Specialist": 1, "Lead": 2, "Admin": 3}
    wrong = []
    for rule in rules(world.app):
        least = need.get(ACCESS[rule.endpoint])
        if least is None or "GET" not in rule.methods:
            continue
        path = address(world.app, rule, values(rule, world, "own"))
        for who, level in rank.items():
            status = send(world, who, "GET", path).status_code
            inside = status not in (401, 403) and not (status == 302 and level < least)
            if inside != (level >= least) and not (who == "nobody" and status == 404):
                wrong.append((who, path, status))
        anonymous = send(world, "anonymous", "GET", path)
        if anonymous.status_code not in (301, 302, 303, 308, 401, 403, 404):
            wrong.append(("anonymous", path, anonymous.status_code))
    assert wrong == []


def test_own_things_are_seen(world):
    """The walk would also pass if nothing worked: own ids do show own data."""
    page = world.people["specialist"].get(f"/orders/{world.own.order_id}").text
    for word in ("own product", "own-code-1234", "own company", "own history", "own-value", "own owner"):
        assert word in page
    listed = world.people["specialist"].get("/orders/").text
    assert f'data-order-id="{world.own.order_id}"' in listed
    assert f'data-order-id="{world.foreign.order_id}"' not in listed


@pytest.fixture
def without_session_layer(world) -> Iterator[World]:
    """Layer one off: the session narrows nothing."""
    factory = world.app.extensions["database"].session.session_factory
    sa.event.remove(factory, "do_orm_execute", db._narrow_to_scope)
    yield world
    sa.event.listen(factory, "do_orm_execute", db._narrow_to_scope)


@pytest.fixture
def without_explicit_layers(world, monkeypatch) -> World:
    """Layers two and three off: actions, queries and FAB's interface are told that every store is in scope."""
    real = security._load_actor

    def widened() -> None:
        real()
        narrow = g.actor.stores
        g.actor = dataclasses.replace(g.actor, stores=ALL_STORES)
        if "scope" in g:
            g.scope = narrow

    monkeypatch.setattr(security, "_load_actor", widened)
    monkeypatch.setattr("app.views.scoped.current_scope", lambda: ALL_STORES)
    return world


@pytest.mark.parametrize("who", ["specialist", "lead"])
def test_the_session_holds_without_the_other_layers(without_explicit_layers, who):
    world = without_explicit_layers
    before = world.foreign_hash()
    for rule, method, kind, path, _, answer in walk(world, who, ("foreign",), ("GET", "POST")):
        if rule.endpoint.startswith(("PersonView", "TeamView")):
            continue  # people and teams belong to no store: who manages whom is a rule, not a scope
        assert answer.status_code < 500, (method, path, answer.status_code)
        assert leaks(answer, path) == [], (who, method, path, kind)
    assert world.foreign_hash() == before


@pytest.mark.parametrize("who", ["specialist", "lead"])
def test_the_other_layers_hold_without_the_session(without_session_layer, who):
    world = without_session_layer
    before = world.foreign_hash()
    for _, method, kind, path, _, answer in walk(world, who, ("foreign",), ("GET", "POST")):
        assert answer.status_code < 500, (method, path, answer.status_code)
        assert leaks(answer, path) == [], (who, method, path, kind)
    assert world.foreign_hash() == before
