"""The commands for auditors: what was changed behind the books' back, who did what, and what can be recomputed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from wallet.console import documents, tables
from wallet.console.arguments import PLAIN, From, To, terminal
from wallet.console.outcomes import expect_all
from wallet.errors import InvalidRequest

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from wallet.facade import Check, Fund

audit = typer.Typer(help="Recompute, seal and prove the books; see who did what.", **PLAIN)


@audit.command("trail")
def audit_trail(
    ctx: typer.Context,
    operator: Annotated[str | None, typer.Option("--operator", metavar="NAME", help="Only this one's.")] = None,
    first: From = None,
    last: To = None,
) -> None:
    """List who did what.

    Every command that was to change something: who gave it, where and when, with which arguments, how it ended, and
    which entries it made. A command of many transactions has two rows; a first one without a second was interrupted.
    """
    from wallet import facade

    days = terminal(ctx).day(first), terminal(ctx).day(last)
    terminal(ctx).read(
        lambda connection, book: facade.read_trail(connection, book, operator, *days), tables.trail, documents.trail
    )


@audit.command("replay")
def audit_replay(
    ctx: typer.Context,
    through: Annotated[
        str | None,
        typer.Option("--through", metavar="DATE", help="As of the end of this day. Default: everything booked."),
    ] = None,
    into: Annotated[
        Path | None,
        typer.Option("--into", metavar="FILE", help="Keep the book made anew in this SQLite file, which must be new."),
    ] = None,
) -> None:
    """Make the book anew from its inputs and compare.

    Journal, orders as they were asked, wallets, terms and published figures are copied into an empty database, and
    everything else is derived there: balances, totals, order states, advances, limits, distributions, gates. What
    differs from what is stored is named and ends the command with 8. The audited book is only read. As of a past day,
    totals, register, distributions, steps and digests are compared, and what is kept as of now is left out.
    """
    from wallet import facade

    desk = terminal(ctx)
    last = desk.day(through)
    with desk.progress() as progress:
        document = desk.read(
            lambda connection, book: facade.replay(connection, book, last, into, progress),
            tables.findings,
            lambda checks, _: documents.replayed(checks, last),
        )
    expect_all(document)


@audit.command("seal")
def audit_seal(ctx: typer.Context) -> None:
    """Seal the days that are proved.

    `day run` does so as it goes; this is for days that an older version proved. Customers do not wait meanwhile.
    """
    from wallet import facade
    from wallet.audit import seals

    desk = terminal(ctx)
    with desk.work() as work:
        sealed = seals.seal_days(work.engine, work.book, work.progress)
        with facade.reading(work.engine) as connection:
            last = seals.last_seal(connection, work.book)
    through, head = (last.day.isoformat(), last.head.hex()) if last else (None, None)
    desk.show({"fund": work.book.code, "sealed": sealed, "through": through, "head": head}, tables.facts)


@audit.command("verify-seals")
def audit_verify_seals(
    ctx: typer.Context,
    anchor: Annotated[
        Path | None, typer.Option("--anchor", metavar="FILE", help="A head that was kept elsewhere, by `audit head`.")
    ] = None,
    public_key: Annotated[
        Path | None, typer.Option("--public-key", metavar="FILE", help="Whose signature the anchor must bear, as PEM.")
    ] = None,
) -> None:
    """Recompute every seal from the rows.

    A day that differs from its seal is named, as is a gap in the chain; with an anchor that holds the leaves, so is the
    row. What differs ends the command with 8. Only an anchor shows that the last days were taken away.
    """
    from wallet.audit import anchors

    if public_key is not None and anchor is None:
        raise InvalidRequest("--public-key", "say the --anchor whose signature it is")
    kept = anchors.read(anchor) if anchor is not None else None

    def verify(connection: Connection, book: Fund) -> list[Check]:
        with terminal(ctx).progress() as progress:
            return anchors.verify(connection, book, kept, public_key, progress)

    outcome = terminal(ctx).read(verify, tables.checks, documents.verification)
    expect_all(outcome)


@audit.command("head")
def audit_head(
    ctx: typer.Context,
    out: Annotated[Path | None, typer.Option("--out", metavar="FILE", help="Write it into a new file as well.")] = None,
    key: Annotated[
        Path | None, typer.Option("--key", metavar="FILE", help="Sign it with this private key, Ed25519 as PEM.")
    ] = None,
    leaves: Annotated[
        bool, typer.Option("--leaves", help="Add a digest of every row, to name the one that differs later.")
    ] = False,
) -> None:
    """Export the head of the seals.

    It stands for everything that is sealed. Kept where nobody reaches who writes to the database, it shows with
    `audit verify-seals --anchor` whether history was changed since.
    """
    from wallet.audit import anchors, signing

    def head(connection: Connection, book: Fund) -> anchors.Anchor:
        with terminal(ctx).progress() as progress:
            anchor = anchors.export(connection, book, with_leaves=leaves, progress=progress)
        anchor = anchors.signed(anchor, key) if key is not None else anchor
        if out is not None:
            signing.write_new(out, json.dumps(anchor, indent=1).encode() + b"\n")
        return anchor

    def brief(anchor: anchors.Anchor) -> list[tables.Part]:
        told = {name: value for name, value in anchor.items() if name not in ("heads", "leaves", "signature")}
        return tables.facts(told | {"signed": "signature" in anchor})

    terminal(ctx).read(head, brief, lambda anchor, _: anchor)


@audit.command("key")
def audit_key(
    ctx: typer.Context,
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="A new file for the private key.")],
) -> None:
    """Make a key to sign heads with.

    The private key goes into a file that only its owner may read, the public one is printed. No database is needed.
    """
    from wallet.audit import signing

    public = signing.make_key(out)
    terminal(ctx).show({"private_key": str(out), "public_key": public}, lambda told: [told["public_key"].rstrip()])


@audit.command("prove")
def audit_prove(
    ctx: typer.Context, entry: Annotated[int, typer.Argument(metavar="ENTRY", help="The entry's number.", min=1)]
) -> None:
    """Prove that an entry is sealed.

    Prints one JSON document: the entry's record, and the way from it to the head of its day. A few lines of code, in
    the documentation, check it without this package.
    """
    from wallet.audit import seals

    def document(proof: seals.Proof, _: Any) -> documents.Document:
        of = proof.seal
        return {
            "entry": proof.entry_id,
            "holder": proof.holder_id,
            "fund": of.fund,
            "date": of.day.isoformat(),
            "record": proof.record.hex(),
            "index": proof.index,
            "leaves": proof.size,
            "path": [[side, node.hex()] for side, node in proof.path],
            "root": of.root.hex(),
            "seal": of.record().hex(),
            "head": of.head.hex(),
        }

    terminal(ctx).read(
        lambda connection, book: seals.prove(connection, book, entry),
        lambda told: tables.script(json.dumps(told, indent=2)),
        document,
    )
