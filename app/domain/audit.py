"""The audit's vocabulary: ``noun.verb``, one constant each, with the sentence people read."""

ORDER_VIEWED = "order.viewed"
ORDERS_EXPORTED = "orders.exported"
ORDERS_LISTED = "orders.listed"
ORDERS_RECORDED = "orders.recorded"
ORDERS_SEARCHED = "orders.searched"
DOCUMENT_DOWNLOADED = "document.downloaded"
PAGE_REVOKED = "page.revoked"
ORDER_ERASED = "order.erased"
SIGNED_IN = "sign_in.succeeded"
SIGN_IN_FAILED = "sign_in.failed"
SIGN_IN_LIMITED = "sign_in.limited"
SIGNED_OUT = "sign_in.ended"
IDENTITY_PROVED = "identity.proved"
IDENTITY_NOT_PROVED = "identity.not_proved"
PASSWORD_CHANGED = "password.changed"
PASSWORD_SET = "password.set"
PASSWORD_GIVEN = "password.given"
PASSWORD_ASKED = "password.asked"
SECOND_STEP_ON = "second_step.on"
SECOND_STEP_OFF = "second_step.off"
SECOND_STEP_RESET = "second_step.reset"
RECOVERY_CODES_MADE = "recovery_codes.made"
RECOVERY_CODE_USED = "recovery_code.used"
SESSIONS_ENDED = "sessions.ended"
PERSON_INVITED = "person.invited"
PERSON_CHANGED = "person.changed"
PERSON_DEACTIVATED = "person.deactivated"
PERSON_REACTIVATED = "person.reactivated"
PERSON_LEFT_TEAMS = "person.left_teams"
ACCESS_SENT = "access.sent"
ACCESS_REFUSED = "access.refused"
TEAM_CHANGED = "team.changed"
TEAM_MADE = "team.made"
TEAM_REMOVED = "team.removed"
STORE_MADE = "store.made"
STORE_CHANGED = "store.changed"
STORE_CLOSED = "store.closed"
STORE_REOPENED = "store.reopened"
DELIVERY_FORBIDDEN = "delivery.forbidden"
DELIVERY_ALLOWED = "delivery.allowed"
TOKEN_MADE = "token.made"
TOKEN_REVOKED = "token.revoked"
ACCOUNT_CHANGED = "account.changed"
AUDIT_EXPORTED = "audit.exported"
REFUND_REQUESTED = "refund.requested"
REFUND_WITHDRAWN = "refund.withdrawn"
REFUND_TAKEN = "refund.taken"
REFUND_COMPLETED = "refund.completed"
REFUND_REFUSED = "refund.refused"
SUBSCRIPTION_CANCEL_ASKED = "subscription.cancel_asked"
SUBSCRIPTION_RESUME_ASKED = "subscription.resume_asked"
SUBSCRIPTION_CANCELLED = "subscription.cancelled"
SUBSCRIPTION_RESUMED = "subscription.resumed"
LICENSE_RESEND_ASKED = "license.resend_asked"
LICENSE_SENT = "license.sent"
ACTION_HAPPENED = "action.declared"
ACTION_AGAIN = "action.retried"
ACTION_LEFT = "action.left"
MAIL_AGAIN = "mail.retried"
MAIL_LEFT = "mail.left"
WEBHOOK_AGAIN = "webhook.retried"
ACTION_ENDED = "action.ended"
ORDER_RECONCILED = "order.reconciled"

