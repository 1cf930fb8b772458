"""The fresh proof that changing people needs, and what was typed meanwhile."""

from werkzeug.datastructures import MultiDict

from app.actions.credentials import put_password
from app.db import session, transaction
from app.models import Person
from tests.pages import parse
from tests.views.people_world import text


def hidden_fields(page):
    """The hidden fields of the form that asks for a proof."""
    (form,) = [f for f in parse(page).all("form") if f.all("input", name="proof_password")]
    return [(i.attrs["name"], i.attrs["value"]) for i in form.all("input", type="hidden")]


def test_changing_people_needs_a_fresh_proof(world):
    before = world.state()
    stale = world.browser("admin", proved=False)
    page = stale.get("/people/invite")
    assert (page.status_code, page.location) == (303, "/prove?next=/people/invite")
    for path in ("/people/invite", f"/people/{world.spec}/deactivate", "/tokens/", f"/stores/{world.eu}/close",
                 "/teams/new", f"/stores/{world.eu}/bans"):  # fmt: skip
        answer = stale.submit(path, {"name": "x", "reason": "x", "confirmed": "yes"})
        assert answer.status_code == 401, path
        assert f'action="{path}"' in text(answer)
    assert world.state() == before
    assert stale.get("/people/").status_code == 200


def test_what_was_typed_is_sent_on_with_the_proof(world, app, make):
    with app.app_context(), transaction():
        put_password(session.get_one(Person, world.admin), "a long way to the sea")
    stale = world.browser("admin", proved=False)
    before = world.state()
    typed = {"name": 'Blue & "quick"', "stores": [str(world.eu), str(world.us)]}
    asked = stale.submit("/teams/new", typed)
    fields = hidden_fields(text(asked))
    assert [pair for pair in fields if pair[0] != "csrf_token"] == [
        ("name", typed["name"]), ("stores", str(world.eu)), ("stores", str(world.us)),
    ]  # fmt: skip
    wrong = stale.post("/teams/new", data=MultiDict([*fields, ("proof_password", "not this one")]))
    assert wrong.status_code == 401
    assert hidden_fields(text(wrong))[1:] == fields[1:]
    assert world.state() == before
    done = stale.post("/teams/new", data=MultiDict([*fields, ("proof_password", "a long way to the sea")]))
    assert (done.status_code, done.location) == (303, "/teams/")
    assert "Blue &amp; &#34;quick&#34;" in text(stale.get("/teams/"))
    for _ in range(5):  # a proof has been given, so nothing asks for another
        assert stale.get("/teams/new").status_code == 200


def test_guesses_of_a_proof_are_limited_at_every_form(world):
    stale = world.browser("admin", proved=False)
    before = world.state()
    guess = {"name": "Blue", "proof_password": "not this one"}
    assert [stale.submit("/teams/new", guess).status_code for _ in range(6)] == [401] * 5 + [429]
    assert stale.submit("/teams/new", guess).headers["Retry-After"] == "900"
    assert world.state() == before
