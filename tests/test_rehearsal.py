"""Days against the simulator: every wrong figure it plants becomes exactly one break, and none else appears."""

from __future__ import annotations

from collections import Counter
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.rehearsal import WALLETS, Rehearsal
from tests.shell import Shell

OPENED_ON = date(2013, 9, 16)
TROUBLE = ("--reject", "0.1", "--partial", "0.2", "--carry", "0.3", "--wrong", "0.8")
CALM = 4
"""Days in the end on which nothing is planted, so that what was planted before has shown; more where files are late."""


def rehearse(url: str, directory: Path, days: int, seed: int, *more: str) -> Rehearsal:
    """Play so many days with trouble, then calm ones."""
    directory.mkdir()
    rehearsal = Rehearsal(Shell(url), directory, OPENED_ON, seed, (*TROUBLE, *more))
    for n in range(days + CALM * (2 if more else 1)):
        if n == days:
            rehearsal.chances = more
        rehearsal.play(OPENED_ON + timedelta(n))
    return rehearsal


def expected(rehearsal: Rehearsal) -> Counter[tuple[str, str, str, str]]:
    """Return the breaks that what was planted must make: kind, subject, ours, theirs.

    The first day is reconciled before there was any statement; a line left out of that one is there with the next.
    """
    unseen = str(OPENED_ON), "bank left out"
    seen = [planted for planted in rehearsal.planted if (planted["day"], planted["what"]) != unseen]
    return Counter(_break_of(rehearsal, planted) for planted in seen)


def found(rehearsal: Rehearsal) -> Counter[tuple[str, str, str, str]]:
    """Return the breaks that there are, as `expected` has them."""
    breaks = rehearsal.do("recon", "breaks", "--state", "all")
    return Counter((each["kind"], _plain(each["subject"]), each["ours"], each["theirs"]) for each in breaks)


def _break_of(rehearsal: Rehearsal, planted: dict[str, Any]) -> tuple[str, str, str, str]:
    what, whose, right, wrong = (planted[key] for key in ("what", "whose", "right", "wrong"))
    day = date.fromisoformat(planted["day"])
    who = ("advancer", *(f"wallet {name}" for name in WALLETS))
    if what in ("shares", "income"):
        name = who[int(whose)]
        return what, f"{name} on {day}" if what == "income" else name, right, wrong
    if what == "clearing":
        return what, f"{whose} of {rehearsal.calendar.next(day)}", right, wrong
    if what == "bank left out":
        return "cash", whose, right, "0.00"
    return "bank_line", whose if right else "statement", right or "0.00", wrong


def _plain(subject: str) -> str:
    return "statement" if subject.startswith("statement") else subject


def _holds(rehearsal: Rehearsal) -> None:
    assert rehearsal.planted, "nothing was planted"
    assert found(rehearsal) == expected(rehearsal)
    ended = rehearsal.shell.run("--json", "verify")
    assert ended.code == 0, ended.err
    replayed = rehearsal.shell.run("--json", "audit", "replay")
    assert replayed.code == 0, replayed.err


def test_what_is_planted_is_found_and_nothing_else(database_url: str, tmp_path: Path) -> None:
    rehearsal = rehearse(database_url, tmp_path / "files", 6, 1)
    _holds(rehearsal)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_late_files_stop_the_day_until_they_come(database_url: str, tmp_path: Path, seed: int) -> None:
    rehearsal = rehearse(database_url, tmp_path / "files", 20, seed, "--late", "2")
    _holds(rehearsal)
    assert any("04 for 2013-09-17 not received" in line for line in rehearsal.blocked)


@pytest.mark.slow
def test_a_year_of_days(database_url: str, tmp_path: Path) -> None:
    rehearsal = rehearse(database_url, tmp_path / "files", 365, 2013)
    _holds(rehearsal)
    assert len(rehearsal.planted) > 200
