"""The questions of the search benchmark, with values taken from the database they are asked of."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.domain.access import Scope
from app.domain.days import Span
from app.domain.normal import normalise_code
from app.domain.search import Criteria
from app.models import Person, StoreGrant
from app.models.base import utcnow
from app.queries.raw_search import list_and_count, stores_and_search
from app.tryout.generate import END
from benchmarks.common import Cpu
from benchmarks.dataset import PERSON

VALUES = 12
"""So many different values are asked for in turn where a field has that many."""

Shapes = dict[str, list[Criteria]]


@dataclass
class Database:
    """A database of ``benchmarks.dataset``, seen with the eyes of its person; one connection."""

    session: Session
    scope: Scope
    cpu: Cpu

    @classmethod
    def of(cls, engine: sa.Engine) -> Database:
        """Connect."""
        session = Session(engine)
        person = session.scalar(sa.select(Person.id).where(Person.email == PERSON))
        scope = frozenset(session.scalars(sa.select(StoreGrant.store_id).where(StoreGrant.user_id == person)))
        postgresql = engine.dialect.name == "postgresql"
        backend = session.scalar(sa.text("SELECT pg_backend_pid()")) if postgresql else None
        stores_and_search(session, scope, None, utcnow())  # as every page does first: it reads the sample of codes
        session.rollback()
        return cls(session, scope, Cpu(backend))

    @property
    def stores(self) -> list[int]:
        """The ids of the scope."""
        return sorted(self.scope)  # type: ignore[arg-type]

    def ask(self, criteria: Criteria, *, counted: bool = True) -> tuple[list[Any], int | None]:
        """The portal's own statement, transaction included: rows and count."""
        found = list_and_count(self.session, criteria, self.scope, limit=51, counted=counted)
        self.session.rollback()
        return found

    def by_hand(self, sql: str, values: dict[str, Any]) -> list[Any]:
        """A statement by the driver alone, in the same connection, planned for its values as the portal's is."""
        driver: Any = self.session.connection().connection.driver_connection
        found = driver.execute(sql, values, prepare=False).fetchall()
        self.session.rollback()
        return found  # type: ignore[no-any-return]

    def values(self, sql: str, **params: Any) -> list[Any]:
        """Rows of a statement in which ``:mine`` are the stores."""
        statement = sa.text(sql).bindparams(sa.bindparam("mine", expanding=True))
        found = self.session.execute(statement, {"mine": self.stores, **params}).all()
        self.session.rollback()
        return list(found)


def days(first: int, length: int) -> Span:
    """So many days, from so many before the end of the data."""
    start = END - dt.timedelta(days=first)
    return Span(start, start + dt.timedelta(days=length))


