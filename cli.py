"""The command line: parse, open one transaction, make one call, show what came of it. No rule stands here.

`run` is the one place where errors become exit codes; `wallet.console.outcomes` says which. The commands of two
words stand in `wallet.console.groups`. What is heavy to import is imported inside the commands: help is quick.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace as changed
from io import TextIOWrapper
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from wallet.console import (
    agent,
    agent_import,
    approvals,
    audit,
    bank,
    database,
    documents,
    explanation,
    exports,
    groups,
    recon,
    simulation,
    tables,
)
from wallet.console.arguments import PLAIN, Amount, At, Command, OrderOfUse, RequestId, Wallet, terminal
from wallet.console.outcomes import DONE, INTERRUPTED, expect_all, explain, from_the_command
from wallet.console.terminal import Terminal

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from wallet.facade import Check, Fund, Proposal, Receipt
    from wallet.requests import Order

app = typer.Typer(**PLAIN)


def main() -> NoReturn:
    """Run the command line of this process and exit."""
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")
    sys.exit(run(sys.argv[1:]))


def run(arguments: Sequence[str]) -> int:
    """Run one command and return its exit code; what is no defect ends in one line on standard error."""
    command = typer.main.get_command(app)
    try:
        words = from_the_command(arguments)
        ended = command.main(list(arguments), prog_name="fundwallet", standalone_mode=False, obj=words)
    except typer.Abort:
        return INTERRUPTED
    except Exception as error:
        told = explain(error)
        if told is None:
            raise
        code, line = told
        print(f"fundwallet: {line}", file=sys.stderr)
        return code
    return ended if isinstance(ended, int) else DONE


def _version(asked: bool) -> None:
    if asked:
        from importlib.metadata import PackageNotFoundError, version

        try:
            print("fundwallet", version("fundwallet"))
        except PackageNotFoundError:
            print("fundwallet, not installed")
        raise typer.Exit


@app.callback()
def options(
    ctx: typer.Context,
    db: Annotated[
        str | None,
        typer.Option(
            "--db",
            metavar="URL",
            help="The database, in SQLite or PostgreSQL. Default: FUNDWALLET_DB, or else sqlite:///fundwallet.db.",
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document instead of text.")] = False,
    calendar: Annotated[
        list[Path] | None,
        typer.Option(
            "--calendar",
            metavar="FILE",
            help="Add years or closed days to the trading calendar, several times if need be. "
            "Default: FUNDWALLET_CALENDAR.",
        ),
    ] = None,
    operator: Annotated[
        str | None,
        typer.Option(
            "--operator",
            metavar="NAME",
            help="Who works here: kept in the trail, and told to whoever runs the day meanwhile. Default: "
            "FUNDWALLET_OPERATOR, or else the system's user.",
        ),
    ] = None,
    _: Annotated[bool, typer.Option("--version", is_eager=True, callback=_version, help="Print the version.")] = False,
) -> None:
    """Keep the books of a wallet whose balance is shares of a money market fund.

    Orders are booked as they arrive, days are run step by step, and every figure can be recomputed from the postings.
    The options below stand before the command, those of a command after it.
    """
    files = calendar or [Path(name) for name in os.environ.get("FUNDWALLET_CALENDAR", "").split(os.pathsep) if name]
    # typer could read the environment too, but its oldest supported version passes over it in silence.
    said = operator or os.environ.get("FUNDWALLET_OPERATOR")
    ctx.obj = Terminal(db or os.environ.get("FUNDWALLET_DB"), as_json, tuple(files), said, ctx.obj)


@app.command()
def init(
    ctx: typer.Context,
    fund: Annotated[str, typer.Option("--fund", metavar="CODE", help="The fund's code.")] = "000198",
    opened_on: Annotated[
        str | None, typer.Option("--opened-on", metavar="DATE", help="The first day of the books. Default: today.")
    ] = None,
) -> None:
    """Create a fund's book in an empty database.

    The tables are created with it; a database that holds anything is left as it is.
    """
    from wallet import facade

    desk = terminal(ctx)
    first = desk.day(opened_on) or desk.calendar.local_date(desk.instant(None))
    with changed(desk, named="sqlite://").engine() as memory, memory.begin() as rehearsal:
        facade.create(rehearsal, first, fund, calendar=desk.calendar)  # what is refused leaves no file behind

    def make(connection: Connection) -> tuple[Fund, Fund]:
        return (book := facade.create(connection, first, fund, calendar=desk.calendar)), book

    with desk.engine(create=True) as engine:
        book = desk.recorded(engine, make)
    desk.show({"fund": book.code, "opened_on": str(book.opened_on), "market": book.calendar.market}, tables.facts)


@app.command()
def doctor(ctx: typer.Context) -> None:
    """Check this installation and its database.

    Says where the packages are imported from, whether they are as they were installed, which versions are in use, and
    whether the database keeps every commit. A check that fails ends the command with 8.
    """
    from wallet.console.doctor import examine

    expect_all(terminal(ctx).show(examine(terminal(ctx)), tables.checks))


@app.command()
def demo(
    ctx: typer.Context,
    wallets: Annotated[int, typer.Option("--wallets", metavar="N", help="How many customers take part.")] = 1000,
    first: Annotated[str, typer.Option("--from", metavar="DATE", help="The first day.")] = "2013-09-16",
    last: Annotated[str, typer.Option("--through", metavar="DATE", help="The last day.")] = "2013-10-10",
    seed: Annotated[int, typer.Option("--seed", metavar="N", help="The same seed makes the same books.")] = 1,
) -> None:
    """Play the autumn of 2013 on its published figures.

    Customers top up, pay, get refunds and transfer out on the days around Mid-Autumn and National Day.

    The database named by --db or the environment is filled and must be empty; with neither, a temporary one is.
    """
    from wallet import facade
    from wallet.demo import Plan, play

    desk = terminal(ctx)
    plan = Plan(wallets, facade.parse_day(first), facade.parse_day(last), seed)
    with TemporaryDirectory() as scratch:
        desk.named = desk.named or f"sqlite:///{scratch}/demo.db"
        with desk.engine(create=True) as engine, desk.progress() as progress:
            with desk.refusals(engine):
                season = play(engine, plan, progress, desk.calendar)
            desk.record(engine)
    expect_all(desk.show(documents.season(season, desk.calendar.zone), tables.season)["verify"])


@app.command("transfer-in", cls=Command)
def transfer_in(ctx: typer.Context, wallet: Wallet, amount: Amount, request: RequestId, at: At = None) -> None:
    """Take cash in.

    It is in transit at once, can be spent, and becomes shares on the confirmation date.
    """
    from wallet import facade

    fen, when = facade.parse_amount(amount), terminal(ctx).instant(at)
    _book(ctx, facade.transfer_in, facade.TransferIn(wallet=wallet, amount=fen, request_id=request, at=when))


@app.command(cls=Command)
def pay(
    ctx: typer.Context,
    wallet: Wallet,
    amount: Amount,
    merchant: Annotated[str, typer.Option("--merchant", metavar="NAME", help="Who is paid.")],
    request: RequestId,
    at: At = None,
    order_of_use: OrderOfUse = None,
) -> None:
    """Pay a merchant at once.

    The money comes out of what is in transit and out of shares, which the advancer takes over.
    """
    from wallet import facade

    order = facade.Payment(
        wallet=wallet,
        amount=facade.parse_amount(amount),
        merchant=merchant,
        request_id=request,
        at=terminal(ctx).instant(at),
        order_of_use=facade.OrderOfUse(order_of_use) if order_of_use else None,
    )
    _book(ctx, facade.pay, order)


@app.command(cls=Command)
def refund(
    ctx: typer.Context,
    wallet: Wallet,
    payment: Annotated[str, typer.Argument(metavar="PAYMENT_REQUEST", help="The request id of the payment.")],
    amount: Amount,
    request: RequestId,
    at: At = None,
) -> None:
    """Take a merchant's refund of a payment.

    Of all of it or of a part; it is a new transfer-in at its own instant and earns no income for the time before.
    """
    from wallet import facade

    fen, when = facade.parse_amount(amount), terminal(ctx).instant(at)
    _book(ctx, facade.refund, facade.Refund(wallet=wallet, payment=payment, amount=fen, request_id=request, at=when))


@app.command("transfer-out", cls=Command)
def transfer_out(
    ctx: typer.Context,
    wallet: Wallet,
    amount: Amount,
    request: RequestId,
    instant: Annotated[bool, typer.Option("--instant", help="Pay out at once, within the limit of a day.")] = False,
    standard: Annotated[bool, typer.Option("--standard", help="Redeem shares, which earn until they leave.")] = False,
    at: At = None,
    order_of_use: OrderOfUse = None,
) -> None:
    """Pay out to the customer's own cash.

    Say which way: --instant pays at once, --standard redeems shares and pays on the confirmation date.
    """
    from wallet import facade

    if instant == standard:
        raise typer.BadParameter("say one of them", param_hint="--instant | --standard")
    if standard and order_of_use:
        raise typer.BadParameter("a standard redemption takes shares only", param_hint="--order-of-use")
    order = facade.TransferOut(
        wallet=wallet,
        amount=facade.parse_amount(amount),
        kind="instant" if instant else "standard",
        request_id=request,
        at=terminal(ctx).instant(at),
        order_of_use=facade.OrderOfUse(order_of_use) if order_of_use else None,
    )
    _book(ctx, facade.transfer_out, order)


@app.command()
def batch(
    ctx: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="CSV with a header, or JSON lines in a file .jsonl.")],
    result: Annotated[
        Path | None, typer.Option("--result", metavar="FILE", help="What became of each. Default: FILE.result.csv.")
    ] = None,
    at: At = None,
) -> None:
    """Take the orders of a file.

    Its columns are operation (transfer_in, pay, refund, transfer_out_instant, transfer_out_standard), wallet, amount,
    request, and where they apply at, merchant, payment and order_of_use. It is read to the end first: a line that
    cannot be read refuses the file. Then each order is taken or refused by itself, a thousand in one transaction. A run
    that was interrupted goes on where it stopped when the same command is given again.
    """
    from wallet import facade

    desk = terminal(ctx)
    orders = facade.OrderFile.check(file, desk.instant(at), desk.calendar.zone)
    name = result or file.with_name(f"{file.name}.result.csv")
    with desk.work() as work:
        summary = facade.take_file(work.engine, work.book, orders, name, work.progress)
    desk.show(documents.of(summary, desk.calendar.zone), tables.facts)


@app.command(cls=Command)
def announce(
    ctx: typer.Context,
    day: Annotated[str | None, typer.Argument(metavar="DATE", help="The calendar day it is for.")] = None,
    income: Annotated[str | None, typer.Argument(metavar="INCOME_PER_10K", help="Yuan per 10,000 shares.")] = None,
    seven_day: Annotated[
        str | None, typer.Option("--seven-day", metavar="PCT", help="The seven-day yield published with it.")
    ] = None,
    control_total: Annotated[
        str | None,
        typer.Option("--control-total", metavar="AMOUNT", help="The day's whole income, or loss, where it is told."),
    ] = None,
    csv: Annotated[
        Path | None, typer.Option("--csv", metavar="FILE", help="Read the figures of many days, all of them or none.")
    ] = None,
    replace: Annotated[bool, typer.Option("--replace", help="Replace figures that are not distributed yet.")] = False,
) -> None:
    """Announce what the fund published for a day.

    Or for many, from a CSV file: all of it or nothing. The file's columns are fund_code, date, income_per_10k and
    seven_day_annualised_pct.
    """
    from wallet import facade

    typed: list[facade.Figure] = []
    if csv is not None:
        if any(value is not None for value in (day, income, seven_day, control_total)):
            raise typer.BadParameter("the file says everything else", param_hint="--csv")
    elif day is None or income is None:
        raise typer.BadParameter("say the day and its income, or a file", param_hint="DATE INCOME_PER_10K | --csv")
    else:
        pct = facade.parse_yield(seven_day) if seven_day is not None else None
        whole = facade.parse_amount(control_total) if control_total is not None else None
        typed = [facade.Figure(facade.parse_day(day), facade.parse_figure(income), pct, whole)]

    desk = terminal(ctx)

    def write(connection: Connection, book: Fund) -> tuple[str, int, int, Proposal | None]:
        figures = typed if csv is None else facade.read_csv(csv, book.code)
        if not replace:
            return book.code, len(figures), facade.announce(connection, book, figures), None
        change = facade.ReplacedFigures.of(figures)
        applied, proposal = facade.ask(connection, book, change, desk.user, desk.instant(None))
        return book.code, len(figures), applied.new, proposal

    desk.write(write, tables.facts, documents.announced)


@app.command()
def verify(ctx: typer.Context) -> None:
    """Recompute the books and compare.

    Balances, income, totals and orders are derived anew from the postings; what differs from what is stored is named
    and ends the command with 8.
    """
    from wallet import facade

    def prove(connection: Connection, book: Fund) -> list[Check]:
        with terminal(ctx).progress() as progress:
            return facade.verify(connection, book, progress)

    expect_all(terminal(ctx).read(prove, tables.checks, documents.verification))


def _book(ctx: typer.Context, operation: Callable[..., Receipt], order: Order) -> None:
    """Book one order and show its receipt."""
    terminal(ctx).write(lambda connection, book: operation(connection, book, order), tables.facts)


app.command("explain")(explanation.explain)
app.command("export")(exports.export)
app.command()(approvals.approve)
app.command()(approvals.reject)
app.command()(approvals.proposals)
app.add_typer(approvals.entry, name="entry")
app.add_typer(approvals.terms, name="terms")
app.add_typer(groups.wallet, name="wallet")
app.add_typer(groups.day, name="day")
app.add_typer(groups.report, name="report")
app.add_typer(recon.recon, name="recon")
agent.ta.command("import")(agent_import.ta_import)
agent.ta.command("simulate")(simulation.simulate)
app.add_typer(agent.ta, name="ta")
app.add_typer(audit.audit, name="audit")
app.add_typer(bank.bank, name="bank")
app.add_typer(database.db, name="db")
app.add_typer(groups.calendar, name="calendar")
