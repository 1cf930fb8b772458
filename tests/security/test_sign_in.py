"""Signing in: limits on every path that takes a password, the second step, links, safe ways onwards."""

import datetime as dt
import re
import time

import pyotp
import pytest
import sqlalchemy as sa

from app.actions import access_links, credentials
from app.db import scope_as, session, transaction
from app.domain.access import ALL_STORES
from app.models import AuditEntry, Mail, OneTimeToken, Person, RateHit, RecoveryCode, UserSession
from app.models.base import utcnow
from tests.factories import Browser

PASSWORD = "a long enough phrase 42"
OTHER = "quite another phrase 17"


@pytest.fixture
def ann(app, make):
    person_id = make.person("ann@example.org", stores=("acme-eu",))
    give_password(app, person_id)
    return person_id


def give_password(app, person_id, password=PASSWORD, **more):
    with app.app_context(), transaction():
        credentials.put_password(session.get_one(Person, person_id), password, **more)


def person(app, person_id):
    with app.app_context():
        return session.get_one(Person, person_id)


def sign_in(browser, username="ann@example.org", password=PASSWORD, **more):
    return browser.submit("/login/", {"username": username, "password": password, **more})


def is_in(browser) -> bool:
    return browser.get("/account/").status_code == 200


def text(answer):
    return answer.get_data(as_text=True)


def events(app):
    with app.app_context():
        return session.scalars(sa.select(AuditEntry.event).order_by(AuditEntry.id)).all()


# --- names and answers ---


@pytest.mark.parametrize("typed", ["ann@example.org", " ANN@Example.ORG ", "ann", "ＡＮＮ"])
def test_by_username_or_email_whatever_the_letter_case(app, client, ann, typed):
    with app.app_context(), transaction():
        session.get_one(Person, ann).username = "Ann"
    assert sign_in(client, typed).status_code == 303
    assert is_in(client)


def test_a_username_that_is_somebodys_email_means_the_username(app, client, ann, make):
    other = make.person("bo@example.org")
    give_password(app, other, OTHER)
    with app.app_context(), transaction():
        session.get_one(Person, other).username = "ann@example.org.uk"
        session.get_one(Person, ann).email = "ann@example.org.uk"
    assert sign_in(client, "ann@example.org.uk", PASSWORD).status_code == 401
    assert sign_in(client, "ann@example.org.uk", OTHER).status_code == 303


@pytest.mark.parametrize(
    "who", ["unknown@example.org", "", "ann@example.org", "closed@example.org", "unset@example.org", "old@example.org"]
)
def test_every_wrong_answer_is_the_same(app, client, ann, make, who):
    give_password(app, make.person("closed@example.org"))
    give_password(app, make.person("old@example.org"), expires_at=utcnow() - dt.timedelta(seconds=1))
    make.person("unset@example.org")
    with app.app_context(), transaction():
        session.execute(sa.update(Person).where(Person.email == "closed@example.org").values(active=False))
    password = "wrong" if who.startswith("ann") else PASSWORD
    answer = sign_in(client, who, password)
    assert answer.status_code == 401
    assert "The name or the password is not right" in text(answer)
    assert not is_in(client)
    assert events(app) == ["sign_in.failed"]


def test_unknown_names_cost_the_same_hash(app, client, ann, monkeypatch):
    seen = []
    real = credentials.check_password_hash
    monkeypatch.setattr(credentials, "check_password_hash", lambda h, p: seen.append(h[:20]) or real(h, p))
    for who in ("ann@example.org", "nobody@example.org"):
        sign_in(client, who, "wrong wrong wrong")
    assert len(seen) == 2
    assert set(seen) == {"scrypt:32768:8:1$" + seen[0][17:20], "scrypt:32768:8:1$" + seen[1][17:20]}
    assert credentials.DUMMY_HASH.startswith(credentials.HASH_METHOD + "$")


def test_an_old_hash_is_made_anew_at_sign_in_and_sessions_live_on(app, client, ann, make):
    from werkzeug.security import generate_password_hash

    other = make.signed_in(ann)
    with app.app_context(), transaction():
        session.get_one(Person, ann).password = generate_password_hash(PASSWORD, "pbkdf2:sha256:1000")
    assert sign_in(client).status_code == 303
    assert person(app, ann).password.startswith("scrypt:32768:8:1$")
    assert is_in(other)


