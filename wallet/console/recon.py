"""The commands about breaks: what books and outside records differ in, and what a clerk says of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from wallet.console import documents
from wallet.console.arguments import PLAIN, At, terminal
from wallet.console.tables import answer, shown, table, words

if TYPE_CHECKING:
    from datetime import tzinfo

    from sqlalchemy import Connection

    from wallet.facade import Break, BreakEvent, Fund

recon = typer.Typer(help="Hold the books against outside records; see breaks.", **PLAIN)

Number = Annotated[int, typer.Argument(metavar="ID", help="The break's number.")]


@recon.command("run")
def recon_run(
    ctx: typer.Context,
    date: Annotated[
        str | None, typer.Option("--date", metavar="DATE", help="A reconciled day. Default: the last one.")
    ] = None,
    at: At = None,
) -> None:
    """Reconcile again, and show the outcome.

    `day run` reconciles each day once. Here the last one is compared anew, with what has come in since, as long as no
    later day is closed; of any other day what was found is shown. What differs as before changes nothing.
    """
    from wallet import facade

    desk = terminal(ctx)
    day, now = desk.day(date), desk.instant(at)
    with desk.work() as work:
        found = facade.reconcile(work.engine, work.book, day, now)
    desk.show(documents.of(found, desk.calendar.zone), _outcome)


@recon.command("breaks")
def recon_breaks(
    ctx: typer.Context,
    state: Annotated[
        Literal["open", "explained", "resolved", "all"] | None,
        typer.Option("--state", help="Only those that stand so. Default: all that are not resolved."),
    ] = None,
    kind: Annotated[str | None, typer.Option("--kind", metavar="KIND", help="Only those of a kind, like cash.")] = None,
) -> None:
    """List breaks.

    What differs, whose, ours, theirs, since when, and how each stands. Lasting kinds are shares, in_transit, redeeming,
    advance and cash; of a single day are bank_line, income, income_total and clearing. An open break above the
    tolerance keeps the next day from closing.
    """
    from wallet import facade

    if kind is not None and kind not in facade.BREAK_KINDS:
        raise typer.BadParameter(f"it is one of {', '.join(facade.BREAK_KINDS)}", param_hint="--kind")
    states = facade.BREAK_STATES if state == "all" else (state,) if state else ("open", "explained")

    def find(connection: Connection, book: Fund) -> list[Break]:
        return facade.find_breaks(connection, book, states, kind)

    terminal(ctx).read(find, _breaks)


@recon.command("show")
def recon_show(ctx: typer.Context, number: Number) -> None:
    """Show a break and all that became of it."""
    from wallet import facade

    def find(connection: Connection, book: Fund) -> tuple[Break, list[BreakEvent]]:
        return facade.find_break(connection, book, number), facade.break_history(connection, number)

    terminal(ctx).read(find, _history, _with_events)


@recon.command("explain")
def recon_explain(
    ctx: typer.Context,
    number: Number,
    note: Annotated[str, typer.Option("--note", metavar="TEXT", help="Why it differs, and what is done about it.")],
    at: At = None,
) -> None:
    """Say why a break is there.

    An explained break lets the next day close. Where its difference changes later, it is open again.
    """
    from wallet import facade

    desk = terminal(ctx)
    desk.write(
        lambda connection, book: facade.explain_break(connection, book, number, desk.user, desk.instant(at), note),
        answer,
    )


@recon.command("resolve")
def recon_resolve(
    ctx: typer.Context,
    number: Number,
    note: Annotated[str | None, typer.Option("--note", metavar="TEXT", help="What was done about it.")] = None,
    at: At = None,
) -> None:
    """Resolve a break of a single day, once it is dealt with.

    A break of a lasting kind cannot be resolved by hand: the reconciliation of a day on which it no longer differs
    resolves it, and until then it can be explained. What is resolved stays so: if it differs again, that is a new one.
    """
    from wallet import facade

    desk = terminal(ctx)
    desk.write(
        lambda connection, book: facade.resolve_break(connection, book, number, desk.user, desk.instant(at), note),
        answer,
    )


def _with_events(told: tuple[Break, list[BreakEvent]], zone: tzinfo) -> documents.Document:
    """Return the document of a break with its events."""
    found, events = told
    document: documents.Document = documents.of(found, zone)
    return document | {"events": documents.of(events, zone)}


def _outcome(document: documents.Document) -> list[Any]:
    heading = f"Reconciliation of {shown(document['date'])}"
    return [heading, "", *_breaks(document["breaks"])] if document["breaks"] else [f"{heading}: no breaks"]


def _breaks(document: Sequence[documents.Document]) -> list[Any]:
    rows = [
        (
            str(each["number"]),
            words(each["kind"]),
            each["subject"],
            each["since"],
            *(shown(each[figure]) for figure in ("ours", "theirs", "difference")),
            each["unit"],
            each["state"],
            each["operator"],
            each["note"] or "",
        )
        for each in document
    ]
    return [table(">Number|Kind|Subject|Since|>Ours|>Theirs|>Difference|Unit|State|By|Note", rows)]


def _history(document: documents.Document) -> list[Any]:
    rows = [
        (
            event["date"],
            event["state"],
            shown(event["ours"]),
            shown(event["theirs"]),
            event["at"][:19].replace("T", " "),
            event["operator"],
            event["note"] or "",
        )
        for event in document["events"]
    ]
    told = {key: value for key, value in document.items() if key not in ("events", "operator", "note")}
    return [*answer(told), "", table("Date|State|>Ours|>Theirs|At|By|Note", rows)]
