"""The commands for the bank: its statements in, what it is to do out, what is open, what became of each line."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from wallet.console import tables
from wallet.console.arguments import PLAIN, From, To, terminal
from wallet.console.outcomes import one_line

if TYPE_CHECKING:
    from wallet.console.documents import Document

bank = typer.Typer(help="Take the bank's statements; see what is open.", **PLAIN)


@bank.command("import")
def bank_import(
    ctx: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A statement in camt.053, or in a file .csv.")],
) -> None:
    """Take a statement.

    It is taken whole or not at all, and once: given again it changes nothing. Its balances must agree with its lines,
    and no other statement may cover its days. The columns of a CSV file are day, amount, reference, counterparty and
    text; its first row has the reference OPENING, its last one CLOSING, each with the day and the balance. The lines
    are matched when their day is reconciled.
    """
    from wallet.outside import bank

    desk = terminal(ctx)
    desk.write(lambda connection, book: bank.take(connection, book, file, desk.instant(None)), tables.facts)


@bank.command("export")
def bank_export(
    ctx: typer.Context,
    day: Annotated[str, typer.Option("--day", metavar="DATE", help="A closed day.")],
    directory: Annotated[Path, typer.Option("--dir", metavar="DIR", help="Where the file is to stand.")],
) -> None:
    """Write what the bank is to do.

    Every movement of cash that was booked on the day, with the reference that its line is expected to bear, as CSV. The
    day must be closed; the file is there whole or not at all, and the same when it is written again.
    """
    from wallet import facade
    from wallet.outside import items

    wanted = facade.parse_day(day)
    terminal(ctx).read(lambda connection, book: items.export(connection, book, wanted, directory), tables.facts)


@bank.command("items")
def bank_items(
    ctx: typer.Context,
    on: Annotated[
        str | None, typer.Option("--on", metavar="DATE", help="As of the end of this day. Default: as of now.")
    ] = None,
) -> None:
    """List what no statement has told yet.

    Open items: cash that was booked, with the day, the amount and the reference that the bank's line is expected to
    bear. Positive is what comes in.
    """
    from wallet.outside import bank

    as_of = terminal(ctx).day(on)

    def shown(document: list[Document]) -> list[tables.Part]:
        keys = ("date", "reference", "amount", "what", "wallet", "memo")
        return [_table("Date|Reference|>Amount|What|Wallet|Memo", keys, document)]

    terminal(ctx).read(lambda connection, book: bank.open_items(connection, book, as_of), shown)


@bank.command("lines")
def bank_lines(ctx: typer.Context, first: From = None, last: To = None) -> None:
    """List the lines of statements.

    With what each was matched to when its day was reconciled, and what went to the suspense account, by which entry.
    """
    from wallet.outside import bank

    days = terminal(ctx).day(first), terminal(ctx).day(last)

    def shown(document: list[Document]) -> list[tables.Part]:
        keys = ("date", "statement", "line", "amount", "reference", "item", "matched", "suspense", "entry", "text")
        headings = "Date|Statement|>Line|>Amount|Reference|Item|>Matched|>Suspense|>Entry|Text"
        return [_table(headings, keys, document)]

    terminal(ctx).read(lambda connection, book: bank.lines(connection, book, *days), shown)


def _table(headings: str, keys: tuple[str, ...], document: list[Document]) -> tables.Part:
    plain = {"reference", "wallet", "memo", "statement", "line", "item", "entry", "text"}
    rows = (
        [
            "" if row[key] is None else one_line(str(row[key])) if key in plain else tables.shown(row[key])
            for key in keys
        ]
        for row in document
    )
    return tables.table(headings, rows)