# --- limits ---


@pytest.mark.parametrize("who", ["ann@example.org", "nobody@example.org"])
def test_five_tries_for_an_account_then_a_pause_then_again(app, client, ann, who):
    for _ in range(5):
        assert sign_in(client, who, "wrong").status_code == 401
    answer = sign_in(client, who, PASSWORD)
    assert answer.status_code == 429
    assert answer.headers["Retry-After"] == "900"
    assert "Too many tries" in text(answer)
    assert events(app)[-1] == "sign_in.limited"
    with app.app_context(), transaction():
        session.execute(sa.update(RateHit).values(at=utcnow() - dt.timedelta(minutes=16)))
    assert sign_in(client, who).status_code == (303 if who.startswith("ann") else 401)


def test_a_good_sign_in_forgets_the_accounts_tries(client, ann):
    for _ in range(3):
        for _ in range(4):
            sign_in(client, password="wrong")
        assert sign_in(client).status_code == 303
        client.submit("/logout/")


def test_username_and_email_share_one_count(app, client, ann):
    with app.app_context(), transaction():
        session.get_one(Person, ann).username = "ann"
    for who in ("ann", "ann@example.org") * 3:
        last = sign_in(client, who, "wrong")
    assert last.status_code == 429


def test_who_goes_on_guessing_locks_nobody_out_of_their_own_browser(app, client, ann):
    assert sign_in(client).status_code == 303
    client.submit("/logout/")
    guesser = Browser(app)
    for _ in range(6):
        last = sign_in(guesser, password="wrong")
    assert last.status_code == 429
    assert sign_in(Browser(app)).status_code == 429
    assert sign_in(client).status_code == 303
    client.submit("/logout/")
    statuses = [sign_in(client, password="wrong").status_code for _ in range(6)]
    assert statuses == [401] * 5 + [429]  # a browser that was taken away gets no more than that


def test_a_link_by_mail_is_a_way_around_whoever_goes_on_guessing(app, client, ann):
    guesser = Browser(app)
    for _ in range(6):
        sign_in(guesser, password="wrong")
    assert client.submit(link(app, ann), {"password": OTHER, "repeated": OTHER}).status_code == 303
    assert sign_in(guesser, password=OTHER).status_code == 429
    assert sign_in(client, password=OTHER).status_code == 303


@pytest.mark.parametrize("forged", ["", "WzEsImEiXQ.AAAA", "another's"])
def test_a_browser_is_nobodys_own_without_a_cookie_of_ours(app, client, ann, make, forged):
    other = make.person("bo@example.org")
    give_password(app, other)
    bo = Browser(app)
    sign_in(bo, "bo@example.org")
    client.set_cookie("portal_device", bo.get_cookie("portal_device").value if forged == "another's" else forged)
    guesser = Browser(app)
    for _ in range(5):
        sign_in(guesser, password="wrong")
    assert sign_in(client).status_code == 429


def test_the_cookie_of_an_own_browser_is_guarded_like_the_others(app, client, ann):
    (header,) = (h for h in sign_in(client).headers.getlist("Set-Cookie") if h.startswith("portal_device="))
    for part in ("HttpOnly", "SameSite=Lax", "Path=/", "Max-Age=15552000"):
        assert part in header
    assert "ann" not in header
    first = client.get_cookie("portal_device").value
    client.submit("/logout/")
    sign_in(client)
    assert client.get_cookie("portal_device").value == first


def test_thirty_tries_from_an_address(app, client, ann):
    from app.domain.sign_in import TRIES_PER_ADDRESS
    from app.security import limits

    with app.test_request_context():
        for _ in range(TRIES_PER_ADDRESS):
            assert limits.hit("try-address", "127.0.0.1", TRIES_PER_ADDRESS, 900)
    assert sign_in(client).status_code == 429


def _change(browser):
    return browser.submit("/change-password", {"present": "wrong", "password": OTHER, "repeated": OTHER})


