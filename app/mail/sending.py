"""Hand a message to the mail server and say plainly what came of it."""

from __future__ import annotations

import enum
import smtplib
import ssl
from dataclasses import dataclass

from flask_mail import BadHeaderError

from app.extensions import mail
from app.mail.connection import NoServerError, NoTlsError, PortalMessage


class Result(enum.StrEnum):
    """What the server said."""

    TAKEN = "taken"
    LATER = "later"  # 4xx, no connection, no certificate to trust: try again
    NEVER = "never"  # 5xx to this very mail: a person has to look


@dataclass(frozen=True, slots=True)
class Answer:
    """The result and, in a few words without addresses, why."""

    result: Result
    error: str = ""


def hand_over(message: PortalMessage) -> Answer:
    """Send one message on a connection of its own. Never raises for what a server or a network can do."""
    try:
        with mail.connect() as connection:
            connection.send(message)
    except smtplib.SMTPRecipientsRefused as error:
        code = next((code for code, _ in error.recipients.values()), 0)
        return _by_code(code, "recipient refused")
    except smtplib.SMTPAuthenticationError as error:
        return Answer(Result.LATER, f"sign-in refused: {error.smtp_code}")  # our setting is wrong, not this mail
    except (smtplib.SMTPHeloError, smtplib.SMTPConnectError) as error:
        return Answer(Result.LATER, f"server busy: {error.smtp_code}")
    except smtplib.SMTPResponseException as error:
        return _by_code(error.smtp_code, "mail refused")
    except smtplib.SMTPNotSupportedError:
        return Answer(Result.NEVER, "the server cannot take this address")
    except (BadHeaderError, UnicodeError):
        return Answer(Result.NEVER, "a header or address that cannot be sent")
    except NoServerError:
        return Answer(Result.LATER, "no mail server is set (MAIL_URL)")
    except NoTlsError:
        return Answer(Result.LATER, "the server offers no TLS")
    except ssl.SSLCertVerificationError:
        return Answer(Result.LATER, "the server's certificate is not trusted")
    except (smtplib.SMTPException, OSError) as error:
        return Answer(Result.LATER, f"no answer: {type(error).__name__}")
    return Answer(Result.TAKEN)


def _by_code(code: int, what: str) -> Answer:
    return Answer(Result.NEVER if code >= 500 else Result.LATER, f"{what}: {code}")
