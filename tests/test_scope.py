"""Layer one of the scope: every ORM statement sees only the rows of the stores in scope, and none without one."""

import sqlalchemy as sa

from app.db import scope_as, session
from app.models import Store


def test_a_context_without_a_scope_sees_nothing(app, make):
    make.store("acme-eu")
    with app.app_context():
        assert session.scalars(sa.select(Store)).all() == []


def test_a_limited_scope_sees_its_own_stores_only(app, make):
    own, foreign = make.store("acme-eu"), make.store("other")
    with app.app_context(), scope_as(frozenset({own})):
        assert session.scalars(sa.select(Store.id)).all() == [own]
        assert session.get(Store, foreign) is None
        assert session.scalar(sa.select(sa.func.count()).select_from(Store)) == 1


def test_an_update_reaches_own_rows_only(app, make):
    own, foreign = make.store("acme-eu"), make.store("other")
    with app.app_context(), scope_as(frozenset({own})):
        session.execute(sa.update(Store).values(title="changed"))
        session.commit()
    with app.app_context():
        rows = session.execute(sa.text("SELECT id, title FROM store ORDER BY id")).all()
    assert [tuple(r) for r in rows] == [(own, "changed"), (foreign, "")]
