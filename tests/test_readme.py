"""The README is run: its set-up blocks are plain commands, its Python works, its command line succeeds.

The first two `sh` blocks, how to install and how to test, are run by `.ci/run`; here only their form is
checked. Every `fundwallet …`, `mkdir …` and `cd …` line of the later ones is run here, in order, beginning in one empty
directory. A command that is to fail says so in a comment: its exit code, and what its last line ends with.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
WORKED = ("fundwallet ", "mkdir ", "cd ")
FAILING = re.compile(r"# exit code (\d): (.+)$")
FENCED = re.compile(r"^```(\w*)[ \t]*\n(.*?)^```[ \t]*$", re.MULTILINE | re.DOTALL)


def blocks() -> list[tuple[str, list[str]]]:
    """Return the README's fenced blocks in order: each its language and its lines."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    return [(language, body.splitlines()) for language, body in FENCED.findall(readme)]


def run(*arguments: str, directory: Path, code: int = 0, told: str = "") -> None:
    """Run this Python in a directory, the project importable and no database named by the environment.

    It is to end with `code`, and with what is `told` on standard error.
    """
    environment = {name: value for name, value in os.environ.items() if name != "FUNDWALLET_DB"}
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=directory,
        env=environment | {"PYTHONPATH": str(ROOT), "PYTHONUTF8": "1"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == code, f"{arguments} exited with {done.returncode}\n{done.stdout}\n{done.stderr}"
    assert done.stderr.rstrip().endswith(told), done.stderr


def test_the_first_two_blocks_are_plain_commands() -> None:
    first_two = blocks()[:2]
    assert [language for language, _ in first_two] == ["sh", "sh"]
    for _, lines in first_two:
        assert lines
        for line in lines:
            assert re.fullmatch(r"[\w.].*[^\s\\]", line), f"not a plain command: {line!r}"
            assert " #" not in line, f"a comment: {line!r}"
    assert "pytest" in first_two[1][1][-1], "the second block ends with the command that runs the tests"


def test_python_examples_run(tmp_path: Path) -> None:
    examples = [lines for language, lines in blocks() if language == "python"]
    assert examples, "README.md shows no use from Python"
    for number, lines in enumerate(examples):
        directory = tmp_path / str(number)
        directory.mkdir()
        (directory / "example.py").write_text("\n".join(lines) + "\n", encoding="utf-8")
        run("example.py", directory=directory)


def test_command_line_examples_run(tmp_path: Path) -> None:
    shell = [lines for language, lines in blocks() if language == "sh"]
    examples = [line for lines in shell[2:] for line in lines if line.startswith(WORKED)]
    assert examples, "README.md shows no use of the command line"
    directory = tmp_path
    for line in examples:
        command, *arguments = shlex.split(line, comments=True)
        assert not {"|", ">", "<", "&&", ";", "\\"} & set(arguments), f"needs a shell: {line}"
        if command == "mkdir":
            (directory / arguments[-1]).mkdir(parents=True)
        elif command == "cd":
            directory = (directory / arguments[0]).resolve(strict=True)
        else:
            failing = FAILING.search(line)
            code, told = (int(failing[1]), failing[2]) if failing else (0, "")
            run("-c", "import cli; cli.main()", *arguments, directory=directory, code=code, told=told)
