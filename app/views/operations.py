"""*Jobs and mail*: what waits, runs and needs a person; mails, webhooks, processes; the try-out's inbox."""

from __future__ import annotations

from collections.abc import Callable

from flask import Response as Answer
from flask import redirect, request
from flask_appbuilder import BaseView, expose, has_access, permission_name
from werkzeug.wrappers import Response

from app import kept_mails
from app.actions import operations as decide
from app.db import session, transaction
from app.domain import mails, work
from app.domain.refusal import NotFound, Refused
from app.i18n import say
from app.queries import operations as ask
from app.security import current_actor
from app.security.edge import content_security_policy, csp_nonce
from app.settings import settings
from app.views import inbox_files

PAGE = 50
FRAME = "allow-popups allow-popups-to-escape-sandbox"
"""What the frame of a mail may do: a link that is clicked opens a window of its own, which is an ordinary one."""
MAIL_POLICY = (
    f"sandbox {FRAME}; default-src 'none'; style-src 'unsafe-inline'; img-src data:; form-action 'none'; "
    "frame-ancestors 'self'"
)
"""What a mail's HTML may do, in the frame and where its address is opened by itself."""


class OperationsView(BaseView):
    """``/operations/`` and its lists. For administrators."""

    route_base = "/operations"
    default_view = "list"

    @expose("/")
    @has_access
    def list(self) -> str | tuple[str, int]:
        """Actions."""
        return self._page("actions")

    @expose("/mail")
    @has_access
    @permission_name("list")
    def mail(self) -> str | tuple[str, int]:
        """Mails."""
        return self._page("mail")

    @expose("/webhooks")
    @has_access
    @permission_name("list")
    def webhooks(self) -> str | tuple[str, int]:
        """Webhook deliveries and what became of them."""
        return self._page("webhooks")

    @expose("/health")
    @has_access
    @permission_name("list")
    def health(self) -> str:
        """The part that asks for itself again: queues and processes."""
        return self.render_template("operations/_health.html", health=ask.health(session))

    @expose("/inbox")
    @has_access
    @permission_name("list")
    def inbox(self) -> str:
        """The try-out's mails, newest first."""
        folder = _inbox()
        before = request.args.get("before", "")[:80]
        mails = inbox_files.newest(folder, before=before, limit=PAGE)
        return self.render_template(
            "operations/inbox.html", mails=mails[:PAGE], health=ask.health(session), name="inbox", inbox=True,
            older=mails[PAGE - 1].name if len(mails) > PAGE else None,
        )  # fmt: skip

    @expose("/inbox/<string:name>")
    @has_access
    @permission_name("list")
    def inbox_mail(self, name: str) -> str | Response:
        """One mail of the try-out's inbox: its text, or with ``as=html`` a frame that shows its HTML."""
        found = inbox_files.read(_inbox(), name)
        framed = found.has_html and request.args.get("as") == "html"
        page = self.render_template(
            "operations/inbox_mail.html", mail=found, framed=framed, frame=FRAME, inbox=True, name="inbox"
        )
        if not framed:
            return page
        return Answer(page, headers={"Content-Security-Policy": content_security_policy(csp_nonce(), frames=True)})

    @expose("/inbox/<string:name>/html")
    @has_access
    @permission_name("list")
    def inbox_html(self, name: str) -> Response:
        """The HTML of a mail and nothing around it. Whoever wrote it, it runs nothing and asks nobody for anything."""
        return Answer(
            inbox_files.html(_inbox(), name),
            headers={
                "Content-Security-Policy": MAIL_POLICY,
                "X-Content-Type-Options": "nosniff",
                "X-DNS-Prefetch-Control": "off",
                "Referrer-Policy": "no-referrer",
                "Cache-Control": "no-store",
            },
        )

    @expose("/actions/<int(min=1,max=9223372036854775807):action_id>/happened", methods=["POST"])
    @has_access
    @permission_name("decide")
    def happened(self, action_id: int) -> Response | tuple[str, int]:
        """A person has seen that it happened."""
        return self._decide("actions", lambda: decide.it_happened(session, current_actor(), action_id, fence=_seen()))

    @expose("/actions/<int(min=1,max=9223372036854775807):action_id>/again", methods=["POST"])
    @has_access
    @permission_name("decide")
    def again(self, action_id: int) -> Response | tuple[str, int]:
        """A person has seen that it did not happen."""
        return self._decide("actions", lambda: decide.try_again(session, current_actor(), action_id, fence=_seen()))

    @expose("/actions/<int(min=1,max=9223372036854775807):action_id>/leave", methods=["POST"])
    @has_access
    @permission_name("decide")
    def leave(self, action_id: int) -> Response | tuple[str, int]:
        """A person has seen that it did not happen, and it shall not."""
        return self._decide("actions", lambda: decide.leave_it(session, current_actor(), action_id, fence=_seen()))

    @expose("/mail/<int(min=1,max=9223372036854775807):mail_id>/again", methods=["POST"])
    @has_access
    @permission_name("decide")
    def mail_again(self, mail_id: int) -> Response | tuple[str, int]:
        """Hand the mail over once more."""
        return self._decide("mail", lambda: decide.send_again(session, current_actor(), mail_id))

    @expose("/mail/<int(min=1,max=9223372036854775807):mail_id>/leave", methods=["POST"])
    @has_access
    @permission_name("decide")
    def mail_leave(self, mail_id: int) -> Response | tuple[str, int]:
        """Do not hand the mail over any more."""
        return self._decide("mail", lambda: decide.leave_mail(session, current_actor(), mail_id, fence=_seen()))

    @expose("/webhooks/<int(min=1,max=9223372036854775807):delivery_id>/again", methods=["POST"])
    @has_access
    @permission_name("decide")
    def webhook_again(self, delivery_id: int) -> Response | tuple[str, int]:
        """Apply the webhook once more."""
        return self._decide("webhooks", lambda: decide.apply_again(session, current_actor(), delivery_id))

    def _decide(self, name: str, action: Callable[[], object]) -> Response | tuple[str, int]:
        try:
            with transaction():
                action()
        except Refused as refused:
            page = self._page(name, refused=say(refused.refusal))
            return (page if isinstance(page, str) else page[0]), 409
        return redirect(_address(name), 303)

    def _page(self, name: str, refused: str = "") -> str | tuple[str, int]:
        """One of the lists. A state that is none is an error at its field."""
        state = request.args.get("state", "live")
        known = state in (*ask.STATES[name], "live", "all")
        before = request.args.get("before", type=int)
        limits = (1, 2**63 - 1)
        if before is not None and not limits[0] <= before <= limits[1]:
            before = None
        found = ask.rows(session, current_actor(), name, state=state, before=before, limit=PAGE) if known else []
        page = self.render_template(
            f"operations/{name}.html",
            name=name,
            rows=found[:PAGE],
            older=found[PAGE - 1].it.id if len(found) > PAGE else None,
            state=state,
            states=ask.STATES[name],
            kinds=mails.TEMPLATES if name == "mail" else work.KINDS,
            health=ask.health(session),
            processes=ask.processes(session) if name == "actions" else (),
            inbox=settings().inbox_local,
            refused=refused,
            error=not known,
            address=_address(name),
        )
        return page if known else (page, 422)


def _address(name: str) -> str:
    return "/operations/" if name == "actions" else f"/operations/{name}"


def _seen() -> int | None:
    """The row's fence as the page showed it; None where the form does not say."""
    return request.form.get("fence", type=int)


def _inbox() -> inbox_files.Path:
    if not settings().inbox_local:
        raise NotFound
    return kept_mails.folder()
