"""How commands end: the exit codes, and every error that is no defect as a code and one line."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import typer

from calendars import BadCalendarFile, CalendarError
from wallet.errors import FundwalletError, InvalidRequest, SchemaMismatch

DONE = 0
REFUSED = 1
WRONG_USAGE = 2
BLOCKED = 3
CHECK_FAILED = 8
UNUSABLE = 9
INTERRUPTED = 130

# Wrong usage has one class in every version of typer, and no public name.
USAGE: Any = typer.BadParameter.__mro__[1]
BEFORE_THE_COMMAND = ("--db", "--json", "--calendar", "--operator")


class Failure(Exception):
    """The command ends with `code`, and says why in one line."""

    def __init__(self, code: int, message: str) -> None:
        self.code = code
        super().__init__(message)


def expect_all(document: Any) -> None:
    """Raise: Failure, if one of the `checks` of a document failed."""
    checks = document["checks"]
    if failed := [check["name"] for check in checks if not check["ok"]]:
        raise Failure(CHECK_FAILED, f"{len(failed)} of {len(checks)} checks failed: {', '.join(failed)}")


def from_the_command(arguments: Sequence[str]) -> tuple[str, ...]:
    """Return a command line from its command on: what stands before it may hold a password."""
    words = list(arguments)
    while words and words[0].startswith("-"):
        takes_value = words[0] in BEFORE_THE_COMMAND and words[0] != "--json"
        del words[: 1 + takes_value]
    return tuple(words)


def explain(error: Exception) -> tuple[int, str] | None:
    """Return the exit code and the line for an error; None for a defect, which deserves its traceback."""
    match error:
        case Failure(code=found):
            code = found
        case InvalidRequest() | BadCalendarFile():
            code = WRONG_USAGE
        case SchemaMismatch():
            code = UNUSABLE
        case FundwalletError(code="proof_failed" | "seals_broken"):
            code = CHECK_FAILED
        case FundwalletError() | CalendarError():
            code = REFUSED
        case UnicodeEncodeError():
            return WRONG_USAGE, "an argument or a name in the environment is no text"
        case _:
            return (WRONG_USAGE, one_line(_usage(error))) if isinstance(error, USAGE) else None
    return code, one_line(str(error))


def one_line(text: str) -> str:
    """Return text with everything that could break or overwrite a line written as an escape."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def _usage(error: Any) -> str:
    option = getattr(error, "option_name", None)
    if option in BEFORE_THE_COMMAND:
        return f"{option} stands before the command"
    told = error.message if option else error.format_message()
    message = " ".join(told.split()).removesuffix(".")
    return f"{message}; see `{error.ctx.command_path if error.ctx else 'fundwallet'} --help`"
