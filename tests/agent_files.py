"""Files of a transfer agent as the tests make them: by hand, record by record, with the codec's writer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ledger.schema import journal_entry
from tests.desk import Desk, at, day
from wallet.errors import FundwalletError
from wallet.outside import files, links, taking
from wallet.outside.files import OutsideFile
from wallet.outside.links import Link
from wallet.outside.taking import Taken
from wallet.transfer_agent import datafile, indexfile
from wallet.transfer_agent.datafile import Header
from wallet.transfer_agent.indexfile import Index
from wallet.transfer_agent.layout import FIELDS

US, AGENT, FUND = "WALLET", "TA", "000198"
T, C, LATER = day("09-16"), day("09-17"), day("09-18")
RECEIVED = at("2014-01-01 00:00")

Record = dict[str, Any]
"""A record by field: text, or a number in units of the last decimal."""

SAME: dict[str, dict[str, Any]] = {
    "04": {"FundCode": FUND, "DistributorCode": US, "CurrencyType": "156", "NAV": 10000, "ReturnCode": "0000"},
    "05": {"FundCode": FUND, "DistributorCode": US, "BranchCode": US, "ShareClass": "0", "DetailFlag": "0"},
    "06": {
        "FundCode": FUND,
        "DistributorCode": US,
        "BranchCode": US,
        "CurrencyType": "156",
        "ReturnCode": "0000",
        "BusinessCode": "143",
        "DividendType": "2",
        "DefDividendMethod": "0",
        "ShareClass": "0",
    },
    "07": {
        "FundName": "增利宝货币𠮷",
        "FundCode": FUND,
        "FundStatus": "0",
        "NAV": 10000,
        "NetValueType": "0",
        "AccumulativeNAV": 10000,
        "FundIncomeFlag": "0",
        "YieldFlag": "0",
        "FundDayIncomeFlag": "0",
    },
    "25": {"FundCode": FUND, "DistributorCode": US, "CurrencyType": "156", "DetailFlag": "0", "ReceOrPayFlag": "0"},
}
"""What the records of a type have in common."""

MORE = {
    "04": (
        "AppSheetSerialNo TransactionCfmDate ConfirmedVol ConfirmedAmount LargeRedemptionFlag TransactionDate"
        " TransactionAccountID ApplicationVol ApplicationAmount BusinessCode TAAccountID TASerialNO BusinessFinishFlag"
        " OriginalSerialNo Specification OriginalCfmDate OriginalAppDate"
    ),
    "05": "TotalFrozenVol",
    "07": "FundIncome FundIncomeFlag Yield YieldFlag FundDayIncome FundDayIncomeFlag",
}
"""Columns beside those that the type requires."""


def digits(of: date) -> str:
    """Return a day as the files have it."""
    return f"{of:%Y%m%d}"


def account(holder: int) -> dict[str, str]:
    """Return a holder's accounts."""
    return {"TransactionAccountID": f"{holder:017}", "TAAccountID": f"{holder:012}"}


def application(of: date, number: int) -> str:
    """Return an application's number."""
    return f"{digits(of)}{number:016}"


def answer(code: str, holder: int, asked: date, entry: int, applied: int, confirmed: int, **more: Any) -> Record:
    """Return a record of file 04 or 34."""
    field = "ApplicationAmount" if code == "122" else "ApplicationVol"
    return (
        account(holder)
        | {"AppSheetSerialNo": application(asked, entry), "TransactionDate": digits(asked), "BusinessCode": code}
        | {field: applied, "ConfirmedVol": confirmed, "ConfirmedAmount": confirmed, "BusinessFinishFlag": "1"}
        | more
    )


def earned(holder: int, basis: int, income: int, **more: Any) -> Record:
    """Return a record of file 06."""
    same = dict.fromkeys(("VolOfDividendforReinvestment", "DividendAmount", "ConfirmedAmount"), income)
    return account(holder) | {"BasisforCalculatingDividend": basis} | same | more


def held(holder: int, total: int, frozen: int = 0, **more: Any) -> Record:
    """Return a record of file 05 or 35."""
    shares = {"TotalVolOfDistributorInTA": total, "AvailableVol": total - frozen, "TotalFrozenVol": frozen}
    return account(holder) | shares | more


def columns_of(kind: str) -> tuple[str, ...]:
    """Return the columns of a type as the tests write it."""
    like = {"34": "04", "35": "05"}.get(kind, kind)
    wanted = {*SAME[like], *MORE.get(like, "").split()}
    return tuple(name for name, field in FIELDS[kind].items() if field.required or name in wanted)


def put(directory: Path, kind: str, on: date, records: Sequence[Record], **head: Any) -> Path:
    """Write a data file and return its path; `head` changes its header."""
    like = {"34": "04", "35": "05"}.get(kind, kind)
    dated = {"TransactionCfmDate": digits(on)}
    if kind == "06":
        dated |= {"RegistrationDate": digits(on)} | dict.fromkeys(("XRDate", "DividentDate"), digits(on + timedelta(1)))
    rows = [SAME[like] | dated | {"TASerialNO": f"{kind}{n:018}"} | record for n, record in enumerate(records, 1)]
    return write(directory, kind, on, rows, **head)


