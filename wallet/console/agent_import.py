"""The command that takes the transfer agent's files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from wallet.console import documents, tables
from wallet.console.arguments import At, terminal


def ta_import(
    ctx: typer.Context,
    directory: Annotated[
        Path, typer.Option("--dir", metavar="DIR", help="Where the files are.", exists=True, file_okay=False)
    ],
    at: At = None,
) -> None:
    """Take the transfer agent's files.

    Reads 04 and 34 (answers), 05 and 35 (shares), 06 (income), 07 (figures) and 25 (cash), by day and type, each in one
    transaction: whole or not at all, and once however often it is asked for. A file counts when a complete index lists
    it and all that this index lists is there; what waits for that is named and left. A bad file ends the command with 1
    and one line: file, line, field, what was found, what was expected. Nothing of it was taken, nor of those after it;
    those before it stay taken.
    """
    from wallet import facade

    desk = terminal(ctx)
    with desk.work() as work:
        taken = facade.take_directory(work.engine, work.book, directory, desk.instant(at), work.progress)
    desk.show(documents.of(taken, desk.calendar.zone), taken_files)


def taken_files(document: list[dict[str, Any]]) -> list[Any]:
    """Show files as they were taken, with what became of each."""
    rows = [(each["name"], each["kind"], each["date"], f"{each['records']:,}", _state(each)) for each in document]
    return [tables.table("File|Type|Date|>Records|", rows)] if rows else ["There is nothing to take."]


def _state(taken: dict[str, Any]) -> str:
    if taken["waiting"]:
        return f"waiting: {taken['waiting']}"
    return "taken" if taken["new"] else "known"
