"""Settings of the web server: ``gunicorn -c app/gunicorn.py --bind HOST:PORT``, in the try-out and in production."""

from __future__ import annotations

import ctypes
import gc
import sys
from pathlib import Path
from typing import Any

M_ARENA_MAX = -8  # malloc.h
ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from config import load  # noqa: E402 - the path has to be known first

_settings = load()

wsgi_app = "app:create_app()"
chdir = str(ROOT)
worker_class = "gthread"
workers = _settings.web_processes
threads = _settings.web_threads
preload_app = True  # the workers share the code's memory; the app opens no connection before the fork
timeout = 60
graceful_timeout = 30
keepalive = 5
accesslog = None  # ours, without query strings and tokens: app/logs.py
errorlog = "-"
control_socket_disable = True
forwarded_allow_ips = ""  # TRUSTED_PROXIES decides, in one place: app/security
if Path("/dev/shm").is_dir():  # noqa: S108 - the workers' heartbeat files must not wait for a disk
    worker_tmp_dir = "/dev/shm"  # noqa: S108
logconfig_dict = {
    "version": 1,
    "disable_existing_loggers": False,
    "loggers": {name: {"level": "INFO", "handlers": [], "propagate": True} for name in ("gunicorn", "gunicorn.error")},
}


def when_ready(_server: Any) -> None:
    """Before the workers are forked: what is loaded now is never collected, so its memory stays shared."""
    gc.collect()
    gc.freeze()


def post_fork(_server: Any, _worker: Any) -> None:
    """Collect rarely: the pauses of the collector are the slowest pages (notes on performance). And keep one heap for
    all threads: glibc gives each its own, none of which shrinks, and Python's lock lets one allocate at a time anyway.
    """
    gc.set_threshold(20_000, 20, 50)
    if mallopt := getattr(ctypes.CDLL(None), "mallopt", None):  # glibc only
        mallopt(M_ARENA_MAX, 1)