def _prove(browser):
    return browser.submit("/prove", {"proof_password": "wrong"})


def _second(browser):
    return browser.submit("/login/code", {"code": "000000"})


@pytest.mark.parametrize("path", [_change, _prove])
def test_other_paths_that_take_a_password_share_the_limit(make, client, ann, path):
    browser = make.signed_in(ann)
    for _ in range(5):
        assert path(browser).status_code in (401, 422)
    assert path(browser).status_code == 429
    assert sign_in(client).status_code == 429


def test_the_second_step_shares_the_limit(app, client, make, ann):
    turn_on(app, make, ann)
    sign_in(client)
    statuses = [_second(client).status_code for _ in range(5)]
    assert statuses == [401] * 4 + [429]  # the password was the first try


# --- the second step ---


def turn_on(app, make, person_id):
    """Set it up as a person does; the secret and the recovery codes."""
    browser = make.signed_in(person_id)
    page = text(browser.get("/second-step"))
    picture = re.search(r"<svg[^>]*class=\"qr\"[^>]*>", page)[0]
    assert "viewBox=" in picture, "drawn as large as the page says, none of it is cut off"
    assert "width=" not in picture
    secret = re.search(r'<code class="mono">([A-Z2-7]+)</code>', page)[1]
    assert "<svg" in page
    assert "style=" not in page
    answer = browser.submit("/second-step", {"code": pyotp.TOTP(secret).now()})
    assert answer.status_code == 200, text(answer)
    codes = re.findall(r"<li><code[^>]*>([a-z0-9-]+)</code>", text(answer))
    assert len(codes) == 10
    assert is_in(browser)
    with app.app_context(), transaction():  # the code just used must not stand in a test's way
        session.execute(sa.update(Person).where(Person.id == person_id).values(totp_last_step=None))
        session.execute(sa.delete(RateHit))
    return secret, codes


def test_setting_up_writes_nothing_before_the_first_code(app, make, ann):
    browser = make.signed_in(ann)
    first = text(browser.get("/second-step"))
    assert (
        re.search(r"mono\">([A-Z2-7]+)<", first)[1]
        == re.search(r"mono\">([A-Z2-7]+)<", text(browser.get("/second-step")))[1]
    )
    assert browser.submit("/second-step", {"code": "000000"}).status_code == 422
    assert person(app, ann).totp_secret is None


def test_the_secret_is_encrypted_and_other_sessions_end(app, make, ann):
    other = make.signed_in(ann)
    secret, _ = turn_on(app, make, ann)
    assert secret not in person(app, ann).totp_secret
    assert not is_in(other)


def test_both_steps_are_needed(app, client, make, ann):
    secret, _ = turn_on(app, make, ann)
    answer = sign_in(client, next="/orders/?status=paid")
    assert answer.location.startswith("/login/code?next=")
    assert not is_in(client)
    answer = client.submit("/login/code", {"code": pyotp.TOTP(secret).now(), "next": "/orders/?status=paid"})
    assert answer.location == "/orders/?status=paid"
    assert is_in(client)


def test_a_code_works_once(app, make, ann):
    secret, _ = turn_on(app, make, ann)
    code = pyotp.TOTP(secret).now()
    first, second = Browser(app), Browser(app)
    for browser in (first, second):
        sign_in(browser)
        browser.submit("/login/code", {"code": code})
    assert is_in(first)
    assert not is_in(second)


@pytest.mark.parametrize(("steps", "good"), [(-2, False), (-1, True), (0, True), (1, True), (2, False)])
def test_codes_one_period_off_are_taken(app, client, make, ann, monkeypatch, steps, good):
    secret, _ = turn_on(app, make, ann)
    now = time.time() // 30 * 30 + 15
    monkeypatch.setattr("app.actions.second_step.time.time", lambda: now)
    sign_in(client)
    client.submit("/login/code", {"code": pyotp.TOTP(secret).at(int(now + 30 * steps))})
    assert is_in(client) is good


