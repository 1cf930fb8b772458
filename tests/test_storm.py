"""A small kill storm over the processes that run.py starts; the big one is ``python -m benchmarks.storm``."""

from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

pytestmark = pytest.mark.slow


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


def test_a_small_storm_loses_and_doubles_nothing():
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.storm", "--actions", "30", "--kills", "8", "--wipes", "2", "--every", "1",
         "--port", str(three_free_ports())],
        cwd=ROOT, capture_output=True, text=True, timeout=1500, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "PASSED" in done.stdout