def write(directory: Path, kind: str, on: date, rows: Sequence[Record], **head: Any) -> Path:
    """Write rows as they are; what a row does not say is blank or 0."""
    names = head.pop("fields", columns_of(kind))
    header = Header(head.pop("creator", AGENT), head.pop("receiver", US), on, kind, AGENT, US, names, **head)
    columns: dict[str, Any] = {}
    for name in names:
        number = FIELDS[kind][name].kind == "N"
        values = [row.get(name, 0 if number else "") for row in rows]
        columns[name] = np.array(values, np.int64) if number else values
    path = directory / datafile.name_of(header)
    with path.open("wb") as stream:
        datafile.write(stream, header, len(rows), [columns] if rows else [])
    return path


def put_index(directory: Path, on: date, *listed: Path, prefix: str = "OFI") -> Path:
    """Write the index that lists some files."""
    index = Index(AGENT, US, on, tuple(path.name for path in listed), prefix)
    path = directory / indexfile.name_of(index)
    with path.open("wb") as stream:
        indexfile.write(stream, index)
    return path


def connect(desk: Desk, first: str = "09-16") -> None:
    """Connect a book with the transfer agent from a trade date on."""
    assert desk.ask(links.connect, Link(day(first), US, AGENT))


def sent(desk: Desk, kind: str, on: date, control: int = 0) -> None:
    """Say that the applications of a day were sent, which the writer of those files would say."""
    with desk.engine.begin() as connection:
        number = files.next_number(connection, desk.book)
        name = f"OFD_{US}_{AGENT}_{digits(on)}_{kind}.TXT"
        file = OutsideFile(name, kind, on, on, 0, b"sent", control)
        files.write(connection, desk.book, number, file, b"none", RECEIVED)


def entries(desk: Desk) -> dict[str, int]:
    """Return the entries of orders by their request ids."""
    rows = desk.rows(journal_entry, journal_entry.c.holder_id > 0)
    return {row.request_id: row.entry_id for row in rows}


@dataclass
class Agent:
    """A book whose applications of 09-16 are sent, and the directory that the transfer agent's files come into."""

    desk: Desk
    directory: Path

    @classmethod
    def of(cls, desk: Desk, place: Path) -> Agent:
        """Let each wallet transfer in on 09-16, cut that off and send it."""
        (directory := place / "files").mkdir()
        connect(desk)
        for wallet, amount, request in (("alice", 100_00, "a"), ("bob", 50_00, "b"), ("carol", 7_00, "c")):
            desk.transfer_in(wallet, amount, "09-16 10:00", request)
        desk.run("09-16", at("09-16 16:00"))
        sent(desk, "03", T)
        return cls(desk, directory)

    def take(self, path: Path) -> Taken:
        """Take one file."""
        return self.desk.ask(taking.take, path, RECEIVED)

    def take_all(self, **options: Any) -> list[Taken]:
        """Take the directory."""
        return taking.take_directory(self.desk.engine, self.desk.book, self.directory, RECEIVED, **options)

    def confirm(self, **of_bob: Any) -> None:
        """Have 09-17 answered, and booked; `of_bob` changes his answer."""
        answers = self.confirmed()
        answers[1] |= of_bob
        self.take(put(self.directory, "04", C, answers))
        self.desk.run("09-17", at("09-17 01:00"))

    def refuses(self, path: Path) -> str:
        """Expect a file to be refused with one line, and nothing changed; return the line without the file's name."""
        before = self.desk.dump()
        with pytest.raises(FundwalletError) as refused:
            self.take(path)
        assert self.desk.dump() == before
        line = str(refused.value)
        assert "\n" not in line
        return line.removeprefix(path.name).lstrip()

    def entry(self, request: str) -> int:
        """Return the entry of an order."""
        return entries(self.desk)[request]

    def confirmed(self, *more: Record) -> list[Record]:
        """Return answers to all of 09-16: alice in full, bob in part, carol not at all."""
        entry = entries(self.desk)
        return [
            answer("122", 1, T, entry["a"], 100_00, 100_00),
            answer("122", 2, T, entry["b"], 50_00, 20_00),
            answer("122", 3, T, entry["c"], 7_00, 0, ReturnCode="0307"),
            *more,
        ]


def figure(on: str, income: int, **more: Any) -> Record:
    """Return a record of file 07; `income` is in units of the fifth decimal."""
    row = {"UpdateDate": digits(day(on)), "FundIncome": income, "Yield": 4421, "TotalFundVol": 10**15}
    return row | {"FundDayIncome": 12_00} | more


def rows(desk: Desk, table: Any, *columns: str) -> list[tuple[Any, ...]]:
    """Return some columns of every row of a table."""
    return [tuple(getattr(row, name) for name in columns) for row in desk.rows(table)]
