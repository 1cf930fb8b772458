"""Documents of an order, for downloading."""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.domain.access import ALL_STORES, Scope
from app.domain.refusal import NotFound
from app.models import Document, DocumentContent


@dataclass(frozen=True, slots=True)
class Stored:
    """A document: its bytes when they are stored here, else the address where they are."""

    order_id: int
    document_id: str
    store_id: int
    name: str
    content_type: str
    content: bytes | None
    url: str | None


def find_document(session: Session, scope: Scope, order_id: int, document_id: str) -> Stored:
    """The document with its bytes. Raises NotFound when it does not exist or is not in the scope."""
    statement = (
        sa.select(
            Document.order_id, Document.document_id, Document.store_id, Document.name, Document.content_type,
            DocumentContent.content, Document.url,
        )
        .outerjoin(
            DocumentContent,
            sa.and_(
                DocumentContent.order_id == Document.order_id, DocumentContent.document_id == Document.document_id
            ),
        )
        .where(Document.order_id == order_id, Document.document_id == document_id)
    )  # fmt: skip
    if scope is not ALL_STORES:
        statement = statement.where(Document.store_id.in_(scope))  # type: ignore[arg-type]
    row = session.execute(statement).one_or_none()
    if row is None or (row.content is None and row.url is None):
        raise NotFound
    return Stored(*row)