def test_a_recovery_code_works_once(app, make, ann):
    _, codes = turn_on(app, make, ann)
    first, second = Browser(app), Browser(app)
    for browser in (first, second):
        sign_in(browser)
        browser.submit("/login/code", {"code": codes[3].upper().replace("-", " ")})
    assert is_in(first)
    assert not is_in(second)
    with app.app_context():
        kept = session.scalars(sa.select(RecoveryCode.code_hash)).all()
    assert not {c.replace("-", "") for c in codes} & set(kept)
    assert "recovery_code.used" in events(app)


def test_the_second_step_must_follow_soon_and_of_the_same_account_state(app, client, make, ann, monkeypatch):
    secret, _ = turn_on(app, make, ann)
    sign_in(client)
    with app.app_context(), transaction():
        credentials.end_sessions(session.get_one(Person, ann))
    assert client.submit("/login/code", {"code": pyotp.TOTP(secret).now()}).location == "/login/"
    sign_in(client)
    began = time.time()
    monkeypatch.setattr("app.views.sign_in.time.time", lambda: began + 5 * 60 - 30)
    assert client.get("/login/code").status_code == 200
    monkeypatch.setattr("app.views.sign_in.time.time", lambda: began + 5 * 60 + 1)
    assert client.get("/login/code").location == "/login/"


def test_without_a_first_step_there_is_no_second(client):
    assert client.get("/login/code?next=/orders/").location == "/login/?next=/orders/"


def test_new_recovery_codes_void_the_old_and_turning_off_ends_sessions(app, make, ann):
    _, old = turn_on(app, make, ann)
    browser, other = make.signed_in(ann), make.signed_in(ann)
    assert "Signing in asks for a code" in text(browser.get("/second-step"))
    new = re.findall(r"<li><code[^>]*>([a-z0-9-]+)</code>", text(browser.submit("/second-step/recovery-codes")))
    assert len(new) == 10
    assert not set(new) & set(old)
    assert browser.submit("/second-step", {"code": "000000"}).status_code == 404
    assert browser.submit("/second-step/off").status_code == 303
    assert is_in(browser)
    assert not is_in(other)
    assert person(app, ann).totp_secret is None
    assert browser.submit("/second-step/recovery-codes").status_code == 404
    assert events(app) == ["second_step.on", "recovery_codes.made", "second_step.off"]


def test_the_key_of_the_app_is_needed(app, client, make, ann):
    turn_on(app, make, ann)
    with app.app_context(), transaction():
        from app.actions.second_step import Vault

        session.get_one(Person, ann).totp_secret = Vault("another key altogether").close("JBSWY3DPEHPK3PXP")
    sign_in(client)
    assert client.submit("/login/code", {"code": "123456"}).status_code == 404


def test_a_code_is_a_fresh_proof_too(app, make, ann):
    secret, _ = turn_on(app, make, ann)
    browser = make.signed_in(ann, proved=False)
    assert browser.get("/second-step").location == "/prove?next=/second-step"
    assert 'name="proof_code"' in text(browser.get("/prove"))
    answer = browser.submit("/prove", {"proof_code": pyotp.TOTP(secret).now(), "next": "/second-step"})
    assert answer.location == "/second-step"
    assert browser.get("/second-step").status_code == 200


@pytest.mark.parametrize(
    ("password", "code", "status", "hashes"),
    [
        (PASSWORD, "", 303, 1),
        (PASSWORD, "000000", 303, 1),
        ("wrong", "right", 303, 1),
        ("", "right", 303, 0),  # no password was given, so none is computed
        ("", "000000", 401, 0),
        ("wrong", "", 401, 1),
        ("", "", 401, 1),
    ],
)
def test_a_proof_is_the_password_or_the_code(app, make, ann, monkeypatch, password, code, status, hashes):
    from app.security import identity

    secret, _ = turn_on(app, make, ann)
    asked = []
    monkeypatch.setattr(identity, "matches", lambda *given: asked.append(given) or credentials.matches(*given))
    browser = make.signed_in(ann, proved=False)
    typed = {"proof_password": password, "proof_code": pyotp.TOTP(secret).now() if code == "right" else code}
    assert browser.submit("/prove", typed).status_code == status
    assert len(asked) == hashes
    assert browser.get("/second-step").status_code == (200 if status == 303 else 303)


