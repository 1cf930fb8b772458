"""What image, units and documents name exists: files, commands, settings."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PLACES = [ROOT / "README.md", ROOT / "Dockerfile", *sorted((ROOT / "docs").rglob("*.md")),
          *sorted((ROOT / "docs" / "systemd").glob("*.service"))]  # fmt: skip


@pytest.mark.parametrize("place", PLACES, ids=lambda p: p.name)
def test_commands_exist(app, place):
    named = re.findall(r"portal ([a-z]+)(?: ([a-z]+))?", place.read_text())
    commands = app.cli.commands["portal"].commands
    for first, second in re.findall(r"flask --app app portal ([a-z]+)(?: ([a-z]+))?", place.read_text()):
        assert first in commands, (place.name, first)
        if second and hasattr(commands[first], "commands"):
            assert second in commands[first].commands
    assert named or place.name not in ("README.md", "operations.md")


def test_the_image_copies_what_is_there():
    text = (ROOT / "Dockerfile").read_text()
    for line in re.findall(r"^COPY (.+)$", text, re.MULTILINE):
        for source in line.split()[:-1]:
            assert (ROOT / source).exists(), source
    assert re.search(r"^USER (?!root)", text, re.MULTILINE)
    assert (ROOT / "app" / "gunicorn.py").exists()


def test_units_end_gracefully():
    units = sorted((ROOT / "docs" / "systemd").glob("*.service"))
    assert len(units) == 3
    for unit in units:
        text = unit.read_text()
        assert "KillMode=mixed" in text
        assert "TimeoutStopSec=90" in text
        # ProtectSystem=strict leaves nothing writable but the folder systemd makes, so the journal must be there.
        assert "StateDirectory=esupport" in text
        # In ExecStart: an empty PORTAL_DATA in EnvironmentFile (.env.example has one) wins over Environment=.
        assert "ExecStart=/usr/bin/env PORTAL_ENV=production PORTAL_DATA=/var/lib/esupport /srv/esupport/" in text
        assert "Environment=" not in text.replace("over Environment=.", "")
        assert "StartLimitIntervalSec=0" in text  # else systemd gives up after five quick ends


def test_links_between_documents_lead_somewhere():
    for place in (p for p in PLACES if p.suffix == ".md"):
        for target in re.findall(r"\]\((?!http)([^)#]+)", place.read_text()):
            assert (place.parent / target).exists(), (place.name, target)


def test_settings_named_in_documents_exist():
    known = set(re.findall(r"^#?\s?([A-Z][A-Z_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE))
    for place in (p for p in PLACES if p.name in ("README.md", "operations.md")):
        for name in re.findall(r"`([A-Z][A-Z]+_[A-Z_]+)`", place.read_text()):
            assert name in known or name in {"TEST_DATABASE_URL", "BENCH_DATABASE_URL", "REQUIRE_POSTGRESQL"}, (
                place.name,
                name,
            )


def test_every_test_named_in_the_security_checklist_exists():
    text = (ROOT / "docs" / "security.md").read_text()
    named = re.findall(r"`(tests/[\w/]+\.py)(?:::(\w+))?`", text)
    assert len(named) > 45
    for file, name in named:
        path = ROOT / file
        assert path.exists(), file
        assert not name or f"def {name}(" in path.read_text(), (file, name)
