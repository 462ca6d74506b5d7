"""A book that works with files, in which everything has happened: the ground on which its checks are tried.

Confirmed in full, in part, late, over two days, rejected and taken back; income that the transfer agent says otherwise,
a figure that is published again; lines of the bank that fit, that nobody expects, of another amount, and one missing.
What came from outside is put into the tables as an import leaves it; the bank's statements are taken as files.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import sqlalchemy as sa

from tests.desk import LATE, Desk, at, day, free_terms
from wallet import facade
from wallet.audit.model import allocate
from wallet.outside import bank, breaks, files, items, links, records
from wallet.outside.files import OutsideFile
from wallet.outside.links import Link
from wallet.outside.schema import agent_cash, agent_figure, agent_income, agent_shares, answer
from wallet.rules.amounts import show_amount

WALLETS = ("爱丽丝", "bob", "carol", "dora")
ALICE, BOB, CAROL, DORA = WALLETS
Told = tuple[str, str | int, str, int, int, dict[str, Any]]
"""An answer: wallet, request (of the advancer its trade date), business code, applied, confirmed, more."""

Statement = Callable[[list[list[Any]]], object]
"""What the bank makes of its lines."""

NUMBER = {"": 0, ALICE: 1, BOB: 2, CAROL: 3, DORA: 4}
TOLERANCE = 10**12


@dataclass
class Outside:
    """Who answers: the transfer agent, the fund and the bank of a desk's book."""

    desk: Desk
    sent: int = 0
    balance: int = 0

    def tell(
        self, kind: str, on: str, table: sa.Table | None, rows: Iterable[Mapping[str, Any]], control: int = 0
    ) -> None:
        """Write down a file and its rows."""
        found, book = list(rows), self.desk.book

        def write(connection: sa.Connection, *_: Any) -> None:
            number, content = files.next_number(connection, book), b"\1"
            if table is not None:
                if found:
                    connection.execute(sa.insert(table), [{"file": number, **row} for row in found])
                content = records.content_digest(connection, book, number, kind, day(on))
            file = OutsideFile(f"OFD_{number}_{kind}.TXT", kind, day(on), day(on), len(found), b"\1", control)
            files.write(connection, book, number, file, content, LATE)

        self.desk.ask(write)

    def apply(self, on: str, advancer: int = 0) -> None:
        """Send the applications of a trade date."""
        self.tell("03", on, None, [], advancer)

    def answer(self, on: str, *answers: Told, kind: str = "04") -> None:
        """Tell answers."""
        told = []
        for wallet, asked, code, applied, confirmed, more in answers:
            self.sent += 1
            row = {"holder_id": NUMBER[wallet], "application": self.application(wallet, asked), "business_code": code}
            row |= {"confirmation_date": day(on), "book": self.desk.book.code, "applied": applied, "final": 1}
            row |= {"confirmed": confirmed, "return_code": "0000" if confirmed else "2004"}
            row |= {"ta_serial": f"S{self.sent}"}
            told.append(row | {"original": None} | more)
        self.tell(kind, on, answer, told)

    def application(self, wallet: str, asked: str | int) -> int:
        """Return the entry of a request."""
        if isinstance(asked, int):
            return asked
        with facade.reading(self.desk.engine) as connection:
            query = sa.text("SELECT entry_id FROM journal_entry WHERE holder_id = :holder AND request_id = :asked")
            return int(connection.execute(query, {"holder": NUMBER[wallet], "asked": asked}).scalar_one())

    def income(self, on: str, rate: int, differs: Mapping[str, int] | None = None, control: int | None = None) -> None:
        """Tell the figure of a day and everybody's income, some of it otherwise than it is."""
        self.figure(on, rate)
        self.desk.announce(on, rate, control)
        held = self.held(day(on))
        right = allocate(held, rate, control)
        more = {NUMBER[wallet]: fen for wallet, fen in (differs or {}).items()}
        facts: dict[str, Any] = {"day": day(on), "book": self.desk.book.code}
        rows: list[dict[str, Any]] = [
            facts | {"holder_id": h, "basis": held[h], "income": right[h] + more.get(h, 0)} for h in right
        ]
        rows = [row for row in rows if row["income"] or row["holder_id"] == 1]
        self.tell("06", on, agent_income, rows, sum(row["income"] for row in rows))

    def figure(self, on: str, rate: int) -> None:
        """Tell the figure of a day."""
        row = {"fund": self.desk.book.code, "day": day(on), "income_per_10k": rate, "seven_day": 4_000}
        self.tell("07", on, agent_figure, [row | {"total_shares": 10**12, "day_income": 10**7}])

    def held(self, on: date) -> dict[int, int]:
        """Return what everybody's income of a day is for, by number."""
        house, held = self.desk.house(f"{on}"), {}
        for wallet in WALLETS:
            of_wallet = self.desk.holding(wallet, f"{on}")
            held[NUMBER[wallet]] = of_wallet["shares"] + of_wallet["redeeming"]
        return {0: house.get("advancer_shares", 0) + house.get("advancer_income_shares", 0)} | held

    def shares(self, on: str, differs: Mapping[str, int] | None = None) -> None:
        """Tell the register as of the end of a day, some of it otherwise than in the books."""
        held = self.held(day(on))
        for wallet in WALLETS:
            held[NUMBER[wallet]] -= self.desk.holding(wallet, on)["shortfall"]
        for wallet, more in (differs or {}).items():
            held[NUMBER[wallet]] += more
        facts = {"day": day(on), "kind": "05", "book": self.desk.book.code, "frozen": 0}
        self.tell("05", on, agent_shares, [facts | {"holder_id": h, "total": n} for h, n in held.items()])

    def cash(self, on: str, amounts: Mapping[str, int]) -> None:
        """Tell the cash clearing of a day by business code."""
        facts = {"fund": self.desk.book.code, "day": day(on), "trade_date": day(on), "pay_date": day(on)}
        told = enumerate(amounts.items(), 1)
        rows = [facts | {"sequence": f"{n}", "business_code": code, "amount": fen} for n, (code, fen) in told]
        self.tell("25", on, agent_cash, rows)

    def statement(self, on: str, wrong: Statement = lambda _: None) -> None:
        """Let the bank do what is to be done of a day, or something else."""
        desk, of = self.desk, day(on)
        with facade.reading(desk.engine) as connection:
            there = items.read(connection, desk.book, of, of, None)
        lines: list[list[Any]] = [[of.isoformat(), item.amount, item.reference, "", item.what] for item in there]
        wrong(lines)
        ends: list[list[Any]] = [[of.isoformat(), self.balance, "OPENING", "", ""]]
        self.balance += sum(line[1] for line in lines)
        ends.append([of.isoformat(), self.balance, "CLOSING", "", ""])
        with TemporaryDirectory() as directory:
            path = Path(directory) / f"STATEMENT_{of}.csv"
            with path.open("w", encoding="utf-8", newline="") as stream:
                out = csv.writer(stream, lineterminator="\r\n")
                out.writerow(["day", "amount", "reference", "counterparty", "text"])
                out.writerows([[when, show_amount(fen), *rest] for when, fen, *rest in (ends[0], *lines, ends[1])])
            desk.ask(bank.take, path, LATE)


