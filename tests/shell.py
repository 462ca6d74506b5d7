"""The command line as the tests type it: in this process, or in one of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from io import BytesIO, TextIOWrapper
from pathlib import Path
from typing import Any

import sqlalchemy as sa

import cli
from ledger.schema import metadata

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Ended:
    """How a command ended: its exit code, and what it wrote."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """The JSON document on standard output."""
        return json.loads(self.out)


class Shell:
    """Commands typed for one database, in this process."""

    def __init__(self, url: str) -> None:
        self.url = url

    def run(self, *words: str) -> Ended:
        """Run a command; its words may begin with options of fundwallet itself."""
        out, err = (TextIOWrapper(BytesIO(), encoding="utf-8", newline="\n") for _ in range(2))
        with redirect_stdout(out), redirect_stderr(err):
            code = cli.run(["--db", self.url, *words])
        return Ended(code, *(_written(stream) for stream in (out, err)))

    def do(self, line: str) -> Any:
        """Run a command that must succeed, and return its JSON document."""
        ended = self.run("--json", *line.split())
        assert ended.code == 0, (line, ended.err)
        assert ended.err == "", line
        return ended.document

    def refused(self, *words: str) -> tuple[int, str]:
        """Run a command that must be refused in one line and change nothing; return its code and the line.

        The trail of a book tells of the attempt, and only if it could be read: the code is 1.
        """
        before = dump(self.url)
        ended = self.run(*words)
        assert ended.code != 0, words
        assert ended.out == "", words
        assert ended.err.endswith("\n"), words
        assert len(ended.err.splitlines()) == 1, ended.err
        assert ended.err.startswith("fundwallet: "), words
        after = dump(self.url)
        tried = len(after.pop("trail", ())) - len(before.pop("trail", ()))
        assert tried == 0 if ended.code != 1 else tried <= 2, words
        assert after == before, words
        return ended.code, ended.err.removeprefix("fundwallet: ").rstrip("\n")


def dump(url: str) -> dict[str, list[str]]:
    """Return every row of every table of a database, as text."""
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    with engine.connect() as connection:
        there = sa.inspect(connection)
        found: dict[str, list[str]] = {}
        for table in metadata.sorted_tables:
            if there.has_table(table.name):  # an older one lacks tables and columns
                names = {column["name"] for column in there.get_columns(table.name)}
                rows = connection.execute(sa.select(*(column for column in table.c if column.name in names)))
                found[table.name] = sorted(map(repr, rows))
        return found


def _written(stream: TextIOWrapper) -> str:
    stream.flush()
    assert isinstance(stream.buffer, BytesIO)
    return stream.buffer.getvalue().decode()


def process(*words: str, directory: Path, **environment: str) -> Ended:
    """Run a command in a process of its own, in a directory, without the environment of this one's database."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("FUNDWALLET_")}
    done = subprocess.run(
        [sys.executable, "-c", "import cli; cli.main()", *words],
        cwd=directory,
        env=inherited | {"PYTHONPATH": str(ROOT), "PYTHONUTF8": "1"} | environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        timeout=120,
        check=False,
    )
    return Ended(done.returncode, done.stdout, done.stderr)
