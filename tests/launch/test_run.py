"""``run.py`` as a newcomer starts it: real processes, from a copy of the tree, without any service of the machine."""

import json
import os
import re
import shutil
import signal
import smtplib
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from types import SimpleNamespace

import pytest

from launch import ROOT, LaunchError, environment, tryout
from launch.supervisor import marked
from tests.servers import wait_for

SERVICES = ("DATABASE_URL", "REDIS_URL", "MAIL_URL", "BASE_URL", "PLATFORM_URL", "PORTAL_ENV", "SECRET_KEY")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture(scope="module")
def tree(tmp_path_factory) -> Path:
    """A copy of the tree whose environment is the one that runs the tests."""
    copy = tmp_path_factory.mktemp("tree") / "portal"
    leave = shutil.ignore_patterns(
        ".git", ".venv", "instance", "__pycache__", ".*_cache", ".hypothesis", ".env", "tests"
    )
    shutil.copytree(ROOT, copy, ignore=leave)
    venv = copy / ".venv"
    venv.mkdir()
    for part in ("bin", "lib", "include", "pyvenv.cfg"):
        if (Path(sys.prefix) / part).exists():
            (venv / part).symlink_to(Path(sys.prefix) / part)
    names = ("requirements.txt", "requirements-dev.txt")
    (venv / environment.STAMP).write_text("\n".join(environment._line(copy / name) for name in names))
    return copy


class Portal:
    """A running run.py."""

    def __init__(self, tree: Path, data: Path, port: int, *options: str, **environ: str) -> None:
        self.data, self.port = data, port
        self.began = time.monotonic()
        self.process = subprocess.Popen(
            ["python3", "run.py", "--port", str(port), "--data", str(data), *options],
            cwd=tree,
            env={**{k: v for k, v in os.environ.items() if k not in SERVICES}, **environ},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.lines: list[str] = []

    def wait(self) -> float:
        """Wait for the last line of the announcement; the seconds it took."""
        assert self.process.stdout
        for line in self.process.stdout:
            self.lines.append(line.rstrip())
            if line.startswith("Data and logs:"):
                return time.monotonic() - self.began
        raise AssertionError("\n".join(self.lines))

    def get(self, path: str) -> tuple[int, str]:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=10) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()
        except OSError:
            return 0, ""

    @property
    def run_id(self) -> str:
        return (self.data / "run.lock").read_text()

    @property
    def accounts(self) -> list[str]:
        return [line for line in self.lines if re.fullmatch(r"(Admin|Lead|Specialist)  \S+@\S+  \S+", line)]

    def pid(self, name: str) -> int:
        """The process id of a child of run.py."""
        return json.loads((self.data / "logs" / "processes.json").read_text())[name]


@pytest.fixture
def start(tree):
    running: list[Portal] = []

    def begin(data: Path, *options: str, **environ: str) -> Portal:
        running.append(Portal(tree, data, _free_port(), *options, **environ))
        return running[-1]

    yield begin
    for portal in running:
        portal.process.kill()
        portal.process.communicate()
        if (portal.data / "run.lock").exists():
            for pid in marked(portal.run_id):
                os.kill(pid, signal.SIGKILL)


@pytest.mark.slow
def test_a_whole_life(start, tmp_path):
    data = tmp_path / "data"
    portal = start(data)
    portal.wait()
    assert f"ESupport Portal: http://127.0.0.1:{portal.port}/" in portal.lines
    assert [line.split()[0] for line in portal.accounts] == ["Admin", "Lead", "Specialist"]
    status, body = portal.get("/login/")
    assert status == 200
    assert "password" in body
    wait_for(lambda: portal.get("/readyz")[0] == 200, 60, 0.2)
    assert data.stat().st_mode & 0o777 == 0o700

    # the inbox keeps mails as files
    with smtplib.SMTP("127.0.0.1", int((data / "inbox" / "port").read_text()), timeout=5) as smtp:
        smtp.sendmail("a@example.org", ["b@example.org"], "Subject: kept\r\n\r\nkept")
    (mail,) = (data / "inbox").glob("*.eml")
    assert mail.read_text().startswith("X-Envelope-From: a@example.org\nX-Envelope-To: b@example.org\nSubject: kept")

    # whatever is killed comes back
    for name in ("queue-server", "worker-mail", "web"):
        before = portal.pid(name)
        os.kill(before, signal.SIGKILL)
        wait_for(lambda name=name, before=before: portal.pid(name) != before, 20)
    wait_for(lambda: portal.get("/login/")[0] == 200, 30, 0.2)

    # an end in order leaves nothing running
    began = time.monotonic()
    portal.process.send_signal(signal.SIGINT)
    assert portal.process.wait(60) == 0
    assert time.monotonic() - began < 30  # nobody was waited for in vain
    assert marked(portal.run_id) == []

    # a second run keeps the data and starts within seconds; a killed run.py leaves nothing running either
    again = start(data)
    assert again.wait() < 30  # the machine may be busy with other tests
    assert again.accounts == portal.accounts
    again.process.kill()
    wait_for(lambda: not marked(again.run_id), 60, 0.2)


