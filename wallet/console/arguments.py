"""The arguments and options that several commands share, and how a command reads what was typed."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

import typer
from typer.core import TyperCommand

from wallet.console.terminal import Terminal

PLAIN: Any = {"rich_markup_mode": None, "add_completion": False, "pretty_exceptions_enable": False}
"""Settings of every group of commands: help as plain text, quickly."""

Wallet = Annotated[str, typer.Argument(metavar="WALLET", help="The wallet's reference, as given when it was opened.")]
Amount = Annotated[str, typer.Argument(metavar="AMOUNT", help="Yuan with at most two decimals, like 100 or 100.05.")]
Date = Annotated[str, typer.Argument(metavar="DATE", help="A calendar day, like 2013-09-16.")]
Instant = Annotated[str, typer.Argument(metavar="INSTANT", help="Like 2013-09-16T15:00:00, with or without an offset.")]
RequestId = Annotated[
    str,
    typer.Option("--request", metavar="ID", help="The request's id; asked again, it is answered as the first time."),
]
At = Annotated[
    str | None,
    typer.Option(
        "--at",
        metavar="INSTANT",
        help="When it happens, like 2013-09-16T15:00:00, in the fund's zone unless an offset is given. Default: now.",
    ),
]
OrderOfUse = Annotated[
    Literal["unconfirmed_first", "confirmed_first"] | None,
    typer.Option("--order-of-use", help="What is spent first, money in transit or shares. Default: the fund's terms."),
]
On = Annotated[
    str | None, typer.Option("--on", metavar="DATE", help="As of the end of this day. Default: everything booked.")
]
From = Annotated[str | None, typer.Option("--from", metavar="DATE", help="The first day. Default: from the start.")]
To = Annotated[str | None, typer.Option("--to", metavar="DATE", help="The last day. Default: all there is.")]


class Command(TyperCommand):
    """A command whose arguments may be negative numbers, like a figure of -0.5."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parse, taking "-0.5" for a value and not for options of one letter."""
        ctx.ignore_unknown_options = any(re.match(r"-[0-9.]", argument) for argument in args)
        return super().parse_args(ctx, args)


def terminal(ctx: typer.Context) -> Terminal:
    """Return the terminal that the options before the command made, and tell it the command."""
    found: Terminal = ctx.obj
    found.command = " ".join(ctx.command_path.split()[1:])
    return found
