"""The supervisor: order of start and end, restarts, and nothing left behind in whatever way it ends."""

import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from launch import ROOT
from launch.supervisor import marked
from tests.servers import wait_for

CHILD = """
import os, signal, sys, time
name, folder = sys.argv[1], sys.argv[2]
def note(what):
    with open(folder + "/notes", "a") as f: f.write(f"{name} {what}\\n")
if "stubborn" in name: signal.signal(signal.SIGTERM, signal.SIG_IGN)
else: signal.signal(signal.SIGTERM, lambda *_: (note("ended"), sys.exit(0)))
if "forks" in name and os.fork() == 0: os.setpgrp()
else: note(f"began {os.getpid()}")
if "dies" in name: sys.exit(3)
time.sleep(60)
"""

PARENT = """
import sys
from pathlib import Path
from launch.supervisor import Service, Supervisor
folder = Path(sys.argv[1])
def service(name, order):
    notes, command = folder / "notes", [sys.executable, str(folder / "child.py"), name, str(folder)]
    ready = lambda: f"{name} began" in notes.read_text() if notes.exists() else False
    return Service(name, lambda: command, order=order, ready=ready, stop_seconds=30 if 'patient' in name else 1)
services = [service(n, i) for i, n in enumerate(sys.argv[3:])]
sys.exit(Supervisor(services, folder, {}, run_id=sys.argv[2]).run(lambda: print("ready", flush=True)))
"""


class Run:
    def __init__(self, folder: Path, *names: str) -> None:
        self.folder, self.run_id = folder, os.urandom(8).hex()
        (folder / "child.py").write_text(textwrap.dedent(CHILD))
        (folder / "parent.py").write_text(textwrap.dedent(PARENT))
        self.process = subprocess.Popen(
            [sys.executable, str(folder / "parent.py"), str(folder), self.run_id, *names],
            env={"PYTHONPATH": str(ROOT), "PATH": os.environ["PATH"]},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    @property
    def notes(self) -> list[str]:
        file = self.folder / "notes"
        return file.read_text().splitlines() if file.exists() else []

    def began(self, name: str) -> list[int]:
        return [int(line.split()[2]) for line in self.notes if line.startswith(f"{name} began")]

    def wait_ready(self) -> None:
        assert self.process.stdout
        assert self.process.stdout.readline() == "ready\n"


@pytest.fixture
def start(tmp_path):
    runs: list[Run] = []

    def begin(*names: str) -> Run:
        runs.append(Run(tmp_path, *names))
        return runs[-1]

    yield begin
    for run in runs:
        run.process.kill()
        run.process.communicate()
        for pid in marked(run.run_id):
            os.kill(pid, signal.SIGKILL)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_starts_in_order_and_ends_in_the_opposite_one(start, number):
    run = start("a", "b", "c")
    run.wait_ready()
    assert [line.split()[0] for line in run.notes] == ["a", "b", "c"]
    run.process.send_signal(number)
    assert run.process.wait(10) == 0
    assert [line for line in run.notes if line.endswith("ended")] == ["c ended", "b ended", "a ended"]
    assert marked(run.run_id) == []


def test_a_killed_child_is_started_again(start):
    run = start("a", "b")
    run.wait_ready()
    os.kill(run.began("a")[0], signal.SIGKILL)
    wait_for(lambda: len(run.began("a")) == 2)
    assert len(run.began("b")) == 1
    run.process.terminate()
    output, _ = run.process.communicate(timeout=10)
    assert "a ended with signal SIGKILL; starting it again in" in output


def test_one_that_does_not_hear_is_killed_and_so_are_grandchildren(start):
    run = start("stubborn", "forks")
    run.wait_ready()
    wait_for(lambda: len(marked(run.run_id)) == 3)
    began = time.monotonic()
    run.process.terminate()
    assert run.process.wait(10) == 0
    assert 1 <= time.monotonic() - began < 8
    assert marked(run.run_id) == []


def test_a_second_signal_ends_everything_at_once_and_not_only_who_is_being_ended(start):
    run = start("stubborn-patient-a", "stubborn-patient-b")
    run.wait_ready()
    run.process.send_signal(signal.SIGINT)
    assert run.process.stdout.readline().startswith("Ending")
    run.process.send_signal(signal.SIGINT)
    assert run.process.wait(15) == 0
    assert marked(run.run_id) == []


def test_children_end_when_the_supervisor_is_killed(start):
    run = start("a", "b")
    run.wait_ready()
    run.process.kill()
    wait_for(lambda: not marked(run.run_id))
    assert sorted(line for line in run.notes if line.endswith("ended")) == ["a ended", "b ended"]


def test_one_that_never_gets_ready_ends_the_start_with_its_log(start, tmp_path):
    child = "import sys; sys.exit('the reason')"
    parent = (
        "import sys\nfrom pathlib import Path\nfrom launch.supervisor import Service, Supervisor\n"
        f"s = Service('web', lambda: [sys.executable, '-c', {child!r}], order=0, ready=lambda: False)\n"
        f"Supervisor([s], Path({str(tmp_path)!r}), {{}}).run(print)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", parent], cwd=ROOT, capture_output=True, text=True, timeout=30, check=False
    )
    assert done.returncode == 1
    assert "LaunchError: web does not start" in done.stderr
    assert done.stderr.rstrip().endswith("the reason")
