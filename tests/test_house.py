"""The style of the house, kept by tests: sizes, names, imports, purity, documentation, one writer per table.

A limit here is a decision. Whoever has to pass one first looks for what can be left out or moved; raising the
number is the last choice, and a line in DECISIONS.md.
"""

from __future__ import annotations

import ast
import importlib
import io
import re
import subprocess
import sys
import tokenize
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import sqlalchemy as sa
import typer.main

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("wallet", "ledger", "calendars")
TERMINAL = "wallet.console"  # where the command line goes when it outgrows its module

MODULE_LINES = 400
FUNCTION_LINES = 45  # from the first statement to the last, docstring and signature left out
CODE_LINES = 17_000  # of the whole product: blank lines, comments and docstrings left out

NAMES_THAT_SAY_NOTHING = {"utils", "util", "helpers", "helper", "common", "manager", "base", "core", "misc"}

# A table has one writing module. These have more: the ledger writes its journal entry by entry and in bulk.
SEVERAL_WRITERS = {
    "balance": {"ledger.balances", "ledger.bulk", "ledger.journal"},
    "journal_entry": {"ledger.bulk", "ledger.journal"},
    "posting": {"ledger.bulk", "ledger.journal"},
}


@dataclass(frozen=True)
class Module:
    """One Python file of the product, by its path in the checkout."""

    path: Path

    @cached_property
    def name(self) -> str:
        parts = self.path.relative_to(ROOT).with_suffix("").parts
        return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)

    @cached_property
    def text(self) -> str:
        return self.path.read_text(encoding="utf-8")

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.text, filename=str(self.path))

    @property
    def code_lines(self) -> int:
        """Count the lines that hold code."""
        silent = (tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER)
        tokens = tokenize.generate_tokens(io.StringIO(self.text).readline)
        held = {n for t in tokens if t.type not in silent for n in range(t.start[0], t.end[0] + 1)}
        for node in ast.walk(self.tree):
            for said in getattr(node, "body", []) if isinstance(getattr(node, "body", None), list) else []:
                if isinstance(said, ast.Expr) and isinstance(said.value, ast.Constant):
                    held -= set(range(said.lineno, (said.end_lineno or said.lineno) + 1))
        return len(held)

    @property
    def is_terminal(self) -> bool:
        return self.name == "cli" or self.name == TERMINAL or self.name.startswith(TERMINAL + ".")

    def where(self, node: ast.expr | ast.stmt) -> str:
        return f"{self.path.relative_to(ROOT)}:{node.lineno}"


def product() -> list[Module]:
    """Find every module of the product; a package without modules is a mistake of this test's paths."""
    files = [ROOT / "cli.py"]
    for package in PACKAGES:
        found = sorted((ROOT / package).rglob("*.py"))
        assert found, f"no modules under {package}"
        files += found
    return [Module(path) for path in files]


