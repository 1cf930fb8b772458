"""Break the rules on purpose and see whether a test notices: mutants of the modules that `.coveragerc` lists.

    python -m benchmarks.mutants                 # a seeded sample of every module
    python -m benchmarks.mutants app/domain/refunds.py --each 1000

A mutant is one small change of one function (a comparison, a condition, a number, a word, a call or an assignment left
out, what is returned) or of a number that a module names. Killed: at least one test that runs the changed line fails.
Which tests those are is recorded first, on SQLite, so a word that names another database survives. Every mutant runs in
a process forked from a collected test session with the code of the loaded functions exchanged: it costs no start.

Left out is what is said to people (in logs, refusals and errors), which is no rule. Nothing else is, though some
changes make no difference: a flush before the end of a transaction, an option that only saves time.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as ET
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import coverage
import pytest

from benchmarks import mutations
from benchmarks.mutations import Mutant

ROOT = Path(__file__).resolve().parent.parent
TESTS = (
    "tests/domain", "tests/actions", "tests/security", "tests/queries", "tests/views", "tests/cli", "tests/jobs",
    "tests/api", "tests/webhooks", "tests/platform", "tests/test_reads.py", "tests/test_scope.py", "tests/test_logs.py",
)  # fmt: skip
SLOW = ("tests/jobs/test_processes.py", "tests/jobs/test_machine.py")
PROCESSES = 2
SECONDS_MOST = 20
"""Of tests for one mutant, as they took when they were recorded; a mutant that outlives them survives."""
CPU_MOST = 120
"""Seconds of computing after which a mutant is in an endless loop. Not of waiting: a busy machine kills no mutant."""
WAIT_MOST = 600
"""Seconds after which a mutant waits for ever, whatever else the machine does."""


@dataclass
class Found:
    """What became of the mutants of one module."""

    killed: int = 0
    survived: list[Mutant] = field(default_factory=list)
    not_run: list[Mutant] = field(default_factory=list)

    @property
    def made(self) -> int:
        return self.killed + len(self.survived) + len(self.not_run)


@dataclass
class Recorded:
    """Which tests run which line, and how long each took."""

    lines: dict[str, dict[int, list[str]]]
    seconds: dict[str, float]
    _shares: dict[str, Counter[str]] = field(default_factory=dict)

    def tests_of(self, mutant: Mutant) -> list[str]:
        """The tests to ask: those named after the module, those of its folder, then the others; of each, from every
        file in turn the one that runs most of the module.

        What every page runs (who is signed in, which stores) is run by hundreds of tests that look at something else.
        """
        found = {test for path, line in self._places(mutant) for test in self.lines.get(path, {}).get(line, ())}
        share, seen = self._share(mutant.path), Counter[str]()
        module = Path(mutant.path)
        turns: dict[str, tuple[bool, bool, int, float, str]] = {}
        for test in sorted(found, key=lambda test: (-share[test], self.seconds.get(test, 1.0), test)):
            file = Path(test.partition("::")[0])
            own, near = file.stem == f"test_{module.stem}", file.parent.name == module.parent.name
            turns[test] = (not own, not near, seen[file.name], self.seconds.get(test, 1.0), test)
            seen[file.name] += 1
        chosen, spent = [], 0.0
        for test in sorted(found, key=turns.__getitem__):
            spent += self.seconds.get(test, 1.0)
            if chosen and spent > SECONDS_MOST:
                break
            chosen.append(test)
        return chosen

    def _share(self, path: str) -> Counter[str]:
        """How many lines of the module each test runs."""
        if path not in self._shares:
            self._shares[path] = Counter(test for tests in self.lines.get(path, {}).values() for test in tests)
        return self._shares[path]

    def _places(self, mutant: Mutant) -> Iterator[tuple[str, int]]:
        """Where the change is met; a number is, wherever its name stands."""
        if not mutant.constant:
            yield from ((mutant.path, line) for line in mutant.lines)
            return
        name = re.compile(rf"\b{mutant.constant}\b")
        for path in self.lines:
            for line, text in enumerate((ROOT / path).read_text().splitlines(), 1):
                if name.search(text):
                    yield path, line


def record(folder: Path) -> None:
    """Run the tests once, with what each of them runs, into the folder."""
    environ = {**os.environ, "TEST_DATABASES": "sqlite", "COVERAGE_FILE": str(folder / "coverage")}
    everything = folder / "coveragerc"  # not only the modules of `.coveragerc`: their numbers stand in views, too
    everything.write_text("[run]\nsource = app\n")
    command = [
        sys.executable, "-m", "pytest", "-c", ".pytest.ini", "--rootdir", str(ROOT), "-q", "-n", str(PROCESSES),
        "-m", "not browser and not slow", "--cov", f"--cov-config={everything}", "--cov-context=test",
        "--cov-report=", "--cov-fail-under=0",
        f"--junitxml={folder / 'junit.xml'}", *TESTS, *(f"--ignore={path}" for path in SLOW),
    ]  # fmt: skip
    subprocess.run(command, cwd=ROOT, env=environ, check=True)


def recorded(folder: Path) -> Recorded:
    """Read what was recorded."""
    data = coverage.CoverageData(basename=str(folder / "coverage"))
    data.read()
    lines: dict[str, dict[int, list[str]]] = {}
    for path in data.measured_files():
        by_line = data.contexts_by_lineno(path)
        lines[str(Path(path).relative_to(ROOT))] = {
            line: [context.rsplit("|", 1)[0] for context in contexts if context] for line, contexts in by_line.items()
        }
    seconds = {}
    for case in ET.parse(folder / "junit.xml").iter("testcase"):
        names = case.attrib["classname"].split(".")
        files = [name for name in names if not name.startswith("Test")]
        place = "::".join(("/".join(files) + ".py", *names[len(files) :], case.attrib["name"]))
        seconds[place] = float(case.attrib["time"])
    return Recorded(lines, seconds)


class Session:
    """A pytest plugin: in place of running the collected tests, ask them about each mutant in a process of its own."""

    def __init__(self, mutants: list[Mutant], known: Recorded) -> None:
        self.mutants, self.known = mutants, known
        self.results: dict[Mutant, str] = {}

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """pytest's hook."""
        items = {item.nodeid: item for item in session.items}
        running: dict[int, tuple[Mutant, Path]] = {}
        for number, mutant in enumerate(self.mutants, 1):
            tests = [items[test] for test in self.known.tests_of(mutant) if test in items]
            if not tests:
                self.results[mutant] = "not run"
                continue
            if len(running) >= PROCESSES:
                self._wait(running)
            folder = Path(tempfile.mkdtemp(prefix="mutant-"))
            child = os.fork()
            if child == 0:
                _ask(mutant, tests, session, folder)
            running[child] = (mutant, folder)
            if number % 50 == 0:
                print(f"{number} of {len(self.mutants)}", file=sys.__stderr__, flush=True)
        while running:
            self._wait(running)
        return True

    def _wait(self, running: dict[int, tuple[Mutant, Path]]) -> None:
        child, status = os.wait()
        mutant, folder = running.pop(child)
        shutil.rmtree(folder, ignore_errors=True)
        self.results[mutant] = "survived" if os.waitstatus_to_exitcode(status) == 0 else "killed"
        if self.results[mutant] == "survived":
            print(f"survived: {mutant}", file=sys.__stderr__, flush=True)


