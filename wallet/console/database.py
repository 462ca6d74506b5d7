"""The commands about the database itself: its schema's version, and who may do what in it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from wallet.console import tables
from wallet.console.arguments import PLAIN, terminal

if TYPE_CHECKING:
    from pathlib import Path

    from sqlalchemy import Connection

    from wallet.facade import Fund
    from wallet.migrations import Revision

db = typer.Typer(help="Upgrade the database; give roles their rights.", **PLAIN)


@db.command()
def status(ctx: typer.Context) -> None:
    """Show the schema version and what an upgrade brings.

    Nothing is changed.
    """
    from wallet import facade, migrations
    from wallet.schema import VERSION

    desk = terminal(ctx)
    with desk.engine() as engine, facade.reading(engine) as connection:
        pending = migrations.pending(connection)
    found = _before(pending)
    desk.show({"version": found, "needed": VERSION, "pending": _list(pending)}, tables.revisions)


@db.command()
def upgrade(ctx: typer.Context) -> None:
    """Bring the database to this program's version.

    All of it or nothing, and only one upgrade at a time. A SQLite file is copied beside itself first; what keeps a
    PostgreSQL database safe is your own backup.
    """
    from wallet import facade, migrations
    from wallet.book import lock_schema
    from wallet.errors import NoBook
    from wallet.schema import VERSION

    desk = terminal(ctx)

    def work(connection: Connection) -> tuple[Fund | None, tuple[Path | None, list[Revision]]]:
        lock_schema(connection)
        copy = migrations.back_up(connection) if migrations.pending(connection) else None
        done = copy, migrations.upgrade(connection)
        try:
            return facade.load(connection, desk.calendar), done
        except NoBook:
            return None, done

    with desk.engine() as engine:
        copy, applied = desk.recorded(engine, work)
    backup = str(copy) if copy else None
    desk.show({"from": _before(applied), "to": VERSION, "applied": _list(applied), "backup": backup}, tables.revisions)


@db.command()
def sql(
    ctx: typer.Context,
    since: Annotated[
        str | None,
        typer.Option(
            "--from", metavar="VERSION", help="The version to start from, base for none. Default: the database's own."
        ),
    ] = None,
) -> None:
    """Print the script of an upgrade.

    For a database whose owner runs such scripts by hand. With --from no database is opened; from base the script
    makes all tables, and `init` then finds them there.
    """
    from wallet import facade, migrations
    from wallet.book import version_of
    from wallet.schema import VERSION

    desk = terminal(ctx)
    if since is None:
        with desk.engine() as engine, facade.reading(engine) as connection:
            since = version_of(connection) or migrations.EMPTY
    elif since not in (migrations.EMPTY, *(revision.version for revision in migrations.revisions())):
        raise typer.BadParameter(f"{since} is no schema version that this program knows", param_hint="--from")
    script = migrations.script(desk.url.get_backend_name(), since)
    desk.show({"from": since, "to": VERSION, "sql": script}, lambda document: tables.script(document["sql"].strip()))


@db.command()
def grants(
    ctx: typer.Context,
    role: Annotated[str, typer.Option("--role", metavar="ROLE", help="The role of a service on PostgreSQL.")],
    schema: Annotated[str, typer.Option("--schema", metavar="NAME", help="The schema the tables are in.")] = "public",
) -> None:
    """Print the rights that a service's role needs.

    With them it takes orders, announces figures and runs the day; it cannot change or delete what is in the journal.
    No database is opened.
    """
    from wallet.privileges import grants

    if not role or not schema:
        raise typer.BadParameter("a name is needed", param_hint="--role | --schema")
    lines = grants(role, schema)
    terminal(ctx).show({"role": role, "grants": lines}, lambda document: tables.script("\n".join(document["grants"])))


def _before(missing: list[Revision]) -> str:
    from wallet import migrations
    from wallet.schema import VERSION

    known = [revision.version for revision in migrations.revisions()]
    return known[known.index(missing[0].version) - 1] if missing else VERSION


def _list(revisions: list[Revision]) -> list[dict[str, Any]]:
    return [{"version": revision.version, "brings": revision.brings} for revision in revisions]
