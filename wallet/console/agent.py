"""The commands that exchange files with the transfer agent: connect, send, and see what was sent and received."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from wallet.console import documents, tables
from wallet.console.arguments import PLAIN, At, From, To, terminal
from wallet.console.outcomes import WRONG_USAGE, Failure
from wallet.errors import reason

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import Connection

    from wallet.facade import Fund, KnownFile, Link

ta = typer.Typer(help="Exchange files with the transfer agent.", **PLAIN)

Directory = Annotated[Path, typer.Option("--dir", metavar="DIR", help="The directory that both sides share.")]


@ta.command("connect")
def connect(
    ctx: typer.Context,
    first: Annotated[str, typer.Option("--from", metavar="DATE", help="The first trade date that is sent in files.")],
    distributor: Annotated[str, typer.Option("--distributor", metavar="CODE", help="Our code.")] = "WALLET",
    agent: Annotated[str, typer.Option("--transfer-agent", metavar="CODE", help="The transfer agent's code.")] = "TA",
    tolerance: Annotated[
        str, typer.Option("--tolerance", metavar="AMOUNT", help="Up to it a break lets the next day close.")
    ] = "0.00",
) -> None:
    """Work with a transfer agent's files from a trade date on.

    Before that date a day stands alone: it is confirmed in full, and nothing is compared. Given again for a later date,
    other codes or another tolerance hold from then on.
    """
    from wallet import facade

    link = facade.Link(facade.parse_day(first), distributor, agent, facade.parse_amount(tolerance, least=0))

    def write(connection: Connection, book: Fund) -> tuple[Link, bool]:
        return link, facade.connect_agent(connection, book, link)

    terminal(ctx).write(write, tables.facts, documents.connected)


@ta.command("export")
def export(
    ctx: typer.Context,
    directory: Directory,
    trade_date: Annotated[
        str | None, typer.Option("--date", metavar="DATE", help="The trade date whose applications are sent.")
    ] = None,
    quick: Annotated[bool, typer.Option("--quick", help="Send the quick transfers of a calendar day instead.")] = False,
    day: Annotated[str | None, typer.Option("--day", metavar="DATE", help="That day; it must be closed.")] = None,
    at: At = None,
) -> None:
    """Send applications to the transfer agent.

    With --date, once the cutoff of the trade date is booked: file 03 with purchases, redemptions and the advancer's
    redemption. With --quick --day: file 33 with the shares that passed to the advancer that day. The index comes last.
    Asked again, the same bytes are written; a file that holds anything else is left as it is.
    """
    from wallet import facade

    if (trade_date is None, quick, day is None) not in ((False, False, True), (True, True, False)):
        raise typer.BadParameter("say one of them", param_hint="--date DATE | --quick --day DATE")
    desk = terminal(ctx)
    kind, wanted = ("33", day) if quick else ("03", trade_date)
    about, now = facade.parse_day(wanted or ""), desk.instant(at)

    with desk.engine() as engine:
        with facade.reading(engine) as connection:
            book = facade.load(connection, desk.calendar)

        def noted(work: Callable[[Connection], bool]) -> Callable[[Connection], bool]:
            return desk.noted(lambda connection: (book, work(connection)))

        try:
            with desk.refusals(engine):
                sent = facade.send_file(engine, book, kind, about, directory, now, noted)
        except OSError as error:
            raise Failure(WRONG_USAGE, f"{directory} cannot be written: {reason(error)}") from None
    desk.show(documents.of(sent, desk.calendar.zone), tables.facts)


@ta.command("files")
def files(ctx: typer.Context, first: From = None, last: To = None) -> None:
    """List the files that were sent and received."""
    from wallet import facade

    days = terminal(ctx).day(first), terminal(ctx).day(last)

    def find(connection: Connection, book: Fund) -> list[KnownFile]:
        return facade.list_files(connection, book, *days)

    terminal(ctx).read(find, tables.files, documents.files)