def exact(base: Database) -> Shapes:
    """Every exact filter and some of them together."""
    shapes: Shapes = {}
    columns = {
        "phone": "phone_digits",
        "email": "email_key",
        "company": "company_key",
        "vat": "vat_key",
        "card": "card_last_4",
    }
    for name, column in columns.items():
        rows = base.values(
            f"SELECT {column} FROM orders WHERE {column} IS NOT NULL AND store_id IN :mine ORDER BY id"
            f" LIMIT {VALUES * 40}"
        )
        shapes[name] = [Criteria(**{name: row[0]}) for row in rows[::40]]
    names = base.values(
        "SELECT last_name_key, first_name_key, count(*) FROM orders WHERE store_id IN :mine"
        " GROUP BY last_name_key, first_name_key ORDER BY 3 DESC"
    )
    common, rare = names[: VALUES // 2], names[-VALUES // 2 :]
    ids = "SELECT id FROM orders WHERE id % 997 = {} AND store_id IN :mine LIMIT 20"
    shapes["ids × 20"] = [Criteria(ids=tuple(row[0] for row in base.values(ids.format(n)))) for n in range(VALUES)]
    shapes["last name, common"] = [Criteria(last_name=row[0]) for row in common]
    shapes["last name, least common"] = [Criteria(last_name=row[0]) for row in rare]
    shapes["first name, common"] = [Criteria(first_name=row[1]) for row in common]
    shapes["first name, least common"] = [Criteria(first_name=row[1]) for row in rare]
    shapes["first + last, common"] = [Criteria(last_name=row[0], first_name=row[1]) for row in common]
    shapes["first + last, least common"] = [Criteria(last_name=row[0], first_name=row[1]) for row in rare]
    starts = range(20, 20 + 70 * VALUES, 70)
    shapes["created, 1 day"] = [Criteria(created=days(n, 1)) for n in starts]
    shapes["paid, 7 days"] = [Criteria(paid=days(n, 7)) for n in starts]
    for status in ("paid", "not_paid", "deleted", "terminated"):
        shapes[f"status {status}"] = [Criteria(statuses=(status,))]
    for status in ("sent", "updating", "completed", "refused"):
        shapes[f"refund {status}"] = [Criteria(refund_statuses=(status,))]
    shapes["paid + refund sent"] = [Criteria(statuses=("paid",), refund_statuses=("sent",))]
    shapes["last name + deleted"] = [Criteria(last_name=row[0], statuses=("deleted",)) for row in common]
    shapes["last name + created, a year"] = [Criteria(last_name=row[0], created=days(400, 365)) for row in common]
    shapes["last name + paid, 7 days"] = [Criteria(last_name=row[0], paid=days(90, 7)) for row in common]
    shapes["not paid + refund completed"] = [Criteria(statuses=("not_paid",), refund_statuses=("completed",))]
    return shapes


def codes(base: Database) -> Shapes:
    """Codes: whole and in parts, rare and common, alone and with another filter."""
    rows = base.values(f"SELECT code FROM license WHERE store_id IN :mine ORDER BY id LIMIT {VALUES * 400}")
    some = [normalise_code(row[0]) for row in rows[::400]]
    aaaa = "aaaa"
    last = base.values(
        "SELECT last_name_key, count(*) FROM orders WHERE store_id IN :mine GROUP BY last_name_key ORDER BY 2 DESC"
    )
    return {
        "code whole": [Criteria(code=code) for code in some],
        "code, 8 characters": [Criteria(code=code[5:13]) for code in some],
        "code, 5 characters": [Criteria(code=code[5:10]) for code in some],
        "code, 4 characters of a group": [Criteria(code=code[5:9]) for code in some],
        "code, 3 characters of a group": [Criteria(code=code[5:8]) for code in some],
        "code, 3 characters over a dash": [Criteria(code=code[3:6]) for code in some],
        "code AAAA": [Criteria(code=aaaa)],
        "code AAA": [Criteria(code="aaa")],
        "code, no hit": [Criteria(code=code) for code in ("0000", "001", "k0k0k", "no-such-code-at-all")],
        "AAAA + status paid": [Criteria(code=aaaa, statuses=("paid",))],
        "AAAA + status deleted": [Criteria(code=aaaa, statuses=("deleted",))],
        "AAAA + status terminated": [Criteria(code=aaaa, statuses=("terminated",))],
        "AAAA + status not paid": [Criteria(code=aaaa, statuses=("not_paid",))],
        "AAAA + refund sent": [Criteria(code=aaaa, refund_statuses=("sent",))],
        "AAAA + common last name": [Criteria(code=aaaa, last_name=last[0][0])],
        "AAAA + least common last name": [Criteria(code=aaaa, last_name=last[-1][0])],
        "AAAA + unknown last name": [Criteria(code=aaaa, last_name="nobody")],
        "AAAA + created, 1 day": [Criteria(code=aaaa, created=days(n, 1)) for n in (100, 400, 800)],
        "AAAA + created, 2 years": [Criteria(code=aaaa, created=days(1000, 730))],
        "AAAA + paid, 7 days": [Criteria(code=aaaa, paid=days(n, 7)) for n in (100, 400, 800)],
        "AAAA + email": [Criteria(code=aaaa, email="buyer1@example.com")],
        "3 characters + status paid": [Criteria(code=code[5:8], statuses=("paid",)) for code in some],
        "3 over a dash + status deleted": [Criteria(code=code[3:6], statuses=("deleted",)) for code in some],
        "8 characters + status paid": [Criteria(code=code[5:13], statuses=("paid",)) for code in some],
    }
