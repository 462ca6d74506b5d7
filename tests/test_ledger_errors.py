"""What the ledger refuses: the drawn tree is the real one, codes are stable, messages are one line of facts."""

from __future__ import annotations

import inspect
from datetime import date

import pytest

from ledger import errors
from ledger.errors import LedgerError
from tests import docstrings

REFUSALS = [
    (errors.NoTransaction(), "no_transaction", {}, "no transaction is open: begin one, the caller owns it"),
    (errors.UnknownHolder("club", 9), "unknown_holder", {"book": "club", "holder_id": 9}, "book club has no holder 9"),
    (
        errors.RequestConflict("r1"),
        "request_conflict",
        {"request_id": "r1"},
        "request r1 was used before with other content",
    ),
    (
        errors.DayClosed(date(2013, 9, 16), date(2013, 9, 18)),
        "day_closed",
        {"value_date": date(2013, 9, 16), "closed_through": date(2013, 9, 18)},
        "2013-09-16 is closed: the books are closed through 2013-09-18",
    ),
    (
        errors.InsufficientBalance(1, "savings", 99, 100),
        "insufficient_balance",
        {"holder_id": 1, "account": "savings", "available": 99, "wanted": 100},
        "holder 1 has 99 in savings, 100 wanted",
    ),
    (errors.UnknownEntry(1, 7), "unknown_entry", {"holder_id": 1, "entry_id": 7}, "holder 1 has no entry 7"),
    (
        errors.AlreadyReversed(1, 7),
        "already_reversed",
        {"holder_id": 1, "entry_id": 7},
        "entry 7 of holder 1 is reversed already, or is a reversal",
    ),
]


@pytest.mark.parametrize(("error", "code", "facts", "message"), REFUSALS, ids=[case[1] for case in REFUSALS])
def test_a_refusal_has_a_code_its_facts_and_a_message(
    error: LedgerError, code: str, facts: dict[str, object], message: str
) -> None:
    assert error.code == code
    assert vars(error) == facts
    assert str(error) == message
    assert not error.retryable


def test_the_tree_is_drawn_as_it_is() -> None:
    classes = [c for _, c in inspect.getmembers(errors, inspect.isclass) if c.__module__ == errors.__name__]
    real = {c.__name__: c.__mro__[1].__name__ if c is not LedgerError else None for c in classes}
    assert docstrings.tree(errors.__doc__) == real
    assert {type(error) for error, *_ in REFUSALS} == set(classes) - {LedgerError}


def test_codes_are_told_apart() -> None:
    codes = [case[1] for case in REFUSALS]
    assert len(set(codes)) == len(codes)
    assert LedgerError.code == "ledger_error"