def linked(url: str) -> Desk:
    """Open the book in an empty database and play it through 09-24, with orders of 09-25 that wait."""
    terms = [free_terms(four_eyes=("replaced_figures",))]
    desk = Desk.open(url, terms=terms, wallets=WALLETS)
    desk.ask(links.connect, Link(day("09-16"), tolerance=TOLERANCE))
    outside = Outside(desk)
    for first in (_monday, _tuesday, _wednesday, _holidays, _monday_again, _last):
        first(desk, outside)
    return desk


def _monday(desk: Desk, outside: Outside) -> None:
    """09-16: money comes in; bob pays after the cutoff, out of money in transit."""
    for wallet, amount in ((ALICE, 1_000_00), (BOB, 500_00), (CAROL, 300_00), (DORA, 200_00)):
        desk.transfer_in(wallet, amount, "09-16 10:00", "in")
    desk.transfer_in(ALICE, 7_00, "09-16 11:00", "back")
    desk.pay(ALICE, 7_00, "09-16 12:00")
    desk.run("09-16", at("09-16 15:00"))
    desk.pay(BOB, 100_00, "09-16 16:00", "paid")
    outside.apply("09-16")
    desk.run("09-16", at("09-17 00:00"))
    outside.statement("09-16")
    desk.run("09-16", at("09-17 00:00"))


def _tuesday(desk: Desk, outside: Outside) -> None:
    """09-17: in full, in part, not at all, and not yet. Shares are spent, and asked back."""
    full: Told
    part: Told
    full, part = (ALICE, "in", "122", 1_000_00, 1_000_00, {}), (BOB, "in", "122", 500_00, 450_00, {})
    outside.answer("09-17", full, part, (CAROL, "in", "122", 300_00, 0, {}))
    outside.cash("09-17", {"122": -1_450_00})
    desk.run("09-17", at("09-17 00:00"), chunk_size=2)
    desk.transfer_out(ALICE, 300_00, "standard", "09-17 10:00", "out")
    desk.pay(ALICE, 50_00, "09-17 11:00", "paid")
    desk.pay(DORA, 20_00, "09-17 12:00", "paid")
    desk.refund(ALICE, "paid", 5_00, "09-17 13:00", "refund")
    desk.transfer_in(CAROL, 60_00, "09-17 14:00", "again")
    desk.run("09-17", at("09-17 15:00"))
    outside.apply("09-17", 100_00)
    outside.answer("09-17", (ALICE, "paid", "198", 50_00, 50_00, {}), kind="34")
    _end(desk, outside, "09-17", 1_2000, {ALICE: 5})