def test_too_many_codes_while_setting_up(make, ann):
    browser = make.signed_in(ann)
    statuses = [browser.submit("/second-step", {"code": "000000"}).status_code for _ in range(6)]
    assert statuses == [422] * 5 + [429]


# --- proof ---


def test_a_proof_opens_what_asks_for_it_and_grows_old(app, make, ann):
    browser = make.signed_in(ann, proved=False)
    assert browser.submit("/prove", {"proof_password": "wrong"}).status_code == 401
    assert browser.submit("/prove", {}).status_code == 401
    assert browser.get("/second-step").status_code == 303
    assert browser.submit("/prove", {"proof_password": PASSWORD, "next": "//evil.example"}).location == "/"
    assert browser.get("/second-step").status_code == 200
    with app.app_context(), transaction():
        session.execute(sa.update(UserSession).values(proved_at=utcnow() - dt.timedelta(minutes=11)))
    assert browser.get("/second-step").location == "/prove?next=/second-step"
    answer = browser.submit("/second-step/off")
    assert answer.status_code == 401
    assert 'action="/second-step/off"' in text(answer)


def test_asking_for_nobody_is_written_down_without_what_was_typed(app, client, make, ann):
    closed = make.person("closed@example.org")
    with app.app_context(), transaction():
        session.get_one(Person, closed).active = False
    for name in ("nobody@example.org", "closed@example.org", "", "ann@example.org"):
        assert client.submit("/forgot-password", {"username": name}).status_code == 200
    with app.app_context(), scope_as(ALL_STORES):
        found = session.execute(
            sa.select(AuditEntry.event, AuditEntry.result, AuditEntry.subject).order_by(AuditEntry.id)
        ).all()
        assert session.scalar(sa.select(sa.func.count()).select_from(Mail)) == 1
    assert [tuple(row) for row in found] == [
        ("password.asked", "refused", None),
        ("password.asked", "refused", f"person:{closed}"),
        ("password.asked", "refused", None),
        ("password.asked", "ok", f"person:{ann}"),
    ]


def test_signing_in_is_being_seen(app, client, ann):
    sign_in(client)
    with app.app_context():
        seen = session.get_one(Person, ann).last_seen_at
    assert seen is not None
    assert utcnow() - seen < dt.timedelta(minutes=1)


def test_visitors_are_led_to_sign_in(client):
    assert client.get("/prove").location == "/login/"
    assert client.get("/change-password").location == "/login/?next=/change-password"
    assert client.get("/second-step").status_code == 303
    assert client.get("/logout/").location == "/login/"
    assert client.submit("/logout/").location == "/login/"
    assert client.submit("/logout/everywhere").location == "/login/"


def test_signing_oneself_out_everywhere(make, ann):
    one, two = make.signed_in(ann), make.signed_in(ann)
    assert one.submit("/logout/everywhere").status_code == 303
    assert not is_in(one)
    assert not is_in(two)


# --- what has to be done first ---


def test_a_temporary_password_that_expired_meanwhile_locks_nobody_in(app, client, ann):
    with app.app_context(), transaction():
        temporary = access_links.make_temporary_password(session, ann)
    sign_in(client, password=temporary)
    with app.app_context(), transaction():
        session.get_one(Person, ann).password_expires_at = utcnow() - dt.timedelta(seconds=1)
    answer = client.submit("/change-password", {"present": temporary, "password": OTHER, "repeated": OTHER})
    assert answer.status_code == 422
    assert 'href="/forgot-password"' in text(answer)
    assert client.get("/forgot-password").status_code == 200
    assert client.submit("/forgot-password", {"username": "ann@example.org"}).status_code == 200
    with app.app_context(), scope_as(ALL_STORES):
        assert session.scalars(sa.select(Mail.template)).all() == ["password_reset"]
    assert client.get("/orders/").location == "/change-password"


def test_a_temporary_password_must_be_changed_first(app, client, ann):
    with app.app_context(), transaction():
        temporary = access_links.make_temporary_password(session, ann)
    assert len(temporary) >= 16
    sign_in(client, password=temporary)
    assert client.get("/orders/").location == "/change-password"
    assert client.get("/account/").location == "/change-password"
    assert "Your password was temporary" in text(client.get("/change-password"))
    answer = client.submit("/change-password", {"present": temporary, "password": OTHER, "repeated": OTHER})
    assert answer.status_code == 303
    assert is_in(client)
    found = person(app, ann)
    assert (found.must_change_password, found.password_expires_at) == (False, None)
    assert client.get("/logout/").status_code == 200


