"""A command with a wrong setting says so in one sentence, not in a traceback (contract.md 1)."""

import os
import subprocess
import sys

import pytest

from config import ROOT


@pytest.mark.parametrize("words", [["portal", "doctor"], ["portal", "import", "-"]], ids=lambda words: words[1])
def test_a_wrong_setting_is_named(tmp_path, words):
    done = subprocess.run(
        [sys.executable, "-m", "flask", "--app", "app", *words],
        cwd=ROOT,
        env={**os.environ, "PORTAL_DATA": str(tmp_path), "DEFAULT_LANGUAGE": "de"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr == "Error: A setting is wrong: DEFAULT_LANGUAGE must be one of en, ru, not 'de'.\n"
