"""The command line of ``run.py``: first outside, then inside the environment."""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path

from launch import ROOT, STARTED, LaunchError, environment

WORKERS = "3"
"""Processes of the tests: on two cores a third keeps them busy while others wait for clocks, servers and browsers."""


def main(arguments: list[str]) -> int:
    """Run; the exit code. Whatever is wrong is said in one sentence on stderr (exit code 2)."""
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    try:
        if arguments[:1] == ["test"]:
            return _test(arguments[1:])
        return _run(_options(arguments), arguments)
    except LaunchError as error:
        print(error, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130


def _options(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="run.py",
        description="Start the portal: web, workers, sweeper, queue server and mail inbox, with demo data.",
        epilog="`run.py test [arguments of pytest]` runs the test suite. Settings: .env.example.",
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (%(default)s)")
    parser.add_argument("--port", type=_port, default=8080, help="port to listen on (%(default)s)")
    parser.add_argument(
        "--data", type=Path, help=f"folder for everything that is kept ({ROOT / 'instance'}, or PORTAL_DATA)"
    )
    parser.add_argument("--no-demo", action="store_true", help="start without demo data")
    return parser.parse_args(arguments)


def _port(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is no port: 1 to 65535")
    return int(text)


def _run(options: argparse.Namespace, arguments: list[str]) -> int:
    os.environ.setdefault(STARTED, str(time.time()))
    python = environment.ensure(dev=False)
    if not environment.inside():
        os.execv(python, [python, str(ROOT / "run.py"), *arguments])
    if options.data is not None:
        os.environ["PORTAL_DATA"] = str(options.data.expanduser().resolve())
    from launch import tryout

    return tryout.run(options.host, options.port, demo=not options.no_demo)


def _test(arguments: list[str]) -> int:
    python = environment.ensure(dev=True)
    environment.ensure_chromium()
    own = any(a == "-n" or a.startswith(("-n", "--numprocesses")) for a in arguments)
    command = [python, "-m", "pytest", "-c", ".pytest.ini", "--rootdir", str(ROOT), *([] if own else ["-n", WORKERS])]
    os.chdir(ROOT)
    os.execv(python, [*command, *arguments])
    return 2  # not reached: execv replaces the process
