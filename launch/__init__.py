"""What ``run.py`` does: make the environment, start and watch the processes of a try-out, end them in order.

Standard library only (``inbox`` excepted, which runs in the environment): it starts before anything is installed and
stays small beside the processes it watches.
"""

from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
STARTED = "ESUPPORT_STARTED"
"""Environment variable: when ``run.py`` was started, seconds since 1970."""


class LaunchError(Exception):
    """It cannot be started. The text is one sentence that says why and what to do; the exit code is 2."""
