"""ESupport Portal: find an order by whatever the customer gives, see everything about it, act on it once."""

from __future__ import annotations

from click import ClickException
from flask import Flask

from app import (
    api,
    assets,
    cli,
    db,
    erasure_journal,
    errors,
    health,
    i18n,
    kept_mails,
    logs,
    metrics,
    reads,
    security,
    webhooks,
)
from app.db import session
from app.extensions import csrf, mail
from app.jobs import gauges as _gauges  # noqa: F401 - /metrics asks it
from app.jobs import handlers, hints
from app.security import current_actor, elsewhere
from app.security.manager import PortalAppBuilder, PortalSecurityManager
from app.views import HomeView, lists, register_views
from app.views.navigation import navigation
from config import LANGUAGES, ConfigError, Settings, load


def create_app(settings: Settings | None = None, **engine_options: object) -> Flask:
    """An app for web, commands and workers alike. Makes no table and no query.

    Raises ClickException for a wrong setting: whoever typed a command reads one sentence and gets exit code 1.
    """
    app = Flask(__name__, static_folder=None)  # app/assets.py serves them
    try:
        settings = settings or load()
        app.config.from_mapping(_flask_config(settings))
        if settings.sign_in_settings:
            elsewhere.read_settings(app, settings.sign_in_settings)
    except ConfigError as error:
        raise ClickException(f"A setting is wrong: {error}.") from error
    app.extensions["settings"] = settings
    logs.init_app(app, settings)  # first, so that its hooks stand around all others
    db.init_app(app, settings.database_url, **engine_options)
    metrics.init_app(app)
    hints.init_app(app)
    handlers.init_app(app)
    csrf.init_app(app)  # before FAB, whose own forms then work with it
    mail.bind(app, settings)
    errors.init_app(app)
    erasure_journal.init_app(app)
    kept_mails.init_app(app)
    reads.init_app(app)
    security.init_app(app)
    with app.app_context():
        appbuilder = PortalAppBuilder(
            app,
            session,
            indexview=HomeView,
            base_template="layout/base.html",
            security_manager_class=PortalSecurityManager,
            update_perms=False,
        )
        register_views(appbuilder)
        appbuilder.post_init()
    i18n.init_app(app)
    assets.init_app(app)
    lists.init_app(app)
    app.jinja_env.globals.update(current_actor=current_actor, navigation=navigation)
    api.init_app(app)
    webhooks.init_app(app)
    health.init_app(app)
    cli.init_app(app)
    return app


def _flask_config(settings: Settings) -> dict[str, object]:
    return {
        "SECRET_KEY": settings.secret_key,
        "APP_NAME": "ESupport Portal",
        "LANGUAGES": {code: {"flag": code, "name": name} for code, name in LANGUAGES.items()},
        "BABEL_DEFAULT_LOCALE": settings.default_language,
        "BABEL_DEFAULT_TIMEZONE": settings.default_timezone,
        "FAB_CREATE_DB": False,  # Alembic owns every table
        "FAB_UPDATE_PERMS": False,  # `flask portal sync` writes permissions
        "FAB_ADD_SECURITY_API": False,
        "FAB_ADD_OPENAPI_VIEWS": False,
        "FAB_ADD_SECURITY_PERMISSION_VIEW": False,
        "FAB_ADD_SECURITY_VIEW_MENU_VIEW": False,
        "FAB_ADD_SECURITY_PERMISSION_VIEWS_VIEW": False,
        "FAB_API_ALLOW_JSON_QS": False,
        "AUTH_TYPE": 1,
        "AUTH_USER_REGISTRATION": False,
        "AUTH_ROLE_ADMIN": "Admin",
        "MAX_CONTENT_LENGTH": 1024 * 1024,  # the order API allows itself more
        "TESTING": settings.portal_env == "test",
        "SERVER_NAME": None,
        "WTF_CSRF_TIME_LIMIT": None,  # as long as the session
        "SESSION_PROTECTION": None,  # Flask-Login's own; the session row knows better
    }
