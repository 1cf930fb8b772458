#!/usr/bin/env python3
"""Start the whole portal on a fresh machine, or run its tests.

    python3 run.py [--host 127.0.0.1] [--port 8080] [--data instance/] [--no-demo]
    python3 run.py test [arguments of pytest]

This file stays readable for old Pythons, so that they can be told in a sentence that they are too old.
"""

import sys

NEWEST_TOO_OLD = (3, 10)


def main():
    """Check the Python, then hand over to ``launch``. Exit code 2: it could not be started, and a sentence said why."""
    if sys.version_info[:2] <= NEWEST_TOO_OLD:
        found = ".".join(str(part) for part in sys.version_info[:3])
        sys.stderr.write("Python 3.11 or newer is needed; this is %s at %s.\n" % (found, sys.executable))  # noqa: UP031
        return 2
    from launch.main import main as launch_main

    return launch_main(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
