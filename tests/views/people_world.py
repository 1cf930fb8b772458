"""Two teams with a store each and the people in and beside them, for tests of the people screens."""

import sqlalchemy as sa
from flask_appbuilder.security.sqla.models import assoc_user_group

from app.db import scope_as, session
from app.domain.access import ALL_STORES
from app.models import Group, Mail, Person, StoreGrant
from app.queries.people import actor_of


class World:
    """Two teams with a store each, a lead of the first, people in and beside it."""

    def __init__(self, app, make):
        self.app, self.make = app, make
        self.blue, self.red = make.team("Blue", "acme-eu", "acme-us"), make.team("Red", "rival")
        self.eu, self.us, self.rival = make.store("acme-eu"), make.store("acme-us"), make.store("rival")
        self.lead = make.person("lead@example.org", "Lead", teams=(self.blue,))
        self.spec = make.person("spec@example.org", teams=(self.blue,), first_name="Sam", last_name="Spec")
        self.peer = make.person("peer@example.org", "Lead", teams=(self.blue,))
        self.boss = make.person("boss@example.org", "Admin", teams=(self.blue,))
        self.far = make.person("far@example.org", teams=(self.red,), first_name="Fay", last_name="Faraway")
        self.both = make.person("both@example.org", teams=(self.blue, self.red), stores=("rival",))
        self.admin = make.person("admin@example.org", "Admin")

    def browser(self, name, **more):
        return self.make.signed_in(getattr(self, name), **more)

    def state(self):
        """Everything about people that a refused attempt must leave alone."""
        with self.app.app_context(), scope_as(ALL_STORES):
            people = session.execute(
                sa.select(
                    Person.id, Person.email, Person.first_name, Person.last_name, Person.active, Person.auth_version,
                    Person.password, Person.totp_secret,
                ).order_by(Person.id)
            ).all()  # fmt: skip
            teams = session.execute(
                sa.select(assoc_user_group.c.user_id, assoc_user_group.c.group_id).order_by(sa.text("1, 2"))
            ).all()
            grants = session.execute(sa.select(StoreGrant.user_id, StoreGrant.store_id).order_by(sa.text("1, 2"))).all()
            roles = {p.id: sorted(r.name for r in p.roles) for p in session.scalars(sa.select(Person))}
            mails = session.scalar(sa.select(sa.func.count()).select_from(Mail))
            groups = session.execute(sa.select(Group.id, Group.name).order_by(Group.id)).all()
            return [people, teams, grants, roles, mails, groups]

    def actor(self, person_id):
        with self.app.app_context():
            return actor_of(session, session.get_one(Person, person_id))


def text(answer):
    return answer.get_data(as_text=True)
