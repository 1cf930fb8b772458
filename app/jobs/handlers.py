"""Which handler does which kind of action. Made once per process, from the settings."""

from __future__ import annotations

from flask import Flask

from app.actions import licenses, refunds, subscriptions
from app.jobs.licenses import LicenseHandler
from app.jobs.protocol import Handler
from app.jobs.refunds import RefundHandler
from app.jobs.subscriptions import SubscriptionHandler
from config import Settings


def make_handlers(settings: Settings) -> dict[str, Handler]:
    """Handlers by ``Action.kind``, for standalone mode or for a platform."""
    standalone = settings.standalone
    return {
        subscriptions.CANCEL: SubscriptionHandler(subscriptions.CANCEL, standalone=standalone),
        subscriptions.RESUME: SubscriptionHandler(subscriptions.RESUME, standalone=standalone),
        licenses.RESEND: LicenseHandler(),
        refunds.REQUEST: RefundHandler(standalone=standalone),
    }


def init_app(app: Flask) -> None:
    """Keep the handlers with the app: ``app.extensions["handlers"]``."""
    app.extensions["handlers"] = make_handlers(app.extensions["settings"])