@pytest.mark.only_db("sqlite")
def test_administrators_set_up_the_second_step_first_where_it_is_required(tmp_path, app, make):
    from app import create_app
    from tests.conftest import settings_for

    admin, spec = make.person("admin@example.org", "Admin"), make.person("spec@example.org")
    url = str(app.extensions["database"].engine.url)
    strict = create_app(settings_for(url, tmp_path, ADMIN_TOTP_REQUIRED="on"))
    make.app = strict
    try:
        browser = make.signed_in(admin)
        assert browser.get("/orders/").location == "/second-step"
        turn_on(strict, make, admin)
        browser = make.signed_in(admin)
        assert browser.get("/account/").status_code == 200
        assert browser.submit("/second-step/off").status_code == 409
        assert make.signed_in(spec).get("/account/").status_code == 200
    finally:
        strict.extensions["database"].engine.dispose()


# --- changing the password ---


@pytest.mark.parametrize(
    ("present", "new", "repeated", "field"),
    [
        ("wrong", OTHER, OTHER, "present"),
        (PASSWORD, "short", "short", "password"),
        (PASSWORD, PASSWORD, PASSWORD, "password"),
        (PASSWORD, "password1234567", "password1234567", "password"),
        (PASSWORD, OTHER, OTHER + "x", "repeated"),
    ],
)
def test_a_change_that_does_not_hold(app, make, ann, present, new, repeated, field):
    before = person(app, ann).password
    answer = make.signed_in(ann).submit("/change-password", {"present": present, "password": new, "repeated": repeated})
    assert answer.status_code == 422
    assert f'id="{field}-err"' in text(answer)
    assert person(app, ann).password == before
    assert PASSWORD not in text(answer)


# --- links ---


def link(app, person_id, purpose=access_links.ACCESS):
    with app.app_context(), transaction():
        return access_links.make_link(session, person_id, purpose)


def test_a_link_sets_the_password_once(app, client, ann, make):
    other = make.signed_in(ann)
    path = link(app, ann)
    for _ in range(3):
        assert client.get(path).status_code == 200  # mail scanners use nothing up
        assert client.head(path, data={"password": PASSWORD, "repeated": PASSWORD}).status_code == 200
    assert client.submit(path, {"password": OTHER, "repeated": OTHER}).status_code == 303
    assert not is_in(client)
    assert not is_in(other)
    assert sign_in(client, password=OTHER).status_code == 303
    for answer in (client.get(path), client.submit(path, {"password": PASSWORD, "repeated": PASSWORD})):
        assert answer.status_code == 404
    with app.app_context():
        row = session.scalars(sa.select(OneTimeToken)).one()
    assert row.used_at is not None
    assert row.token_hash not in path
    assert path.rpartition("/")[2] != row.token_hash
    assert len(path.rpartition("/")[2]) >= 43


def test_a_new_link_voids_the_old(app, client, ann):
    old, new = link(app, ann), link(app, ann, access_links.RESET)
    assert client.get(old).status_code == 404
    assert client.get(new).status_code == 200


@pytest.mark.parametrize("why", ["old", "closed", "unknown"])
def test_a_link_that_no_longer_works(app, client, ann, why):
    path = link(app, ann) if why != "unknown" else "/set-password/" + "x" * 43
    before = person(app, ann).password
    with app.app_context(), transaction():
        if why == "old":
            session.execute(sa.update(OneTimeToken).values(expires_at=utcnow()))
        if why == "closed":
            session.get_one(Person, ann).active = False
    assert client.get(path).status_code == 404
    assert client.submit(path, {"password": OTHER, "repeated": OTHER}).status_code == 404
    assert person(app, ann).password == before


