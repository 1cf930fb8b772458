"""Seal the audit, and let go of what has been kept long enough; called by the sweeper."""

from __future__ import annotations

import logging

from flask import Flask

from app import kept_mails
from app.actions.audit_chain import chain_head, seal
from app.actions.retention import TASKS
from app.db import session, transaction
from app.jobs.periodic import periodic
from app.models.base import utcnow

log = logging.getLogger(__name__)
ROUNDS = 40
"""Batches of one run at most: a backlog is worked off over several runs, and never holds the sweeper for long."""


@periodic("audit.seal", every=5)
def seal_audit(_app: Flask) -> None:
    """Give new audit entries their place in the chain."""
    for _ in range(ROUNDS):
        with transaction():
            if not seal(session):
                return


@periodic("audit.head", every=86400)
def note_head(_app: Flask) -> None:
    """Write the head of the chain into the log once a day: ``portal audit verify --head`` then shows a cut-off end."""
    seq, head = chain_head(session)
    log.info("audit.head", extra={"seq": seq, "head": head})


@periodic("retention", every=900)
def let_go(_app: Flask) -> None:
    """Everything whose time is over, batch by batch."""
    for task in TASKS:
        for _ in range(ROUNDS):
            with transaction():
                done = task(session, utcnow())
            if not done:
                break
            log.info("retention", extra={"task": task.__name__, "rows": done})
    if done := kept_mails.drop_old(utcnow()):
        log.info("retention", extra={"task": "kept_mails", "rows": done})
