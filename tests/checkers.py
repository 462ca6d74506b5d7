"""The programs that exports are made for, run on a file: beancount from the test extra, the others from the system.

Where one is not installed the test is skipped, but fails with `CI` set: there, nothing may go unchecked in silence.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import IN_CI

COMMANDS = {
    "beancount": [sys.executable, "-m", "beancount.scripts.check"],
    "hledger": ["hledger", "check", "--strict", "ordereddates", "-f"],
    "ledger": ["ledger", "balance", "--pedantic", "-f"],
}


def complaints(program: str, file: Path) -> str:
    """Return what a program says against a file, nothing when it accepts it."""
    done = run([*COMMANDS[program], str(file)])
    said = done.stderr + (done.stdout if program == "beancount" else "")
    assert bool(done.returncode) == bool(said.strip()), done
    return said


def run(command: list[str]) -> subprocess.CompletedProcess[str]:
    """Run a program that the test needs."""
    if shutil.which(command[0]) is None:
        missing = f"{command[0]} is not installed: apt-get install hledger ledger"
        if IN_CI:
            pytest.fail(missing)
        pytest.skip(missing)
    environment = os.environ | {"LC_ALL": "C.UTF-8"}
    return subprocess.run(
        command, env=environment, capture_output=True, encoding="utf-8", stdin=subprocess.DEVNULL, check=False
    )
