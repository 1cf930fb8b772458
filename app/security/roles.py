"""Which role holds which FAB permission: the matrix of contract.md 3. ``flask portal sync`` writes it."""

from __future__ import annotations

from app.domain.access import Role

# (permission, view); a role holds its own lines and those of the roles before it.
SPECIALIST: tuple[tuple[str, str], ...] = (
    ("can_list", "OrderView"),
    ("can_show", "OrderView"),
    ("can_download", "OrderView"),
    ("can_request_refund", "OrderView"),
    ("can_resend", "OrderView"),
    ("can_cancel_subscription", "OrderView"),
    ("can_resume_subscription", "OrderView"),
    ("can_list", "RefundView"),
    ("can_edit", "AccountView"),
)
LEAD: tuple[tuple[str, str], ...] = (
    ("can_export", "OrderView"),
    ("can_revoke_page", "OrderView"),
    ("can_list", "AuditView"),
    ("can_export", "AuditView"),
    ("can_list", "PersonView"),
    ("can_invite", "PersonView"),
    ("can_edit", "PersonView"),
    ("can_deactivate", "PersonView"),
    ("can_list", "TeamView"),
)
ADMIN: tuple[tuple[str, str], ...] = (
    ("can_list", "OperationsView"),
    ("can_decide", "OperationsView"),
    ("can_erase", "ErasureView"),
    ("can_decide", "RefundView"),
    ("can_reactivate", "PersonView"),
    ("can_edit", "TeamView"),
    ("can_list", "StoreView"),
    ("can_edit", "StoreView"),
    ("can_forbid_delivery", "StoreView"),
    ("can_list", "TokenView"),
    ("can_edit", "TokenView"),
)

MATRIX = {
    Role.SPECIALIST: SPECIALIST,
    Role.LEAD: SPECIALIST + LEAD,
    Role.ADMIN: SPECIALIST + LEAD + ADMIN,
}
