"""What transfer agent and bank would have said, put into the tables as an import leaves it."""

from __future__ import annotations

from datetime import date
from typing import Any

import sqlalchemy as sa

from tests.desk import LATE, Desk, day
from wallet.facade import reading
from wallet.outside import files, links
from wallet.outside.files import OutsideFile
from wallet.outside.links import Link
from wallet.outside.schema import agent_cash, agent_figure, agent_shares, answer, link
from wallet.schema import day_step
from wallet.schema import wallet as wallets


def connect(desk: Desk, first: str, tolerance: int = 0) -> None:
    """Connect the book from a day on, also a day that was worked without files."""
    with desk.engine.begin() as connection:
        row = links.row_of(desk.book, Link(day(first), tolerance=tolerance))
        connection.execute(sa.insert(link).values(row))


def reconciled(desk: Desk, text: str) -> None:
    """Write down that a day was reconciled, where it was skipped for want of records."""
    s = day_step.c
    with desk.engine.begin() as connection:
        changed = connection.execute(
            sa.update(day_step).where(s.day == day(text), s.step == "reconcile").values(state="done")
        )
        assert changed.rowcount == 1, text


def told(desk: Desk, kind: str, text: str, control: int = 0) -> int:
    """Write down that a file of a kind and day came, and return its number."""

    def write(connection: sa.Connection, *_: Any) -> int:
        number = files.next_number(connection, desk.book)
        name = f"OFD_TA_WALLET_{text}_{number}_{kind}.TXT"
        file = OutsideFile(name, kind, day(text), day(text), 0, b"digest", control)
        files.write(connection, desk.book, number, file, b"content", LATE)
        return number

    return desk.ask(write)


def holder(desk: Desk, wallet: str) -> int:
    """Return a wallet's number; "advancer" is 0, digits are what they say."""
    if wallet == "advancer" or wallet.isdigit():
        return int(wallet) if wallet.isdigit() else 0
    with reading(desk.engine) as connection:
        query = sa.select(wallets.c.holder_id).where(wallets.c.reference == wallet)
        return int(connection.execute(query).scalar_one())


def tell_shares(desk: Desk, text: str, shares: dict[str, int], kind: str = "05") -> None:
    """Write down a file of shares, by wallet."""
    file = told(desk, kind, text)
    facts = {"day": day(text), "kind": kind, "book": desk.book.code, "frozen": 0, "file": file}
    _insert(desk, agent_shares, [{"holder_id": holder(desk, w), "total": n} | facts for w, n in shares.items()])


def tell_answer(
    desk: Desk, wallet: str, application: int, code: str, text: str, confirmed: int, final: int = 1
) -> None:
    """Write down what the transfer agent answered."""
    row = {"holder_id": holder(desk, wallet), "application": application, "business_code": code}
    row |= {"confirmation_date": day(text), "book": desk.book.code, "applied": confirmed, "confirmed": confirmed}
    row |= {"return_code": "0000", "final": final, "ta_serial": f"{text} {wallet} {application} {code}", "file": 1}
    _insert(desk, answer, [row])


def tell_cash(desk: Desk, text: str, amounts: dict[str, int]) -> None:
    """Write down a file of cash, by business code."""
    facts = {"fund": desk.book.code, "day": day(text), "trade_date": day(text), "pay_date": day(text)}
    facts["file"] = told(desk, "25", text)
    rows = [{"sequence": str(n), "business_code": c, "amount": a} for n, (c, a) in enumerate(amounts.items())]
    _insert(desk, agent_cash, [row | facts for row in rows])


def tell_figure(desk: Desk, text: str, total_shares: int, day_income: int, rate: int = 10_0000) -> None:
    """Write down a fund's figure."""
    row: dict[str, Any] = {"fund": desk.book.code, "day": day(text), "file": told(desk, "07", text)}
    row |= {"income_per_10k": rate, "seven_day": 4421, "total_shares": total_shares, "day_income": day_income}
    _insert(desk, agent_figure, [row])


def entry_of(desk: Desk, request_id: str) -> int:
    """Return the entry that was booked for a request."""
    from ledger.schema import journal_entry

    (row,) = desk.rows(journal_entry, journal_entry.c.request_id == request_id)
    return int(row.entry_id)


def as_number(trade_date: date) -> int:
    """Return a trade date as the advancer's applications have it."""
    return int(trade_date.strftime("%Y%m%d"))


def _insert(desk: Desk, table: sa.Table, rows: list[dict[str, Any]]) -> None:
    with desk.engine.begin() as connection:
        if rows:
            connection.execute(sa.insert(table), rows)