def committed() -> list[Path]:
    """List the files that are, or would be, committed."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode != 0:
        pytest.skip("not a git checkout")
    return [ROOT / name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()]


# Sizes and names


def test_modules_are_short() -> None:
    long = {m.name: n for m in product() if (n := len(m.text.splitlines())) > MODULE_LINES}
    assert not long, f"over {MODULE_LINES} lines: {long}"


def test_functions_fit_on_a_screen() -> None:
    long: dict[str, int] = {}
    for module in product():
        for node in ast.walk(module.tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                body = node.body[1:] if ast.get_docstring(node, clean=False) is not None else node.body
                lines = (body[-1].end_lineno or 0) - body[0].lineno + 1 if body else 0
                if lines > FUNCTION_LINES:
                    long[f"{module.where(node)} {node.name}"] = lines
    assert not long, f"over {FUNCTION_LINES} lines: {long}"


def test_the_product_stays_small() -> None:
    lines = sum(m.code_lines for m in product())
    assert 0 < lines <= CODE_LINES, f"{lines} lines, {CODE_LINES} allowed"


def test_no_module_has_a_name_that_says_nothing() -> None:
    paths = [path.relative_to(ROOT) for path in committed() if path.suffix == ".py"]
    vague = [str(p) for p in paths if NAMES_THAT_SAY_NOTHING & {*p.parts[:-1], p.stem.strip("_")}]
    assert not vague


# Imports and purity


def test_import_contracts() -> None:
    check = "import sys; from importlinter.cli import lint_imports; sys.exit(lint_imports(no_cache=True))"
    done = subprocess.run(
        [sys.executable, "-c", check], cwd=ROOT, capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stdout + done.stderr


CLOCK = {"now", "utcnow", "today", "current_timestamp", "current_date", "localtime", "gmtime", "time_ns"}
CHANCE = {"uuid1", "uuid4", "token_hex", "token_urlsafe"}


def asks_outside(node: ast.AST) -> str | None:
    """Tell what a call asks of the world beyond its arguments: the screen, the clock, chance, the log."""
    match node:
        case ast.Call(func=ast.Name(id="print" | "input" as name)):
            return name
        case ast.Call(func=ast.Attribute(value=ast.Name(id="time"), attr="time")):
            return "time.time"
        case ast.Call(func=ast.Attribute(attr=name)) if name in CLOCK | CHANCE | {"basicConfig"}:
            return name
        case ast.ImportFrom(module="time" | "uuid" | "secrets", names=names):
            taken = {alias.name for alias in names} & (CLOCK | CHANCE | {"time"})
            return ", ".join(sorted(taken)) or None
    return None


def test_nothing_inside_prints_or_asks_the_clock() -> None:
    asked = [
        f"{module.where(node)}: {what}"
        for module in product()
        if not module.is_terminal
        for node in ast.walk(module.tree)
        if isinstance(node, ast.expr | ast.stmt) and (what := asks_outside(node))
    ]
    assert not asked, "\n".join(asked)


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("print('x')", "print"),
        ("datetime.now(UTC)", "now"),
        ("datetime.datetime.now()", "now"),
        ("date.today()", "today"),
        ("pendulum.now('UTC')", "now"),
        ("sa.func.now()", "now"),
        ("time.time()", "time.time"),
        ("from time import time", "time"),
        ("uuid.uuid4()", "uuid4"),
        ("time.sleep(1)", None),
        ("calendar.next(day)", None),
    ],
)
def test_what_counts_as_asking(source: str, found: str | None) -> None:
    asked = [what for node in ast.walk(ast.parse(source)) if (what := asks_outside(node))]
    assert asked == ([found] if found else [])


# Documentation


def public_definitions(module: Module) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef]:
    for node in module.tree.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) and node.name[0] != "_":
            yield node


def test_everything_public_has_a_docstring() -> None:
    bare = [m.name for m in product() if m.tree.body and not ast.get_docstring(m.tree)]
    bare += [
        f"{module.where(node)} {node.name}"
        for module in product()
        for node in public_definitions(module)
        if not ast.get_docstring(node)
    ]
    assert not bare, "\n".join(bare)


def test_packages_say_that_they_are_typed() -> None:
    assert [p for p in PACKAGES if not (ROOT / p / "py.typed").is_file()] == []


def commands() -> list[str]:
    """List the command line's commands as they are typed, such as "wallet open"."""
    pending: list[tuple[str, Any]] = [("", typer.main.get_command(importlib.import_module("cli").app))]
    found = []
    while pending:
        words, command = pending.pop()
        below = getattr(command, "commands", {})
        pending += [(f"{words} {name}".strip(), c) for name, c in below.items() if not c.hidden]
        if not below:
            found.append(words)
    return sorted(found)


def test_every_command_stands_in_the_readme() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    plain = re.sub(r"(?<=fundwallet)(?: --json| --db \S+)+", "", readme)
    missing = [words for words in commands() if not re.search(rf"(?:fundwallet |`){words}\b(?!-)", plain)]
    assert not missing, f"commands that README.md does not show: {missing}"


# Where a file lies on the machine of whoever wrote it; no reader of the project has these directories.
SOMEBODYS_PATH = re.compile(r"(?<![\w.:/*-])/?(?:home|root|Users|work|shared|mnt|tmp)/\w")


