"""The commands that a second operator may have to approve, and those of that second operator."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from wallet.console import documents, tables
from wallet.console.arguments import PLAIN, Amount, At, RequestId, terminal

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from wallet.approvals import Applied, Proposal
    from wallet.changes import Change
    from wallet.facade import Fund

entry = typer.Typer(help="Post entries by hand, and take them back.", **PLAIN)
terms = typer.Typer(help="Show the fund's terms, and change them for days to come.", **PLAIN)

Number = Annotated[int, typer.Argument(metavar="NUMBER", help="The proposal's number.")]
Limit = Annotated[str | None, typer.Option(metavar="AMOUNT|none", help="A limit in yuan, or none. Default: as before.")]
Why = Annotated[str, typer.Option("--why", metavar="TEXT", help="The reason, for whoever reads it later.")]
NONE = "none"


@entry.command("post")
def entry_post(
    ctx: typer.Context,
    debit: Annotated[str, typer.Argument(metavar="DEBIT", help="The account that is debited, like cash.")],
    credit: Annotated[str, typer.Argument(metavar="CREDIT", help="The account that is credited.")],
    amount: Amount,
    memo: Annotated[str, typer.Option("--memo", metavar="TEXT", help="What the entry is for.")],
    request: RequestId,
    wallet: Annotated[str | None, typer.Option("--wallet", metavar="WALLET", help="Whose shares they are.")] = None,
    date: Annotated[
        str | None, typer.Option("--date", metavar="DATE", help="An open day. Default: the day it is applied on.")
    ] = None,
    at: At = None,
) -> None:
    """Post an entry by hand.

    Between two of cash, merchant_payable and suspense, or a wallet's shares and register: what orders, advances or
    settlements explain is not booked by hand. Where the fund's terms want a second operator, the entry is proposed and
    waits.
    """
    from wallet import facade

    change = facade.ManualEntry(
        debit=debit,
        credit=credit,
        amount=facade.parse_amount(amount),
        wallet=wallet,
        memo=memo,
        request_id=request,
        day=terminal(ctx).day(date),
    )
    _ask(ctx, change, at)


@entry.command("reverse")
def entry_reverse(
    ctx: typer.Context,
    number: Annotated[int, typer.Argument(metavar="ENTRY", help="The entry's number.")],
    why: Why,
    request: RequestId,
    at: At = None,
) -> None:
    """Take a manual entry back.

    By an entry of its own, the other way round: what was booked stays. Where the fund's terms want a second operator,
    the reversal is proposed and waits.
    """
    from wallet import facade

    _ask(ctx, facade.Reversal(reverses=number, why=why, request_id=request), at)


@terms.command("show")
def terms_show(ctx: typer.Context) -> None:
    """Show every version of the fund's terms."""
    terminal(ctx).read(lambda _, book: list(book.terms), tables.terms, documents.terms)


@terms.command("change")
def terms_change(
    ctx: typer.Context,
    valid_from: Annotated[str, typer.Option("--valid-from", metavar="DATE", help="A day that has not begun.")],
    minimum: Annotated[str | None, typer.Option(metavar="AMOUNT", help="The least transfer-in.")] = None,
    holding_cap: Limit = None,
    transfer_in_daily: Limit = None,
    quota_daily: Limit = None,
    instant_daily: Limit = None,
    facility: Annotated[str | None, typer.Option(metavar="AMOUNT", help="What the advancer pays at most.")] = None,
    order_of_use: Annotated[
        str | None, typer.Option(metavar="ORDER", help="unconfirmed_first or confirmed_first.")
    ] = None,
    suspended: Annotated[
        str | None, typer.Option(metavar="DAYS|none", help='Days without purchases, like "2013-09-30..2013-10-01".')
    ] = None,
    four_eyes: Annotated[
        str | None,
        typer.Option(metavar="NAMES|none", help='What needs a second operator, like "manual_entry changed_terms".'),
    ] = None,
    at: At = None,
) -> None:
    """Change the fund's terms from a day on.

    What is not said stays as it was before that day; versions of later days stay as they are. The operations that can
    need a second operator are manual_entry, reversal, changed_terms and replaced_figures.
    """
    from wallet import facade

    said: dict[str, Any] = {"valid_from": facade.parse_day(valid_from)}
    for name, text in (("minimum", minimum), ("facility", facility)):
        said |= {name: facade.parse_amount(text)} if text is not None else {}
    limits = {"holding_cap": holding_cap, "transfer_in_daily": transfer_in_daily}
    limits |= {"quota_daily": quota_daily, "instant_daily": instant_daily}
    for name, text in limits.items():
        said |= {name: None if text == NONE else facade.parse_amount(text)} if text is not None else {}
    if order_of_use is not None:
        said["order_of_use"] = order_of_use
    if suspended is not None:
        said["suspended"] = () if suspended == NONE else tuple(map(_span, suspended.split()))
    if four_eyes is not None:
        said["four_eyes"] = () if four_eyes == NONE else tuple(four_eyes.split())
    _ask(ctx, facade.ChangedTerms(**said), at)


def approve(ctx: typer.Context, number: Number, at: At = None) -> None:
    """Approve what another operator proposed.

    It is applied at once; where it is refused now, it goes on waiting.
    """
    from wallet import facade

    desk = terminal(ctx)
    desk.write(
        lambda connection, book: facade.approve(connection, book, number, desk.user, desk.instant(at)),
        tables.answer,
        documents.proposal,
    )


def reject(ctx: typer.Context, number: Number, why: Why, at: At = None) -> None:
    """Reject what another operator proposed."""
    from wallet import facade

    desk = terminal(ctx)
    desk.write(
        lambda connection, book: facade.reject(connection, book, number, desk.user, desk.instant(at), why),
        tables.answer,
        documents.proposal,
    )


def proposals(
    ctx: typer.Context, decided: Annotated[bool, typer.Option("--all", help="Those that were decided, too.")] = False
) -> None:
    """List what waits for a second operator."""
    from wallet import facade

    def find(connection: Connection, book: Fund) -> list[Proposal]:
        return facade.proposals(connection, book, decided=decided)

    terminal(ctx).read(find, tables.proposals, documents.proposals)


def _ask(ctx: typer.Context, change: Change, at: str | None) -> None:
    """Do what is asked, or propose it, and show which."""
    from wallet import facade

    desk = terminal(ctx)
    now = desk.instant(at)

    def write(connection: Connection, book: Fund) -> tuple[Change, Applied, Proposal | None]:
        return change, *facade.ask(connection, book, change, desk.user, now)

    desk.write(write, tables.answer, documents.asked)


def _span(text: str) -> tuple[Any, Any]:
    from wallet import facade

    first, _, last = text.partition("..")
    return facade.parse_day(first), facade.parse_day(last or first)
