"""The virtual environment: made once, brought up to date when the pinned requirements change."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

from launch import ROOT, LaunchError

VENV = ROOT / ".venv"
STAMP = "installed-requirements"  # in the environment: hash and name of each file that it satisfies
APT_TRIES = 3


def inside() -> bool:
    """Does this very process run in the environment?"""
    return VENV.exists() and os.path.samefile(sys.prefix, VENV)


def ensure(*, dev: bool) -> str:
    """Path of the environment's Python, with everything that is needed installed.

    Raises LaunchError when it cannot be made (no venv module, no registry, no room).
    """
    python = VENV / "bin" / "python"
    files = ["requirements.txt", *(["requirements-dev.txt"] if dev else [])]
    try:
        if not inside() and not _works(python):
            _make()
        wanted = {_line(ROOT / name) for name in files}
        stamp = VENV / STAMP
        have = set(stamp.read_text().splitlines()) if stamp.exists() else set()
        if not wanted <= have:
            stamp.unlink(missing_ok=True)
            _install(python, files)
            names = {line.split()[1] for line in wanted}
            kept = {line for line in have if line.split()[1] not in names}
            stamp.write_text("\n".join(sorted(wanted | kept)) + "\n")
    except OSError as error:
        raise LaunchError(f"The environment {VENV} cannot be written: {error.strerror or error}.") from error
    return str(python)


def _line(file: Path) -> str:
    return f"{hashlib.sha256(file.read_bytes()).hexdigest()} {file.name}"


def _works(python: Path) -> bool:
    """Is there an environment whose Python starts and is new enough?"""
    if not python.exists():
        return False
    check = "import sys; sys.exit(sys.version_info < (3, 11))"
    return subprocess.run([python, "-c", check], capture_output=True, check=False).returncode == 0


def _make() -> None:
    print("Making the environment .venv …")
    if uv := shutil.which("uv"):
        command = [uv, "venv", "--quiet", "--clear", "--python", sys.executable, str(VENV)]
    else:
        _ensure_venv_module()
        command = [sys.executable, "-m", "venv", "--clear", str(VENV)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise LaunchError(f"The environment .venv could not be made: {_why(done.stdout + done.stderr)}")


def _ensure_venv_module() -> None:
    check = [sys.executable, "-c", "import venv, ensurepip"]
    if subprocess.run(check, capture_output=True, check=False).returncode == 0:
        return
    package = f"python3.{sys.version_info.minor}-venv"
    if os.getuid() == 0 and shutil.which("apt-get"):
        print(f"Installing {package} …")
        apt_install(package)
        if subprocess.run(check, capture_output=True, check=False).returncode == 0:
            return
    raise LaunchError(
        f"Python's venv module is missing: install it with `sudo apt-get install {package}` and start again."
    )


def _install(python: Path, files: list[str]) -> None:
    print("Installing the requirements; the first time this takes a minute or two …")
    given = [part for name in files for part in ("-r", str(ROOT / name))]
    if uv := shutil.which("uv"):
        command = [uv, "pip", "install", "--quiet", "--python", str(python), "--require-hashes", *given]
    else:
        if subprocess.run([python, "-m", "pip", "--version"], capture_output=True, check=False).returncode:
            subprocess.run([python, "-m", "ensurepip"], capture_output=True, check=False)
        command = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input"]
        command += ["--retries", "2", "--timeout", "20", "--require-hashes", *given]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        log = VENV / "install.log"
        log.write_text(done.stdout + done.stderr)
        raise LaunchError(
            "The requirements could not be installed; can the package registry be reached from here? "
            f"{_why(done.stderr or done.stdout)} (All of it: {log})"
        )


def _why(text: str) -> str:
    """The line of a tool's output that says most."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    errors = [line for line in lines if line.lower().startswith(("error", "× ", "caused by", "e: "))]
    return ((errors or lines or ["no reason was given"])[-1])[:300]


def apt_install(*packages: str) -> bool:
    """Install Debian packages as root; waits for another apt and tries again. False when it cannot."""
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "stdin": subprocess.DEVNULL}
    environ = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    wait = ["-o", "DPkg::Lock::Timeout=120", "-o", "Acquire::Retries=2"]
    for attempt in range(APT_TRIES):
        if attempt:
            time.sleep(5 * attempt)
        subprocess.run(["apt-get", *wait, "update"], env=environ, check=False, **quiet)  # type: ignore[call-overload]
        command = ["apt-get", *wait, "install", "-y", "--no-install-recommends", *packages]
        if subprocess.run(command, env=environ, check=False, **quiet).returncode == 0:  # type: ignore[call-overload]
            return True
    return False


def ensure_chromium() -> None:
    """A browser for the browser tests: installed when we are root; else they say why they are skipped."""
    if any(shutil.which(name) for name in ("chromium", "chromium-browser", "google-chrome")):
        return
    if os.getuid() == 0 and shutil.which("apt-get"):
        print("Installing chromium for the browser tests …")
        if apt_install("chromium"):
            return
    print("There is no Chromium: the browser tests will say so. As root: apt-get install chromium", file=sys.stderr)
