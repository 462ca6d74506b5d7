"""What docstrings promise, read by the tests: the refusals of a function in order, the tree of a module's errors."""

from __future__ import annotations

import re
from collections.abc import Iterator

CAMEL_CASE = re.compile(r"\b(?:[A-Z][a-z]+){2,}\b")
NEXT_SECTION = re.compile(r"\n\s*\n|\b(?:Shape|Units|Source):")
DEPTH = 4  # characters that a level of a tree is indented by


def refusals(docstring: str | None) -> list[str]:
    """Return the names under "Raises", in their order; none if the docstring promises no refusal."""
    _, _, text = (docstring or "").partition("Raises:")
    return CAMEL_CASE.findall(NEXT_SECTION.split(text)[0])


def tree(docstring: str | None) -> dict[str, str | None]:
    """Return the classes of a drawn tree, each with its parent (None for the root), in the order of the drawing.

    A line may name several classes; a line without a branch goes on with the names of the line above it.
    """
    parents: dict[str, str | None] = {}
    above: list[str | None] = [None]
    for names, depth, branch in _tree_lines(docstring or ""):
        if branch or depth == 0:
            above = [*above[: depth + 1], names[0]]
        for name in names:
            assert name not in parents, f"{name} is drawn twice"
            parents[name] = above[depth]
    return parents


def _tree_lines(docstring: str) -> Iterator[tuple[list[str], int, bool]]:
    """Yield the names of each line of a drawing, how deep they stand, and whether a branch leads to them."""
    drawing = docstring.split("\n\n")[1]
    for line in drawing.splitlines():
        stem = re.match(r"[│├└─ ]*", line)
        assert stem
        names = re.match(r"[A-Z]\w+(?:, [A-Z]\w+)*", line[stem.end() :])
        if names:
            yield names[0].split(", "), stem.end() // DEPTH, "─" in stem[0]
