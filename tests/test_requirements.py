"""The pinned requirements are what the .in files ask for, with hashes, and the two files agree."""

import importlib.metadata
import re

import pytest
from packaging.requirements import Requirement

from config import ROOT


def _asked(name: str) -> list[Requirement]:
    lines = [line.split("#")[0].strip() for line in (ROOT / name).read_text().splitlines()]
    return [Requirement(line) for line in lines if line and not line.startswith("-")]


def _pinned(name: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for line in (ROOT / name).read_text().replace("\\\n", " ").splitlines():
        if match := re.match(r"([A-Za-z0-9._-]+)(?:\[[^\]]*\])?==(\S+)", line):
            assert "--hash=sha256:" in line, f"{match[1]} has no hash"
            found.setdefault(_plain(match[1]), []).append(match[2])
    return found


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


@pytest.mark.parametrize("name", ["requirements", "requirements-dev"])
def test_everything_asked_for_is_pinned_within_its_bounds(name):
    pinned = _pinned(f"{name}.txt")
    for asked in _asked(f"{name}.in"):
        versions = pinned.get(_plain(asked.name))
        assert versions, f"{asked.name} is in {name}.in and not in {name}.txt: compile it again (README)"
        assert all(asked.specifier.contains(version, prereleases=True) for version in versions), asked


def test_the_two_files_pin_the_same_versions():
    ours, dev = _pinned("requirements.txt"), _pinned("requirements-dev.txt")
    assert {name: dev[name] for name in ours.keys() & dev.keys()} == {
        name: ours[name] for name in ours.keys() & dev.keys()
    }


def test_extras_that_a_package_asks_for_are_locked_as_such():
    """Else pip takes a newer release for the extra than the lock names, and refuses it for want of a hash."""
    lock = "\n".join((ROOT / name).read_text() for name in ("requirements.txt", "requirements-dev.txt"))
    locked = {
        (_plain(name), extra.strip())
        for name, extras in re.findall(r"^([A-Za-z0-9._-]+)\[([^\]]+)\]==", lock, re.MULTILINE)
        for extra in extras.split(",")
    }
    pinned = _pinned("requirements.txt") | _pinned("requirements-dev.txt")
    for name in pinned:
        try:
            asked = importlib.metadata.requires(name) or []
        except importlib.metadata.PackageNotFoundError:
            continue  # another system's
        for one in map(Requirement, asked):
            if one.extras and (one.marker is None or one.marker.evaluate({"extra": ""})):
                missing = {extra for extra in one.extras if (_plain(one.name), _plain(extra)) not in locked}
                assert not missing, f"{name} asks for {one.name}[{','.join(missing)}]: compile with --no-strip-extras"