def _ask(mutant: Mutant, tests: list[pytest.Item], session: pytest.Session, folder: Path) -> None:
    """In the child: break the code, run the tests until one fails, and end with that as the exit code."""
    signal.setitimer(signal.ITIMER_PROF, CPU_MOST)
    signal.alarm(WAIT_MOST)
    code = 1
    try:
        nothing = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nothing, 1)
        os.dup2(nothing, 2)
        tempfile.tempdir = str(folder)
        session.config._tmp_path_factory._basetemp = folder  # type: ignore[attr-defined]
        random.seed()
        mutations.apply(mutant)
        code = (
            1 if any(_fails(test, following) for test, following in zip(tests, [*tests[1:], None], strict=True)) else 0
        )
    finally:
        os._exit(code)


def _fails(item: pytest.Item, following: pytest.Item | None) -> bool:
    from _pytest.runner import runtestprotocol

    return any(report.failed for report in runtestprotocol(item, log=False, nextitem=following))


def modules() -> list[str]:
    """The modules `.coveragerc` lists, those without functions or numbers too."""
    config = coverage.Coverage(config_file=str(ROOT / ".coveragerc")).config
    found = {path for pattern in config.run_include or () for path in ROOT.glob(pattern)}
    return sorted(str(path.relative_to(ROOT)) for path in found)


def sample(paths: list[str], each: int, seed: int) -> list[Mutant]:
    """At most ``each`` mutants of every module, drawn by the seed."""
    drawn = random.Random(seed)
    chosen: list[Mutant] = []
    for path in paths:
        made = list(mutations.of(ROOT, path))
        chosen += sorted(drawn.sample(made, min(each, len(made))), key=lambda mutant: mutant.number)
    return chosen


@contextlib.contextmanager
def _folder(kept: str | None) -> Iterator[Path]:
    if kept:
        Path(kept).mkdir(parents=True, exist_ok=True)
        yield Path(kept)
        return
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)


def run(mutants: list[Mutant], known: Recorded) -> dict[str, Found]:
    """What became of them, by module."""
    os.environ["TEST_DATABASES"] = "sqlite"
    plugin = Session(mutants, known)
    files = sorted({test.split("::")[0] for mutant in mutants for test in known.tests_of(mutant)})
    arguments: list[Any] = ["-c", ".pytest.ini", "--rootdir", str(ROOT), "-q", "-p", "no:cov", "-p", "no:xdist", *files]
    os.chdir(ROOT)
    pytest.main(arguments, plugins=[plugin])
    found: dict[str, Found] = {mutant.path: Found() for mutant in mutants}
    for mutant in mutants:
        one = found[mutant.path]
        match plugin.results[mutant]:
            case "killed":
                one.killed += 1
            case "survived":
                one.survived.append(mutant)
            case _:
                one.not_run.append(mutant)
    return found


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("modules", nargs="*", help="paths; default: all that `.coveragerc` lists")
    parser.add_argument("--each", type=int, default=15, help="mutants of each module at most")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--least", type=float, default=85, help="per cent that have to be killed")
    parser.add_argument("--recorded", help="a folder to keep what each test runs; used again when it is there")
    given = parser.parse_args()
    began = time.perf_counter()
    with _folder(given.recorded) as folder:
        if not (folder / "junit.xml").exists():
            record(folder)
        found = run(sample(given.modules or modules(), given.each, given.seed), recorded(folder))
    total = Counter[str]()
    for _path, one in sorted(found.items()):
        for mutant in one.not_run:
            print(f"run by no test: {mutant}")
        total.update(made=one.made, killed=one.killed)
    print()
    for path, one in sorted(found.items()):
        left = f"survived {len(one.survived):3} not run {len(one.not_run):3}"
        print(f"{path:36} made {one.made:4} killed {one.killed:4} {left}")
    share = 100 * total["killed"] / total["made"] if total["made"] else 0.0
    print(json.dumps({**total, "per cent": round(share, 1), "seed": given.seed, "each": given.each,
                      "seconds": round(time.perf_counter() - began)}))  # fmt: skip
    return 0 if share >= given.least else 1


if __name__ == "__main__":
    raise SystemExit(main())