def test_no_committed_file_names_a_path_on_somebodys_machine() -> None:
    named = []
    for path in committed():
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
        found = SOMEBODYS_PATH.finditer(text)
        named += [f"{path.relative_to(ROOT)}: {text[m.start() :][:40]!r}" for m in found]
    assert not named, "\n".join(named)


# One writer per table

WRITES = {"insert", "update", "delete"}
SQL_WRITE = re.compile(
    r"\b(?:INSERT\s+(?:OR\s+\w+\s+)?INTO|REPLACE\s+INTO|UPDATE|DELETE\s+FROM)\s+(?:ONLY\s+)?\"?(\w+)", re.IGNORECASE
)


def namespace(module: Module) -> dict[str, object]:
    """What the names in a module stand for: its own, and those imported inside its functions."""
    names: dict[str, object] = {}
    for node in ast.walk(module.tree):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] in PACKAGES:
            origin = importlib.import_module(node.module)
            names |= {a.asname or a.name: getattr(origin, a.name, None) for a in node.names}
    return names | vars(importlib.import_module(module.name))


def table_named(node: ast.expr, names: Mapping[str, object]) -> set[str]:
    """The table that an expression such as `posting` or `schema.posting` stands for, if it is one."""
    match node:
        case ast.Name(id=name):
            thing = names.get(name)
        case ast.Attribute(value=ast.Name(id=holder), attr=name):
            thing = getattr(names.get(holder), name, None)
        case _:
            return set()
    return {thing.name} if isinstance(thing, sa.Table) else set()


def tables_written(tree: ast.Module, names: Mapping[str, object], tables: set[str]) -> set[str]:
    """The tables inserted into, updated or deleted from: by expression, by table method, or in SQL text."""
    written: set[str] = set()
    prose = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Name(id=verb), args=[target, *_]) if verb.rpartition("_")[2] in WRITES:
                written |= table_named(target, names)
            case ast.Call(func=ast.Attribute(value=receiver, attr=verb), args=arguments) if verb in WRITES:
                written |= table_named(receiver, names)
                written |= table_named(arguments[0], names) if arguments else set()
            case ast.Constant(value=str(text)) if id(node) not in prose:
                written |= {match[1] for match in SQL_WRITE.finditer(text)} & tables
    return written


def test_each_table_has_one_writing_module() -> None:
    modules = [module for module in product() if module.name != "cli"]
    names = {module.name: namespace(module) for module in modules}
    writers: dict[str, set[str]] = {
        thing.name: set() for known in names.values() for thing in known.values() if isinstance(thing, sa.Table)
    }
    assert writers, "no tables found"
    for module in modules:
        for table in tables_written(module.tree, names[module.name], set(writers)):
            writers[table].add(module.name)
    several = {table: found for table, found in writers.items() if len(found) != 1}
    assert several == SEVERAL_WRITERS


@pytest.mark.parametrize(
    ("source", "written"),
    [
        ("sa.insert(posting)", "posting"),
        ("pg_insert(posting).on_conflict_do_nothing()", "posting"),
        ("postgresql.insert(posting)", "posting"),
        ("posting.update().values(amount=1)", "posting"),
        ("sa.delete(schema.posting)", "posting"),
        ("sql = 'INSERT OR REPLACE INTO posting VALUES (1)'", "posting"),
        ("sql = f'update posting set amount = {n}'", "posting"),
        ("sa.insert(other).from_select(['a'], sa.select(posting))", "other"),
        ("'UPDATE posting, said in a docstring'", None),
        ("counts.update(amounts)", None),
        ("digest.update(unknown)", None),
        ("sql = 'CREATE TRIGGER t BEFORE UPDATE ON posting'", None),
    ],
)
def test_what_counts_as_writing(source: str, written: str | None) -> None:
    tables = {name: sa.Table(name, sa.MetaData()) for name in ("posting", "other")}
    names = {**tables, "schema": SimpleNamespace(**tables), "counts": {}}
    assert tables_written(ast.parse(source), names, set(tables)) == ({written} if written else set())
