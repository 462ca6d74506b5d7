"""The command that plays transfer agent, fund and bank: `ta simulate`. It needs no database."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from wallet.console import tables
from wallet.console.arguments import terminal
from wallet.console.outcomes import WRONG_USAGE, Failure
from wallet.errors import reason


def _chance(name: str, of_what: str) -> Any:
    return typer.Option(name, metavar="P", min=0, max=1, help=f"The chance, from 0 to 1, {of_what}.")


def simulate(
    ctx: typer.Context,
    directory: Annotated[
        Path, typer.Option("--dir", metavar="DIR", help="Where files are exchanged.", exists=True, file_okay=False)
    ],
    seed: Annotated[int, typer.Option("--seed", metavar="N", help="The same seed makes the same files.")],
    day: Annotated[
        str | None, typer.Option("--date", metavar="DATE", help="The day to play. Default: the one after the last.")
    ] = None,
    fund: Annotated[str, typer.Option("--fund", metavar="CODE", help="The fund's code.")] = "000198",
    reject: Annotated[float, _chance("--reject", "that an application is rejected")] = 0,
    partial: Annotated[float, _chance("--partial", "that one is confirmed in part only")] = 0,
    carry: Annotated[float, _chance("--carry", "that the rest of a redemption is carried over")] = 0,
    late: Annotated[
        int, typer.Option("--late", metavar="DAYS", min=0, max=366, help="Days by which the files come late.")
    ] = 0,
    wrong: Annotated[float, _chance("--wrong", "that a day has one wrong figure")] = 0,
) -> None:
    """Play transfer agent, fund and bank for a day, for a rehearsal.

    Reads what was exported into DIR for the day, and writes the answers beside it: confirmations, shares, income,
    figures, cash clearing, the bank's statement. The register it keeps is its own. Days are played one after the other;
    one that was played stays as it is. What was made wrong on purpose is listed in DIR/planted.jsonl. No database is
    needed.
    """
    from wallet.simulator.answers import Chances
    from wallet.simulator.play import Plan, simulate

    desk = terminal(ctx)
    plan = Plan(seed, fund, Chances(reject, partial, carry), wrong, late)
    try:
        document = simulate(directory, desk.calendar, plan, desk.day(day))
    except OSError as error:
        raise Failure(WRONG_USAGE, f"{error.filename or directory} cannot be used: {reason(error)}") from None
    desk.show(document, shown)


def shown(document: dict[str, Any]) -> list[Any]:
    """Show what came of a day: its figures, then its files, then what was planted."""
    parts = tables.facts({key: value for key, value in document.items() if not isinstance(value, list)})
    parts += [f"Note: {note}" for note in document["notes"]]
    parts += ["", tables.table("Files", [(name,) for name in document["files"]])]
    if document["planted"]:
        rows = [
            [each["what"], each["whose"], tables.shown(each["right"]), tables.shown(each["wrong"])]
            for each in document["planted"]
        ]
        parts += ["", tables.table("Planted|Whose|>Right|>Wrong", rows)]
    return parts
