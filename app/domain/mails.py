"""The mails the portal sends, in words: what each template is, and why a mail does not go out."""

from __future__ import annotations

from app.domain.refusal import Refusal

TEMPLATES = {
    "access": "Access data",
    "access_temporary": "Access data",
    "access_elsewhere": "Access data",
    "password_reset": "Forgotten password",
    "license": "License information",
    "refund_result": "Result of a refund request",
}
"""What each template is (msgids)."""

ERASED = Refusal("mail.erased", "The customer's personal data has been erased: there is no address to write to.")
NO_ADDRESS = Refusal("mail.no_address", "There is no valid address to write to.")
GONE = Refusal("mail.gone", "What this mail is about is not there any more.")
ACCOUNT_CLOSED = Refusal("mail.account_closed", "The account this mail is for has been closed.")
NOT_TAKEN = Refusal("mail.not_taken", "The mail server does not take this mail (%(error)s).")
TOO_MANY = Refusal("mail.too_many", "The mail could not be handed over in many attempts (%(error)s).")
TOO_OLD = Refusal("mail.too_old", "The address is kept for 30 days only, and they are over.")
