"""How long a start takes: ``python -m benchmarks.start``.

Clones what is committed into an empty folder and runs ``python3 run.py`` there until it says that it is ready: the
first time with everything to make and to install, the second time with all of it there. Wall time, of a machine that
other things may use as well.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LIMITS = {"first": 180, "second": 10}
SETTINGS = (
    "DATABASE_URL",
    "REDIS_URL",
    "MAIL_URL",
    "PORTAL_DATA",
    "PORTAL_ENV",
    "SECRET_KEY",
    "BASE_URL",
    "VIRTUAL_ENV",
)


def main() -> None:
    """Print both times."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=9191)
    options = parser.parse_args()
    environ = {name: value for name, value in os.environ.items() if name not in SETTINGS}
    with tempfile.TemporaryDirectory() as folder:
        clone = Path(folder) / "clone"
        subprocess.run(["git", "clone", "--quiet", str(ROOT), str(clone)], check=True)
        commit = subprocess.run(
            ["git", "rev-parse", "--short", "HEAD"], cwd=clone, capture_output=True, text=True, check=True
        )
        print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, commit {commit.stdout.strip()}", flush=True)
        for name, limit in LIMITS.items():
            seconds = _start(clone, options.port, environ)
            print(
                f"{name} start: ready after {seconds:.1f} s (target {limit} s), load {os.getloadavg()[0]:.1f}",
                flush=True,
            )


def _start(clone: Path, port: int, environ: dict[str, str]) -> float:
    """Seconds until it is ready; then it is ended, and has to end well."""
    begin = time.perf_counter()
    running = subprocess.Popen(
        ["python3", "run.py", "--port", str(port)], cwd=clone, env=environ, stdout=subprocess.PIPE, text=True
    )
    assert running.stdout is not None
    said = []
    for line in running.stdout:
        said.append(line)
        if "Ready after" in line:
            break
    else:
        raise SystemExit("it did not start:\n" + "".join(said))
    seconds = time.perf_counter() - begin
    running.send_signal(signal.SIGTERM)
    running.stdout.read()
    assert running.wait(120) == 0, running.returncode
    return seconds


if __name__ == "__main__":
    main()
