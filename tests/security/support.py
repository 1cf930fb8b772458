"""Short words for tests of signing in: a password, the second step, a link, and what came of it."""

import re

import pyotp
import sqlalchemy as sa

from app.actions import access_links, credentials
from app.db import session, transaction
from app.models import AuditEntry, Person, RateHit

PASSWORD = "a long enough phrase 42"

OTHER = "quite another phrase 17"


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


def link(app, person_id, purpose=access_links.ACCESS):
    with app.app_context(), transaction():
        return access_links.make_link(session, person_id, purpose)