def test_a_password_that_does_not_hold_leaves_the_link(app, client, ann):
    path = link(app, ann)
    answer = client.submit(path, {"password": "ann example 123", "repeated": "ann example 123"})
    assert answer.status_code == 422
    assert "Leave your name" in text(answer)
    assert client.submit(path, {"password": OTHER, "repeated": OTHER}).status_code == 303


def test_links_are_not_to_be_guessed(app, client):
    statuses = [client.get(f"/set-password/guess-{n}").status_code for n in range(31)]
    assert statuses == [404] * 30 + [429]
    assert client.get("/set-password/" + "x" * 101).status_code == 404


def test_a_team_behind_one_address_opens_its_links_as_often_as_it_likes(app, client, ann):
    path = link(app, ann)
    assert {client.get(path).status_code for _ in range(40)} == {200}
    assert client.submit(path, {"password": OTHER, "repeated": OTHER}).status_code == 303


def test_links_and_temporary_passwords_are_only_for_open_accounts(app, ann, make):
    from app.domain.refusal import NotFound

    with app.app_context(), transaction():
        session.get_one(Person, ann).active = False
    for make_one in (access_links.make_link, access_links.make_temporary_password):
        for person_id in (ann, 999999):
            with app.app_context(), pytest.raises(NotFound), transaction():
                make_one(session, person_id)


# --- forgotten ---


def mails(app):
    with app.app_context(), scope_as(ALL_STORES):
        return session.execute(sa.select(Mail.template, Mail.user_id)).all()


def test_forgotten_passwords_get_the_same_answer_and_a_mail_only_for_real_accounts(app, client, ann, make):
    closed = make.person("closed@example.org")
    with app.app_context(), transaction():
        session.get_one(Person, closed).active = False
    pages = set()
    for who in ("ann@example.org", "nobody@example.org", "closed@example.org", ""):
        answer = client.submit("/forgot-password", {"username": who})
        pages.add((answer.status_code, re.sub(r'nonce="[^"]*|csrf_token[^>]*|value="[^"]*', "", text(answer))))
    assert len(pages) == 1
    assert mails(app) == [("password_reset", ann)]


def test_asking_too_often_sends_no_more_mails_but_says_the_same(app, client, ann):
    statuses = [client.submit("/forgot-password", {"username": "ann@example.org"}).status_code for _ in range(5)]
    assert statuses == [200] * 5
    assert len(mails(app)) == 3
    more = [client.submit("/forgot-password", {"username": f"n{n}"}).status_code for n in range(16)]
    assert more == [200] * 15 + [429]


# --- onwards ---


TRICKS = [
    "//evil.example", "https://evil.example/", "http:evil.example", "///evil.example", "/\\evil.example", "\\\\evil",
    "javascript:alert(1)", "https://localhost@evil.example/", "http://localhost.evil.example/", "/\t/evil.example",
    "data:text/html,x", " //evil.example", "/%0d%0aSet-Cookie:x", "http://[::1", "//localhost:1/x", "/" + "a" * 3000,
]  # fmt: skip


@pytest.mark.parametrize("target", TRICKS)
def test_nobody_is_sent_elsewhere(client, ann, target):
    for answer in (sign_in(client, next=target), client.get("/login/", query_string={"next": target})):
        assert answer.status_code == 303
        assert answer.location.startswith("/")
        assert not answer.location.startswith(("//", "/\\"))
        assert "evil" not in answer.location or answer.location == "/%0d%0aSet-Cookie:x"


def test_a_page_of_ours_is_kept(client, ann):
    page = client.get("/orders/?status=paid")
    assert page.location == "/login/?next=/orders/?status%3Dpaid"
    form = text(client.get(page.location))
    assert 'role="alert"' not in form  # nothing was denied yet
    assert client.submit("/account/theme").location == "/login/"
    assert 'name="next" value="/orders/?status=paid"' in form
    assert sign_in(client, next="/orders/?status=paid").location == "/orders/?status=paid"


def test_who_has_just_signed_in_was_seen_just_now(app, client, ann):
    assert person(app, ann).last_seen_at is None
    sign_in(client, password="not this one")
    assert person(app, ann).last_seen_at is None
    sign_in(client)
    assert utcnow() - person(app, ann).last_seen_at < dt.timedelta(minutes=1)
