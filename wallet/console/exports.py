"""The command that exports the books: to standard output, or to a file that is there whole or not at all."""

from __future__ import annotations

import csv
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, BinaryIO, Literal

import typer

from wallet.console import documents, tables
from wallet.console.arguments import From, To, terminal
from wallet.console.outcomes import REFUSED, WRONG_USAGE, Failure
from wallet.errors import reason

if TYPE_CHECKING:
    from wallet.exports.events import Choice

Format = Literal["beancount", "hledger", "ledger", "csv", "jsonl", "parquet"]


def export(
    ctx: typer.Context,
    form: Annotated[Format, typer.Option("--format", help="A journal of one of three programs, or rows.")],
    first: From = None,
    last: To = None,
    wallets: Annotated[
        str,
        typer.Option(
            "--wallets",
            metavar="all|none|LIST",
            help="Every wallet by itself, control accounts only, or the wallets named and the rest as one. A LIST has "
            'commas; a reference with one, or called all or none, stands in "quotes".',
        ),
    ] = "all",
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="A new file. Default: standard output.")
    ] = None,
) -> None:
    """Export the journal for other programs to check.

    Every entry dated within the days, what was before as opening balances, and the stored balances at each close to be
    compared: by bean-check, by hledger check --strict, by ledger --pedantic, or by whatever adds up rows.
    """
    from wallet import facade

    desk = terminal(ctx)
    facade.check_format(form)
    if out is None and (desk.as_json or form == "parquet"):
        what = "--json" if desk.as_json else "parquet"
        raise typer.BadParameter(f"{what} needs a file, standard output is taken", param_hint="--out")
    wanted = facade.Export(form, desk.day(first), desk.day(last), _choice(wallets))
    with desk.engine() as engine, facade.reading(engine) as connection, _stream(out) as stream:
        book = facade.load(connection, desk.calendar)
        with desk.progress() as progress:
            done = facade.export(connection, book, wanted, stream, progress)
    if out is not None:
        desk.show({"file": str(out)} | documents.of(done, desk.calendar.zone), tables.facts)


def _choice(text: str) -> Choice:
    if text == "all":
        return "all"
    if text == "none":
        return "none"
    if not (named := next(csv.reader([text]), [])):
        raise typer.BadParameter("names no wallet: say all, none or a list", param_hint="--wallets")
    return named


@contextmanager
def _stream(out: Path | None) -> Iterator[BinaryIO]:
    """Give what the export is written to; a file gets its name once it is whole. Raises: Failure."""
    try:
        if out is None:
            yield sys.stdout.buffer
            sys.stdout.buffer.flush()
        elif out.exists():
            raise FileExistsError
        else:
            with _whole_or_not_at_all(out) as stream:
                yield stream
    except FileExistsError:
        raise Failure(REFUSED, f"{out} exists, nothing is written over it: say another name") from None
    except OSError as error:
        if out is None:  # what is left in the buffer goes nowhere, or the interpreter complains of it in the end
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise Failure(WRONG_USAGE, f"{out or 'standard output'} cannot be written: {reason(error)}") from None


@contextmanager
def _whole_or_not_at_all(out: Path) -> Iterator[BinaryIO]:
    """Give a file beside `out` that becomes `out` in the end. Raises: OSError, FileExistsError."""
    part = out.with_name(f"{out.name}.{os.getpid()}.part")
    try:
        with part.open("wb") as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        os.link(part, out)
    finally:
        part.unlink(missing_ok=True)