def _wednesday(desk: Desk, outside: Outside) -> None:
    """09-18: what was late comes, a redemption and one of the advancer's are carried over."""
    late: Told
    carried: Told
    others: tuple[Told, ...]
    late, carried = (DORA, "in", "122", 200_00, 200_00, {}), (ALICE, "out", "124", 300_00, 100_00, {"final": 0})
    others = (ALICE, "refund", "122", 5_00, 5_00, {}), (CAROL, "again", "122", 60_00, 60_00, {})
    outside.answer("09-18", late, carried, *others, ("", 20130917, "124", 100_00, 80_00, {"final": 0}))
    desk.run("09-18", at("09-18 00:00"), chunk_size=2)
    desk.transfer_out(BOB, 30_00, "instant", "09-18 10:00", "cash")
    desk.transfer_in(BOB, 40_00, "09-18 11:00", "more")
    desk.run("09-18", at("09-18 15:00"))
    outside.apply("09-18", 50_00)
    _end(desk, outside, "09-18", 1_3000, {"": -1}, lambda lines: lines[0].__setitem__(1, lines[0][1] + 9_99))


def _holidays(desk: Desk, outside: Outside) -> None:
    """09-19 to 09-22: a control total, nothing earned, a loss, and lines of the bank that nobody expects."""
    stray = ["2013-09-19", 12_34, "T0", "某人", "who knows"]
    _end(desk, outside, "09-19", 1_1111, {}, lambda lines: lines.append(stray))
    _end(desk, outside, "09-20", 0, {})
    _end(desk, outside, "09-21", -1_0000, {CAROL: 1})
    _end(desk, outside, "09-22", 1_2222, {BOB: -2, ALICE: 2})


def _monday_again(desk: Desk, outside: Outside) -> None:
    """09-23: the rest is answered; a figure is published again."""
    rest: tuple[Told, ...]
    mine: tuple[Told, ...]
    rest = (ALICE, "out", "124", 300_00, 150_00, {}), (BOB, "more", "122", 40_00, 40_00, {})
    mine = ("", 20130917, "124", 100_00, 20_00, {}), ("", 20130918, "124", 50_00, 45_00, {})
    outside.answer("09-23", *rest, *mine)
    outside.figure("09-18", 1_3500)
    desk.run("09-23", at("09-23 00:00"), chunk_size=2)
    desk.transfer_in(DORA, 1_00, "09-23 12:00", "one")
    desk.pay(DORA, 150_00, "09-23 11:00", "much")
    desk.run("09-23", at("09-23 15:00"))
    outside.apply("09-23", 155_00)
    _end(desk, outside, "09-23", 1_2500, {}, lambda lines: lines.pop())
    with facade.reading(desk.engine) as connection:
        [proposed] = facade.proposals(connection, desk.book)
    desk.ask(facade.approve, proposed.number, "韩梅梅", at("09-24 08:00"))


def _last(desk: Desk, outside: Outside) -> None:
    """09-24: a confirmation is taken back whose shares are spent; a break is explained. Orders of 09-25 wait."""
    taken = (DORA, "in", "145", 200_00, 200_00, {"original": "S5"})
    outside.answer("09-24", taken, (DORA, "one", "122", 1_00, 1_00, {}), ("", 20130923, "124", 155_00, 155_00, {}))
    desk.run("09-24", at("09-24 15:00"), chunk_size=2)
    outside.apply("09-24")
    _end(desk, outside, "09-24", 1_2400, {}, shares={BOB: 3})
    with facade.reading(desk.engine) as connection:
        found = breaks.all_of(connection, desk.book)
    desk.ask(breaks.explain, found[0].number, "李雷", at("09-25 09:00"), "他们的错")
    desk.transfer_in(CAROL, 9_00, "09-25 10:00", "waits")


def _end(
    desk: Desk,
    outside: Outside,
    on: str,
    rate: int,
    differs: Mapping[str, int],
    wrong: Statement = lambda _: None,
    shares: Mapping[str, int] | None = None,
) -> None:
    """Close a day, tell all that is to be told of it, and do what then is due."""
    after = at(f"{day(on) + timedelta(1)} 00:00")
    desk.run(on, after, chunk_size=2)
    outside.income(on, rate, differs)
    outside.shares(on, shares)
    outside.statement(on, wrong)
    status = desk.run(on, after, chunk_size=2)
    assert (status.blocked_by, status.failed_by, status.days[-1][1]["prove"]) == (None, None, "done"), status
