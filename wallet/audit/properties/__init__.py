"""The properties of a book: each test is one thing that is always true. Run: `pytest --pyargs wallet.audit --book URL`.

They read rows, recompute them from postings, figures, terms and calendar by `wallet.audit.model`, and import nothing
of the product. A test that fails names the places.
"""

from __future__ import annotations

from collections.abc import Iterable

SHOWN = 10


def none_of(problems: Iterable[str]) -> None:
    """Fail if there is a problem, and name the first ones."""
    found = list(problems)
    more = [f"and {len(found) - SHOWN} more"] if len(found) > SHOWN else []
    assert not found, "\n".join([*found[:SHOWN], *more])
