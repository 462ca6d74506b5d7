"""The commands of two words: wallet, day, report, calendar."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from wallet.console import documents, tables
from wallet.console.arguments import PLAIN, At, Date, From, Instant, On, To, Wallet, terminal
from wallet.console.outcomes import BLOCKED, CHECK_FAILED, Failure

wallet = typer.Typer(help="Open wallets and look into them.", **PLAIN)
day = typer.Typer(help="Run the steps of the day, and see how far they are.", **PLAIN)
report = typer.Typer(help="Report a day, the trial balance, the yields.", **PLAIN)
calendar = typer.Typer(help="Ask the trading calendar; no database is needed.", **PLAIN)


@wallet.command("open")
def wallet_open(ctx: typer.Context, reference: Wallet, at: At = None) -> None:
    """Open a wallet.

    WALLET is the reference that the host system has for its customer; every other command names the wallet by it.
    """
    from wallet import facade

    request = facade.Opening(wallet=reference, at=terminal(ctx).instant(at))
    terminal(ctx).write(
        lambda connection, book: (request, facade.open_wallet(connection, book, request), book.code),
        tables.facts,
        documents.opening,
    )


@wallet.command("show")
def wallet_show(ctx: typer.Context, reference: Wallet, on: On = None) -> None:
    """Show what a wallet holds, and its income."""
    from wallet import facade

    as_of = terminal(ctx).day(on)
    terminal(ctx).read(lambda connection, book: facade.show_wallet(connection, book, reference, as_of), tables.facts)


@wallet.command("statement")
def wallet_statement(ctx: typer.Context, reference: Wallet, first: From = None, last: To = None) -> None:
    """List the movements of a wallet.

    Every one of them, between an opening and a closing balance.
    """
    from wallet import facade

    days = terminal(ctx).day(first), terminal(ctx).day(last)
    terminal(ctx).read(lambda connection, book: facade.statement(connection, book, reference, *days), tables.statement)


@day.command("status")
def day_status(ctx: typer.Context, at: At = None) -> None:
    """Show how far the days are.

    From the last day that was proved to the last one begun, with the step that is next and what blocks.
    """
    from wallet import facade

    now = terminal(ctx).instant(at)
    terminal(ctx).read(lambda connection, book: facade.day_status(connection, book, now), tables.days, documents.days)


@day.command("run")
def day_run(
    ctx: typer.Context,
    through: Annotated[
        str | None, typer.Option("--through", metavar="DATE", help="The last day to run. Default: the day of --at.")
    ] = None,
    ta_dir: Annotated[
        Path | None,
        typer.Option(
            "--ta-dir",
            metavar="DIR",
            exists=True,
            file_okay=False,
            help="Where the transfer agent's files are; taken if new.",
        ),
    ] = None,
    bank: Annotated[
        list[Path] | None,
        typer.Option(
            "--bank", metavar="FILE", exists=True, dir_okay=False, help="A statement of the bank; may be given again."
        ),
    ] = None,
    at: At = None,
) -> None:
    """Do every step that is due, day by day.

    A step never runs before its time. What blocks stops its own chain only, is named, and ends the command with 3.
    With --ta-dir the book works with the transfer agent's files, from the first trade date not confirmed yet on: steps
    wait for the files that they need, and take them from there.
    With --at the steps are booked at that instant, otherwise at the time each was due. One operator runs the day at a
    time; another is told who it is, and since when.
    """
    from wallet import facade

    desk = terminal(ctx)
    now = desk.instant(at)
    last = desk.day(through) or desk.calendar.local_date(now)
    booked_at = now if at is not None else None
    operator = facade.Operator(desk.operator, desk.instant(None))
    inbox = facade.Inbox(ta_dir, tuple(bank or ()))
    with desk.work() as work, facade.working(work.engine, work.book, operator):
        status = facade.run_day(
            work.engine, work.book, last, now, booked_at=booked_at, progress=work.progress, inbox=inbox
        )
        if status.blocked_by is not None:
            work.outcome = f"blocked: {status.blocked_by}"
        if status.failed_by is not None:
            work.outcome = f"failed: {status.failed_by}"
    desk.show(documents.days(status, desk.calendar.zone), tables.days)
    if status.failed_by is not None:
        raise Failure(CHECK_FAILED, work.outcome)
    if status.blocked_by is not None:
        raise Failure(BLOCKED, work.outcome)


@report.command("day")
def report_day(ctx: typer.Context, date: Date) -> None:
    """Report one day.

    Its figure, its income and who got it, what customers asked for that day, and the advance outstanding.
    """
    from wallet import facade

    wanted = facade.parse_day(date)
    terminal(ctx).read(lambda connection, book: facade.report_day(connection, book, wanted), tables.facts)


@report.command("trial-balance")
def report_trial_balance(ctx: typer.Context, on: On = None) -> None:
    """Report every account's turnover and balance."""
    from wallet import facade

    as_of = terminal(ctx).day(on)
    terminal(ctx).read(lambda connection, book: facade.trial_balance(connection, book, as_of), tables.trial_balance)


@report.command("yields")
def report_yields(ctx: typer.Context, first: From = None, last: To = None) -> None:
    """Show published and computed yields.

    The seven-day annualised yields that were announced, beside those computed from the daily figures.
    """
    from wallet import facade

    days = terminal(ctx).day(first), terminal(ctx).day(last)
    terminal(ctx).read(lambda connection, book: facade.yields(connection, book, *days), tables.yields)


@calendar.command("show")
def calendar_show(ctx: typer.Context, year: Annotated[int, typer.Argument(metavar="YEAR")]) -> None:
    """Show the trading days of a year.

    And the weekdays that are closed, with the reason and the notice.
    """
    terminal(ctx).show(documents.year(terminal(ctx).calendar, year), tables.year)


@calendar.command("trade-date")
def calendar_trade_date(ctx: typer.Context, instant: Instant) -> None:
    """Show the dates of an order at an instant.

    Its trade date, the day it is confirmed and first earns, and the day the income is first seen.
    """
    at = terminal(ctx).instant(instant)
    terminal(ctx).show(documents.trade_date(terminal(ctx).calendar, at), tables.facts)
