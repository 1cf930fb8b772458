"""``/orders/<order_id>/documents/<document_id>``: a document as an attachment, after the scope check."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from typing import IO

from flask import Response, current_app
from flask_appbuilder import BaseView, expose, has_access, permission_name
from flask_babel import gettext

from app.actions import audit
from app.db import session
from app.domain.access import Actor
from app.domain.audit import DOCUMENT_DOWNLOADED
from app.domain.documents import content_disposition, file_name, safe_type
from app.domain.refusal import NotFound
from app.errors import answer
from app.platform.documents import CHUNK, DocumentUnavailable, Door, fetch_document
from app.queries.documents import Stored, find_document
from app.security import current_actor
from app.settings import settings
from app.views.order import read_order_id

log = logging.getLogger(__name__)
_DOCUMENT_ID = re.compile(r"[A-Za-z0-9._~-]{1,64}", re.ASCII)


class DocumentView(BaseView):
    """Documents of orders; *can download on OrderView*."""

    route_base = "/orders"
    class_permission_name = "OrderView"
    default_view = "download"

    @expose("/<string:order_id>/documents/<string:document_id>")
    @has_access
    @permission_name("download")
    def download(self, order_id: str, document_id: str) -> Response:
        """The document; 502 or 504 in words when it is elsewhere and cannot be fetched."""
        return hand_out(current_actor(), read_order_id(order_id), document_id)


def hand_out(actor: Actor, order_id: int, document_id: str) -> Response:
    """The document for this actor. Raises NotFound."""
    if not _DOCUMENT_ID.fullmatch(document_id):
        raise NotFound
    found = find_document(session, actor.stores, order_id, document_id)
    about = {"order_id": found.order_id, "store_id": found.store_id, "subject": found.document_id}
    try:
        body, size = _body(found)
    except DocumentUnavailable as error:
        log.warning("document.unavailable order=%s document=%s: %s", found.order_id, found.document_id, error)
        audit.note_read(session, actor, DOCUMENT_DOWNLOADED, result="failed", **about)
        return answer(504 if error.late else 502, gettext("The document is kept elsewhere and cannot be fetched now."))
    audit.note_read(session, actor, DOCUMENT_DOWNLOADED, **about)
    content_type = safe_type(found.content_type)
    response = Response(body, mimetype=content_type)
    response.content_length = size
    response.headers["Content-Disposition"] = content_disposition(file_name(found.name, content_type))
    response.headers["X-Content-Type-Options"] = "nosniff"
    # Opened in a tab after all, it may do nothing.
    response.headers["Content-Security-Policy"] = "default-src 'none'; sandbox"
    response.headers["Cache-Control"] = "no-store"
    return response


def _body(found: Stored) -> tuple[Iterator[bytes], int]:
    """The bytes piece by piece, and how many there are."""
    if found.content is not None:
        return _pieces(found.content), len(found.content)
    door: Door = current_app.extensions.get("document_door") or Door(hosts=settings().document_hosts)
    fetched = fetch_document(found.url or "", door)
    return _file(fetched.file), fetched.size


def _pieces(content: bytes) -> Iterator[bytes]:
    view = memoryview(content)
    for start in range(0, len(view), CHUNK):
        yield bytes(view[start : start + CHUNK])


def _file(file: IO[bytes]) -> Iterator[bytes]:
    with file:
        while chunk := file.read(CHUNK):
            yield chunk
