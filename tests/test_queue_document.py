"""docs/queue.md names a test for every failure and every fault; the tests must be there."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
DOCUMENT = (ROOT / "docs" / "queue.md").read_text()
TESTS = {
    name
    for file in (ROOT / "tests").rglob("test_*.py")
    for name in re.findall(r"^def (test_\w+)", file.read_text(), re.MULTILINE)
}


def rows(heading):
    """The cells of each row of the table below the heading."""
    section = DOCUMENT.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def named(table):
    return {name for row in table for name in re.findall(r"`(test_\w+)`", row[-1])}


def test_every_failure_of_rq_has_a_test_that_is_there():
    table = rows("What RQ 3 loses or repeats, and why it does not matter")
    assert [row[0] for row in table] == ["a1", "a2", "a3", "a4", "a5", *"bcdefghijk"]
    assert all(re.search(r"`test_\w+`", row[-1]) for row in table)
    assert named(table) - TESTS == set()


def test_every_fault_has_a_test_that_is_there():
    table = rows("Faults and their tests")
    numbers = [int(number) for row in table for number in row[0].split(", ")]
    assert sorted(numbers) == list(range(1, 31))
    assert all(re.search(r"`test_\w+`", row[-1]) for row in table)
    assert named(table) - TESTS == set()
