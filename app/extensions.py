"""Extensions without an app yet; ``create_app`` binds them."""

from flask_wtf import CSRFProtect

from app.mail.connection import PortalMail

csrf = CSRFProtect()
mail = PortalMail()
