"""Demo data comes whole or not at all, and the printed passwords open the accounts that are there."""

import pytest
import sqlalchemy as sa
from werkzeug.security import check_password_hash

from app.db import scope_as, session
from app.domain.access import ALL_STORES
from app.models import Order, Person, Store
from app.security.sync import sync_roles
from app.tryout import demo


def counted(app):
    with app.app_context(), scope_as(ALL_STORES):
        return [session.scalar(sa.select(sa.func.count()).select_from(table)) for table in (Store, Person, Order)]


@pytest.mark.parametrize("at", ["_people", "_orders", "_keep"])
def test_a_start_that_is_killed_leaves_nothing_and_the_next_one_everything(app, tmp_path, monkeypatch, at):
    monkeypatch.setattr(demo, "FILLER", 5)
    with app.app_context():
        sync_roles()
    before = counted(app)
    whole = getattr(demo, at)

    def killed(*given):
        whole(*given)
        raise KeyboardInterrupt

    with monkeypatch.context() as broken, app.app_context():
        broken.setattr(demo, at, killed)
        with pytest.raises(KeyboardInterrupt):
            demo.load_demo(tmp_path)
    assert counted(app) == before
    with app.app_context():
        demo.load_demo(tmp_path)
        accounts = demo.demo_accounts(tmp_path)
        assert [role for role, _, _ in accounts] == ["Admin", "Lead", "Specialist"]
        for role, email, password in accounts:
            person = session.scalars(sa.select(Person).where(Person.email == email)).one()
            assert check_password_hash(person.password, password)
            assert [found.name for found in person.roles] == [role]
    stores, people, orders = counted(app)
    assert (stores, people) == (before[0] + 5, before[1] + 3)
    assert orders > 20
