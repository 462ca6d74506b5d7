"""What the transfer agent tells of its register, income, figures and cash (files 05, 35, 06, 07, 25).

The only writer of `agent_shares`, `agent_income`, `agent_figure`, `agent_cash`. It also digests what any of the
transfer agent's files left in the database, so that a later change of it is seen.
"""

from __future__ import annotations

import hashlib
import json
from datetime import date

import sqlalchemy as sa

from ledger.expressions import fetches
from ledger.model import HOUSE
from ledger.schema import Day, Integer, Text, column
from wallet.outside import staging
from wallet.outside.schema import agent_cash, agent_figure, agent_income, agent_shares, answer, outside_file
from wallet.rules.fund import Fund
from wallet.schema import wallet
from wallet.transfer_agent.errors import MalformedFile

STAGED = {
    "05": staging.table("shares", column("holder_id", Integer), column("total", Integer), column("frozen", Integer)),
    "06": staging.table("income", column("holder_id", Integer), column("basis", Integer), column("income", Integer)),
    "07": staging.table(
        "figure",
        column("day", Day),
        column("income_per_10k", Integer),
        column("seven_day", Integer),
        column("total_shares", Integer),
        column("day_income", Integer),
    ),
    "25": staging.table(
        "cash",
        column("sequence", Text),
        column("trade_date", Day),
        column("business_code", Text),
        column("amount", Integer),
        column("pay_date", Day),
    ),
}
STAGED["35"] = STAGED["05"]
"""By kind of file: where its records are kept while they are checked."""

_KEYS = {
    "05": ("holder_id", "TransactionAccountID", "each account once, details aside"),
    "06": ("holder_id", "TransactionAccountID", "each account once"),
    "07": ("day", "UpdateDate", "each day once"),
    "25": ("sequence", "SequenceNO", "each number once, details aside"),
}
_KEYS["35"] = _KEYS["05"]
_KEPT = {
    "04": (answer, answer.c.confirmation_date),
    "34": (answer, answer.c.confirmation_date),
    "05": (agent_shares, agent_shares.c.day),
    "35": (agent_shares, agent_shares.c.day),
    "06": (agent_income, agent_income.c.day),
    "07": (agent_figure, None),
    "25": (agent_cash, agent_cash.c.day),
}
"""By kind of file: the table its rows are in, and the column that holds the file's day, if one does."""


def check(connection: sa.Connection, book: Fund, file: str, kind: str) -> None:
    """Hold staged records against each other, and those of income against our wallets. Raises: MalformedFile."""
    place, (key, field, expected) = STAGED[kind], _KEYS[kind]
    by = place.c[key].label("found")
    if wrong := staging.repeated(connection, place, by):
        raise MalformedFile(file, wrong.line, field, str(wrong.found), expected)
    if kind == "06":
        this = sa.and_(wallet.c.holder_id == place.c.holder_id, wallet.c.book == book.code)
        unknown = sa.select(place.c.line, by).join(wallet, this, isouter=True)
        unknown = unknown.where(wallet.c.holder_id.is_(None), place.c.holder_id != HOUSE)
        if wrong := staging.first(connection, unknown, place.c.line):
            raise MalformedFile(file, wrong.line, field, str(wrong.found), "an account of ours")


def add(connection: sa.Connection, book: Fund, number: int, kind: str, day: date) -> None:
    """Write staged records down as those of file `number`, of `kind` and about `day`."""
    table, _ = _KEPT[kind]
    fixed = {"book": book.code, "fund": book.code, "day": day, "kind": kind, "file": number}
    insert = {
        "05": sa.insert(agent_shares),
        "35": sa.insert(agent_shares),
        "06": sa.insert(agent_income),
        "07": sa.insert(agent_figure),
        "25": sa.insert(agent_cash),
    }[kind]
    connection.execute(insert.from_select(*staging.rows(STAGED[kind], table, **fixed)))


def content_digest(connection: sa.Connection, book: Fund, number: int, kind: str, day: date | None = None) -> bytes:
    """Return the digest of the rows that file `number` left, read in the order of their key.

    The same on every engine. `day`: the file's, if it is known; else it is looked up.
    """
    table, dated = _KEPT[kind]
    if day is None:
        day = connection.execute(sa.select(outside_file.c.day).where(outside_file.c.number == number)).scalar_one()
    owner = table.c.book if "book" in table.c else table.c.fund
    where = [owner == book.code, table.c.file == number, *([dated == day] if dated is not None else [])]
    told = [c for c in table.c if c.name not in (owner.name, "file", dated.name if dated is not None else None)]
    content = hashlib.sha256(str(day).encode())
    for rows in fetches(connection, sa.select(*told).where(*where).order_by(*table.primary_key.columns)):
        text = json.dumps(list(map(tuple, rows)), ensure_ascii=False, default=str)
        content.update(text[1:-1].encode() + b", ")
    return content.digest()
