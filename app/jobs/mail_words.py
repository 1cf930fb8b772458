"""What a template needs besides the row's ``params``: read, or made, at the moment of sending.

Secrets (one-time links, temporary passwords) exist only here and in the mail: the row never holds them, and each
attempt makes a new one, which voids the one before. A function may raise Refused or NotFound: the mail is then
not sent, for that reason.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlalchemy.orm import Session

from app.actions import access_links, licenses
from app.domain.licenses import NO_CODE
from app.domain.refusal import NotFound, Refused
from app.domain.sign_in import LINK_HOURS
from app.models import License, Mail, Order, Person
from app.models.base import utcnow
from app.queries.card_parts import web_link
from app.settings import settings


def access(session: Session, mail: Mail) -> dict[str, Any]:
    """The first mail: the login and a link to set the password."""
    return {**_who(session, mail), "link": _link(session, mail, access_links.ACCESS)}


def access_temporary(session: Session, mail: Mail) -> dict[str, Any]:
    """The first mail where ACCESS_MAIL=temporary_password."""
    who = _who(session, mail)
    return {**who, "password": access_links.make_temporary_password(session, _user_id(mail))}


def access_elsewhere(session: Session, mail: Mail) -> dict[str, Any]:
    """The first mail where LDAP, OAuth or SAML identify people: there is nothing to set."""
    return _who(session, mail)


def password_reset(session: Session, mail: Mail) -> dict[str, Any]:
    """For somebody who forgot the password."""
    return {**_who(session, mail), "link": _link(session, mail, access_links.RESET)}


def license_information(session: Session, mail: Mail) -> dict[str, Any]:
    """What the license mail says, read when it is sent.

    Raises Refused when the code may not be sent any more: it was marked deleted while the mail waited.
    """
    order = session.get(Order, mail.order_id)
    code = session.get(License, mail.params.get("license"))
    if order is None or code is None:
        raise Refused(NO_CODE)
    try:
        refusal = licenses.why_not(session, order, code.license_id, utcnow(), live_action=False)
    except NotFound:
        refusal = NO_CODE
    if refusal is not None:
        raise Refused(refusal)
    product, number = licenses.words_of(session, order, code)
    return {
        "order_name": order.order_name,
        "product": product,
        "number": number,
        "code": code.code,
        "link": web_link(code.code),
    }


def _user_id(mail: Mail) -> int:
    if mail.user_id is None:
        raise NotFound
    return mail.user_id


def _who(session: Session, mail: Mail) -> dict[str, Any]:
    person = session.get_one(Person, _user_id(mail))
    return {"name": person.get_full_name(), "login": person.username, "hours": LINK_HOURS}


def _link(session: Session, mail: Mail, purpose: str) -> str:
    return settings().base_url + access_links.make_link(session, _user_id(mail), purpose)


WORDS: dict[str, Callable[[Session, Mail], dict[str, Any]]] = {
    "access": access,
    "access_temporary": access_temporary,
    "access_elsewhere": access_elsewhere,
    "password_reset": password_reset,
    licenses.TEMPLATE: license_information,
}
"""Template → the function that finds its words."""