def _sentence(done: subprocess.CompletedProcess[str]) -> str:
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr
    (line,) = done.stderr.strip().splitlines()
    return line


def _run(tree: Path, *arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    clean = {k: v for k, v in os.environ.items() if k not in SERVICES}
    return subprocess.run(
        ["python3", "run.py", *arguments], cwd=tree, env={**clean, **environ}, capture_output=True, text=True,
        timeout=60, check=False,
    )  # fmt: skip


def test_a_port_that_is_taken_is_said_in_a_sentence(tree, tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        sentence = _sentence(_run(tree, "--port", port, "--data", str(tmp_path / "d")))
    assert sentence == f"Port {port} on 127.0.0.1 is taken; choose another with --port."


@pytest.mark.parametrize(
    ("environ", "named"),
    [
        ({"DEFAULT_TIMEZONE": "Mars/Olympus"}, "DEFAULT_TIMEZONE"),
        ({"PORTAL_ENV": "production"}, "SECRET_KEY"),
        ({"MAIL_URL": "http://mail.example"}, "MAIL_URL"),
    ],
)
def test_a_wrong_setting_is_named(tree, tmp_path, environ, named):
    assert named in _sentence(_run(tree, "--data", str(tmp_path / "d"), **environ))


def test_a_database_that_does_not_answer_is_named(tree, tmp_path):
    url = f"postgresql+psycopg://nobody@127.0.0.1:{_free_port()}/none"
    done = _run(tree, "--port", str(_free_port()), "--data", str(tmp_path / "d"), DATABASE_URL=url)
    assert "The database of DATABASE_URL cannot be used" in _sentence(done)


def test_a_data_folder_has_one_run_at_a_time(tree, tmp_path):
    import fcntl

    (tmp_path / "d").mkdir()
    with (tmp_path / "d" / "run.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert "Another run.py already uses" in _sentence(_run(tree, "--data", str(tmp_path / "d")))


def test_a_data_folder_that_cannot_be_made(tree, tmp_path):
    (tmp_path / "file").write_text("")
    assert str(tmp_path / "file" / "d") in _sentence(_run(tree, "--data", str(tmp_path / "file" / "d")))


@pytest.mark.parametrize(
    ("code", "free", "sentence"),
    [(1, 0, "The disk is full that holds {data}."), (2, 0, "the last line"),
     (1, 2**40, "The database could not be prepared; the end of {data}/logs/prepare.log says:\nfirst\nthe last line")],
)  # fmt: skip
def test_what_stops_the_preparation_is_said_also_where_no_log_can_be_written(
    monkeypatch, tmp_path, code, free, sentence
):
    python = tmp_path / "python"
    python.write_text(f"#!/bin/sh\necho first\necho the last line >&2\nexit {code}\n")
    python.chmod(0o755)
    monkeypatch.setattr(tryout.sys, "executable", str(python))
    monkeypatch.setattr(tryout, "disk_usage", lambda _folder: SimpleNamespace(free=free))
    log = tmp_path / "logs" / "prepare.log"
    log.mkdir(parents=True)  # not to be written: a folder
    with pytest.raises(LaunchError) as error:
        tryout._prepare({}, demo=True, log=log)
    assert str(error.value) == sentence.format(data=tmp_path)


@pytest.mark.parametrize("port", ["0", "65536", "http", "²"])
def test_a_port_that_is_none(tree, port):
    done = _run(tree, "--port", port)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr


def test_an_old_python_is_told(monkeypatch, capsys):
    import run

    monkeypatch.setattr(sys, "version_info", (3, 10, 9, "final", 0))
    assert run.main() == 2
    assert capsys.readouterr().err.startswith("Python 3.11 or newer is needed; this is 3.10.9 at ")


def test_old_pythons_can_read_run_py():
    import ast

    ast.parse((ROOT / "run.py").read_text(), feature_version=(3, 7))


def _empty_tree(tree: Path, tmp_path: Path, script: str) -> tuple[Path, dict[str, str]]:
    """A copy without an environment, and a PATH whose ``uv`` is the script."""
    copy = tmp_path / "portal"
    shutil.copytree(tree, copy, ignore=shutil.ignore_patterns(".venv"))
    (tmp_path / "bin").mkdir()
    uv = tmp_path / "bin" / "uv"
    uv.write_text(f"#!/bin/sh\n{script}\n")
    uv.chmod(0o755)
    return copy, {"PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}"}


def test_a_registry_that_cannot_be_reached(tree, tmp_path):
    script = (
        'if [ "$1" = venv ]; then for last; do :; done; mkdir -p "$last/bin"\n'
        'ln -s "$(which python3)" "$last/bin/python"\n'
        "else echo 'error: Failed to fetch: dns error' >&2; exit 1; fi"
    )
    copy, environ = _empty_tree(tree, tmp_path, script)
    sentence = _sentence(_run(copy, **environ))
    assert "can the package registry be reached from here?" in sentence
    assert "Failed to fetch: dns error" in sentence


def test_an_environment_that_cannot_be_made(tree, tmp_path):
    copy, environ = _empty_tree(tree, tmp_path, "echo 'error: no room' >&2; exit 1")
    assert _sentence(_run(copy, **environ)).endswith("could not be made: error: no room")


def test_a_missing_venv_module_is_said_to_people_who_are_not_root(monkeypatch, tmp_path):
    monkeypatch.setattr(environment, "VENV", tmp_path / ".venv")
    monkeypatch.setattr(environment.shutil, "which", lambda _name: None)
    monkeypatch.setattr(environment.os, "getuid", lambda: 1000)
    failed = subprocess.CompletedProcess([], 1, "", "")
    monkeypatch.setattr(environment.subprocess, "run", lambda *_a, **_k: failed)
    with pytest.raises(environment.LaunchError, match=r"venv module is missing: install it with `sudo apt-get install"):
        environment.ensure(dev=False)


def test_changed_requirements_are_installed_and_the_same_ones_are_not(monkeypatch, tmp_path):
    root = tmp_path / "root"
    root.mkdir()
    for name in ("requirements.txt", "requirements-dev.txt"):
        (root / name).write_text("a==1")
    python = root / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.symlink_to(sys.executable)
    monkeypatch.setattr(environment, "ROOT", root)
    monkeypatch.setattr(environment, "VENV", root / ".venv")
    installed: list[list[str]] = []
    monkeypatch.setattr(environment, "_install", lambda _python, files: installed.append(files))
    for dev in (False, False, True, True, False):
        environment.ensure(dev=dev)
    assert installed == [["requirements.txt"], ["requirements.txt", "requirements-dev.txt"]]
    (root / "requirements.txt").write_text("a==2")
    environment.ensure(dev=False)
    environment.ensure(dev=True)
    assert installed[2:] == [["requirements.txt"]]


def test_the_test_command_ends_with_the_suites_code(tree, tmp_path):
    shutil.copytree(tree, tmp_path / "portal", symlinks=True)
    tests = tmp_path / "portal" / "tests"
    tests.mkdir()
    (tests / "test_one.py").write_text("def test_one():\n    assert 1 == 2\n")
    done = _run(tmp_path / "portal", "test", "-n", "0", "tests/test_one.py")
    assert done.returncode == 1, done.stderr
    assert "1 failed" in done.stdout
    assert json.dumps("assert 1 == 2")[1:-1] in done.stdout
