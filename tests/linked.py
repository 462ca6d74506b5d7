"""What a transfer agent says, written as the rows that its files become: for tests of what the day makes of them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa

from tests.desk import Desk, at, day
from wallet import orders, trail, wallets
from wallet.outside import links
from wallet.outside.links import Link
from wallet.outside.schema import agent_figure, agent_income, answer, outside_file

CODES = {"transfer_in": "122", "refund": "122", "transfer_out_standard": "124"}


def link(desk: Desk, valid_from: str = "09-16", tolerance: int = 0) -> None:
    """Connect the book to a transfer agent from a trade date on."""
    desk.ask(links.connect, Link(day(valid_from), tolerance=tolerance))


def file(desk: Desk, kind: str, text: str, control: int = 0) -> int:
    """Write a file about a day down and return its number."""

    def write(connection: sa.Connection, book: Any) -> int:
        number = trail.next_number(connection, book, outside_file)
        row = {"number": number, "fund": book.code, "name": f"{kind} {text} {number}", "kind": kind, "control": control}
        about = {"first_day": day(text), "day": day(text), "records": 0, "received_at": at(f"{text} 23:00")}
        connection.execute(sa.insert(outside_file).values(row | about | {"digest": b"", "content": b""}))
        return number

    return desk.ask(write)


def say(
    desk: Desk,
    on: str,
    wallet: str | None,
    application: str,
    confirmed: int,
    *,
    code: str | None = None,
    final: bool = True,
    return_code: str = "0000",
    original: str | None = None,
) -> str:
    """Answer an order by its request id, or the advancer's redemption by its trade date; return the serial."""

    def write(connection: sa.Connection, book: Any) -> str:
        serial = str(connection.execute(sa.select(sa.func.count()).select_from(answer)).scalar_one() + 1)
        holder_id, number, applied, business = 0, int(f"{day(application):%Y%m%d}") if wallet is None else 0, 0, "124"
        if wallet is not None:
            holder_id = wallets.find(connection, book, wallet)
            order = orders.by_request(connection, holder_id, application)
            assert order is not None
            number, applied, business = order.entry_id, order.amount, CODES[str(order.kind)]
        row = {"holder_id": holder_id, "application": number, "business_code": code or business, "book": book.code}
        row |= {"confirmation_date": day(on), "applied": applied, "confirmed": confirmed, "return_code": return_code}
        row |= {"final": int(final), "ta_serial": serial, "original": original, "file": 0}
        connection.execute(sa.insert(answer).values(row))
        return serial

    return desk.ask(write)


def income(desk: Desk, on: str, **by_wallet: int) -> None:
    """Say in a file 06 whose income of a day is how many fen; `advancer` is nobody's wallet."""

    def write(connection: sa.Connection, book: Any) -> None:
        rows = [
            {
                "holder_id": 0 if name == "advancer" else wallets.find(connection, book, name),
                "day": day(on),
                "book": book.code,
                "basis": 0,
                "income": amount,
                "file": number,
            }
            for name, amount in by_wallet.items()
        ]
        if rows:
            connection.execute(sa.insert(agent_income), rows)

    number = file(desk, "06", on, sum(by_wallet.values()))
    desk.ask(write)


def figure(desk: Desk, on: str, income_per_10k: int, total_shares: int = 0, day_income: int = 0) -> None:
    """Say in a file 07 what the fund published of a day; nothing is announced by it."""
    number = file(desk, "07", on)
    row = {"fund": desk.book.code, "day": day(on), "file": number, "income_per_10k": income_per_10k, "seven_day": 4421}

    def write(connection: sa.Connection, _book: Any) -> None:
        told = {"total_shares": total_shares, "day_income": day_income}
        connection.execute(sa.insert(agent_figure).values(row | told))

    desk.ask(write)


def run_losing_every_commit(desk: Desk, through: str, when: datetime, chunk_size: int) -> None:
    """Run the days again and again: each run gets one commit further than the last one, and loses the next."""
    before, number, lost = desk.dump(), 1, 0
    while desk.run_until_commit(number, through, when, chunk_size=chunk_size):
        after, lost = desk.dump(), lost + 1
        before, number = after, number + 1 if after == before else 2
    assert lost > 5