EVENTS = {
    ORDER_VIEWED: "Opened an order",
    ORDERS_EXPORTED: "Exported orders",
    ORDERS_LISTED: "Listed orders",
    ORDERS_RECORDED: "Recorded orders of the platform",
    ORDERS_SEARCHED: "Searched for orders",
    DOCUMENT_DOWNLOADED: "Downloaded a document",
    PAGE_REVOKED: "Revoked the link to a customer's page",
    AUDIT_EXPORTED: "Exported the audit",
    ORDER_ERASED: "Erased a customer's personal data",
    SIGNED_IN: "Signed in",
    SIGN_IN_FAILED: "Failed to sign in",
    SIGN_IN_LIMITED: "Tried to sign in too often",
    SIGNED_OUT: "Signed out",
    IDENTITY_PROVED: "Proved the identity again",
    IDENTITY_NOT_PROVED: "Failed to prove the identity",
    PASSWORD_CHANGED: "Changed the password",
    PASSWORD_SET: "Set the password by a link",
    PASSWORD_GIVEN: "Set the password of a person",
    PASSWORD_ASKED: "Asked for a link to set the password",
    SECOND_STEP_ON: "Turned the second step on",
    SECOND_STEP_OFF: "Turned the second step off",
    SECOND_STEP_RESET: "Took the second step away from a person",
    RECOVERY_CODES_MADE: "Made new recovery codes",
    RECOVERY_CODE_USED: "Used a recovery code",
    SESSIONS_ENDED: "Ended all sessions of a person",
    PERSON_INVITED: "Invited a person",
    PERSON_CHANGED: "Changed a person",
    PERSON_DEACTIVATED: "Deactivated a person",
    PERSON_REACTIVATED: "Reactivated a person",
    PERSON_LEFT_TEAMS: "Removed a person from teams",
    ACCESS_SENT: "Sent access data",
    ACCESS_REFUSED: "Asked for what the role does not allow",
    TEAM_CHANGED: "Changed a team",
    TEAM_MADE: "Made a team",
    TEAM_REMOVED: "Removed a team",
    STORE_MADE: "Made a store",
    STORE_CHANGED: "Changed a store",
    STORE_CLOSED: "Closed a store",
    STORE_REOPENED: "Reopened a store",
    DELIVERY_FORBIDDEN: "Forbade delivery",
    DELIVERY_ALLOWED: "Allowed delivery again",
    TOKEN_MADE: "Made an API token",
    TOKEN_REVOKED: "Revoked an API token",
    ACCOUNT_CHANGED: "Changed one’s own page",
    REFUND_REQUESTED: "Requested a refund",
    REFUND_WITHDRAWN: "Withdrew a refund request",
    REFUND_TAKEN: "Took up a refund request",
    REFUND_COMPLETED: "Completed a refund",
    REFUND_REFUSED: "Refused a refund",
    SUBSCRIPTION_CANCEL_ASKED: "Asked to cancel a subscription",
    SUBSCRIPTION_RESUME_ASKED: "Asked to resume a subscription",
    SUBSCRIPTION_CANCELLED: "Cancelled a subscription",
    SUBSCRIPTION_RESUMED: "Resumed a subscription",
    LICENSE_RESEND_ASKED: "Asked to resend license information",
    LICENSE_SENT: "Resent license information",
    ACTION_HAPPENED: "Stated that an action has happened",
    ACTION_AGAIN: "Started an action again",
    ACTION_LEFT: "Stated that an action has not happened, and left it",
    MAIL_AGAIN: "Started a mail again",
    MAIL_LEFT: "Left a mail unsent",
    WEBHOOK_AGAIN: "Started a webhook again",
    ACTION_ENDED: "An action ended without effect",
    ORDER_RECONCILED: "Corrected an order by reading it back",
}
"""Every event and its sentence (msgids). An event that is not here is refused by a test."""

DETAILS = {
    "action": "Action",
    "applied": "Recorded",
    "currency": "Currency",
    "fields": "Fields",
    "filters": "Filters",
    "found": "Found",
    "from": "From",
    "given": "Stores given",
    "kind": "Kind",
    "lines": "Lines",
    "mail": "Mail",
    "name": "Name",
    "names": "Name changed",
    "product": "Product",
    "reason": "Reason",
    "refused": "Refused",
    "result": "Result",
    "role": "Role",
    "step": "Step",
    "stores": "Stores",
    "stores_given": "Stores given",
    "stores_taken": "Stores taken",
    "taken": "Stores taken",
    "teams": "Teams",
    "teams_given": "Teams given",
    "teams_taken": "Teams taken",
    "title": "Title",
    "unchanged": "Unchanged",
    "until": "Until",
    "why": "Why",
}
"""What the keys of an entry's details are called (msgids). A key that is not here is refused, as an event is."""

RESULTS = {"ok": "Done", "refused": "Refused", "failed": "Failed"}
"""How what an entry tells of came out (msgids)."""

ACTORS = {"anonymous": "A visitor", "platform": "The platform", "system": "The portal"}
"""Who did something and is nobody with an account (msgids)."""

STEPS = {"second": "Second"}
"""Steps of signing in that are named in details (msgids)."""

ABOUT = {
    "ban": "Delivery ban",
    "cancel": "Cancel subscription",
    "complete": "Complete the refund",
    "mail": "Mail",
    "person": "Person",
    "refund": "Request refund",
    "refuse": "Refuse the refund",
    "resend": "Resend",
    "resume": "Resume subscription",
    "take": "Take up",
    "team": "Team",
    "webhook": "Webhook",
    "withdraw": "Withdraw",
}
"""What the first word of an entry's subject means (``team:7``, ``cancel:11_22``), in msgids."""

NOUNS = {
    "document": "Document",
    "license": "License",
    "refund": "Refund request",
    "subscription": "Subscription",
    "token": "API token",
}
"""What an event's noun is called before a subject that is a bare id or name (msgids)."""
