"""A small kill storm over the processes that run.py starts; the big one is ``python -m benchmarks.storm``."""

from __future__ import annotations

import dataclasses
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.judge import ACTION, ADDRESS, AUDIT, CODE, HISTORY, Mailed, Seen, judge

ROOT = Path(__file__).resolve().parents[1]


def three_free_ports() -> int:
    """The first of three free ports in a row."""
    for base in range(20011, 30000, 7):
        taken = []
        try:
            for port in range(base, base + 3):
                probe = socket.socket()
                taken.append(probe)
                probe.bind(("127.0.0.1", port))
        except OSError:
            continue
        finally:
            for probe in taken:
                probe.close()
        return base
    raise AssertionError("no free ports")


@pytest.mark.slow
def test_a_small_storm_loses_and_doubles_nothing():
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.storm", "--actions", "30", "--kills", "8", "--wipes", "2", "--every", "1",
         "--port", str(three_free_ports())],
        cwd=ROOT, capture_output=True, text=True, timeout=1500, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "PASSED" in done.stdout


# --- the judgement itself ---------------------------------------------------------------------------------------------

ORDER = 70_000_001


def a_calm_end():
    """One action of each kind, as everything has to look when it went well."""
    kinds = dict(enumerate(("refund", "withdrawn", "cancel", "resume", "resend"), ORDER))
    seen = Seen(
        actions=[(n, ACTION[kind], "withdrawn" if kind == "withdrawn" else "done") for n, kind in kinds.items()],
        requests=[(ORDER, "sent"), (ORDER + 1, "withdrawn")],
        subscriptions={ORDER: "active", ORDER + 2: "cancelled", ORDER + 3: "active", ORDER + 4: "active"},
        mail_rows=[(ORDER + 4, "<1@x>", "done")],
        mails=[Mailed(ORDER + 4, "<1@x>", frozenset({ADDRESS.format(ORDER + 4)}), frozenset({CODE.format(ORDER + 4)}))],
    )
    for number, kind in kinds.items():
        for wanted, said in ((HISTORY, seen.history), (AUDIT, seen.audit)):
            said.update({(number, name): times for name, times in wanted[kind].items()})
    seen.refunds[ORDER] = 1
    seen.changes.update({(ORDER + 2, "cancel"): 1, (ORDER + 3, "resume"): 1})
    return kinds, seen


def wrong(kinds, seen):
    return {name for name, lines in judge(kinds, seen).items() if lines}


def test_a_storm_that_went_well_is_not_blamed():
    assert wrong(*a_calm_end()) == set()


@pytest.mark.parametrize(
    ("harm", "name"),
    [
        (lambda s: s.refunds.clear(), "lost"),
        (lambda s: s.changes.clear(), "lost"),
        (lambda s: s.mails.clear(), "lost"),
        (lambda s: s.refunds.update([ORDER]), "doubled"),
        (lambda s: s.refunds.update([ORDER + 1]), "doubled"),  # withdrawn, and yet it went out
        (lambda s: s.changes.update([(ORDER + 3, "resume")]), "doubled"),
        (lambda s: s.mails.append(dataclasses.replace(s.mails[0], message_id="<2@x>")), "doubled"),
        (lambda s: s.mails.append(dataclasses.replace(s.mails[0], to=frozenset({"else@example.org"}))), "went astray"),
        (lambda s: s.mails.append(dataclasses.replace(s.mails[0], codes=frozenset({"CODE-1-STORM"}))), "went astray"),
        (lambda s: s.changes.update([(ORDER, "cancel")]), "nobody asked for"),
        (lambda s: s.refunds.update([ORDER + 90]), "nobody asked for"),
        (lambda s: s.actions.append((ORDER + 91, "resend_license", "done")), "nobody asked for"),
        (lambda s: s.actions.append(s.actions[0]), "row and effect disagree"),
        (lambda s: s.subscriptions.update({ORDER + 2: "active"}), "row and effect disagree"),
        (lambda s: s.requests.pop(), "row and effect disagree"),
        (lambda s: s.mail_rows.append((ORDER, "<3@x>", "done")), "row and effect disagree"),
        (lambda s: s.history.update([(ORDER + 4, "license.sent")]), "not said once"),
        (lambda s: s.history.pop((ORDER + 2, "subscription.cancelled")), "not said once"),
        (lambda s: s.audit.update([(ORDER, "refund.requested")]), "not said once"),
        (lambda s: s.audit.pop((ORDER + 3, "subscription.resumed")), "not said once"),
    ],
)
def test_what_went_wrong_in_a_storm_is_named(harm, name):
    kinds, seen = a_calm_end()
    harm(seen)
    assert name in wrong(kinds, seen)


def test_what_waits_for_a_person_is_neither_lost_nor_done():
    kinds, seen = a_calm_end()
    seen.actions[0] = (ORDER, "request_refund", "attention")
    seen.refunds.clear()
    assert wrong(kinds, seen) == set()
