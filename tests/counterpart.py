"""Both sides of the exchange for the simulator's tests: exports as our side writes them, answers as it reads them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as Tree

from calendars import load
from wallet.simulator.play import Plan, simulate
from wallet.transfer_agent import datafile, indexfile
from wallet.transfer_agent.datafile import Header
from wallet.transfer_agent.indexfile import Index
from wallet.transfer_agent.names import digits_of

ASKED: tuple[str, ...] = ("AppSheetSerialNo", "FundCode", "TransactionDate", "TransactionTime", "TransactionAccountID")
ASKED += ("DistributorCode", "ApplicationVol", "ApplicationAmount", "BusinessCode", "TAAccountID")
TARGET = ("TargetTransactionAccountID", "OriginalAppDate", "TargetTAAccountID")

SUBSCRIBE, REDEEM = "022", "024"


def day(number: int, month: int = 9) -> date:
    """Return a day of autumn 2013; the exchange is closed from 19 to 22 September."""
    return date(2013, month, number)


@dataclass
class Counterpart:
    """A directory that both sides share."""

    directory: Path
    distributor: str = "WALLET"
    agent: str = "TA"
    fund: str = "000198"

    def apply(self, on: date, *asked: tuple[str, int, int], columns: Sequence[str] = ASKED) -> None:
        """Export applications: business code, holder, amount. Serials count from 1 in the order given."""
        rows = [
            {
                "AppSheetSerialNo": f"{digits_of(on)}{number:016}",
                "FundCode": self.fund,
                "TransactionDate": digits_of(on),
                "TransactionTime": "150000",
                "TransactionAccountID": f"{holder:017}",
                "DistributorCode": self.distributor,
                "ApplicationVol": amount if code == REDEEM else 0,
                "ApplicationAmount": amount if code == SUBSCRIBE else 0,
                "BusinessCode": code,
                "TAAccountID": f"{holder:012}",
            }
            for number, (code, holder, amount) in enumerate(asked, 1)
        ]
        self._write("03", "OFI", on, columns, rows)

    def transfer(self, on: date, *moved: tuple[int, int]) -> None:
        """Export quick transfers to the advancer: holder and shares."""
        rows = [
            {
                "AppSheetSerialNo": f"{digits_of(on)}{number:016}",
                "FundCode": self.fund,
                "TransactionDate": digits_of(load().next_or_same(on)),
                "TransactionTime": "120000",
                "TransactionAccountID": f"{holder:017}",
                "DistributorCode": self.distributor,
                "ApplicationVol": shares,
                "ApplicationAmount": 0,
                "BusinessCode": "098",
                "TAAccountID": f"{holder:012}",
                "TargetTransactionAccountID": f"{0:017}",
                "TargetTAAccountID": f"{0:012}",
                "OriginalAppDate": digits_of(on),
            }
            for number, (holder, shares) in enumerate(moved, 100)
        ]
        self._write("33", "OFT", on, (*ASKED, *TARGET), rows)

    def pay(self, on: date, *payments: tuple[str, str]) -> None:
        """Export what the bank is to do: amount and reference."""
        lines = ["day,amount,reference,counterparty,text"]
        lines += [f"{on},{amount},{reference},钱 & <Co>,transfer" for amount, reference in payments]
        (self.directory / f"BANK_{self.distributor}_{digits_of(on)}.csv").write_text("\n".join(lines) + "\n", "utf-8")

    def _write(self, kind: str, prefix: str, on: date, columns: Sequence[str], rows: list[dict[str, Any]]) -> None:
        header = Header(self.distributor, self.agent, on, kind, "", "", tuple(columns))
        name = datafile.name_of(header)
        with (self.directory / name).open("wb") as stream:
            blocks = [{column: [row[column] for row in rows] for column in columns}] if rows else []
            datafile.write(stream, header, len(rows), blocks)
        index = Index(self.distributor, self.agent, on, (name,), prefix)
        with (self.directory / indexfile.name_of(index)).open("wb") as stream:
            indexfile.write(stream, index)

    def play(self, on: date | None = None, plan: Plan | None = None) -> dict[str, Any]:
        """Play a day."""
        return simulate(self.directory, load(), plan or Plan(1), on)

    def read(self, kind: str, of: date, *fields: str) -> list[tuple[Any, ...]]:
        """Return fields of a file that came back; accounts, codes and dates as text, numbers in their units."""
        path = self.directory / f"OFD_{self.agent}_{self.distributor}_{digits_of(of)}_{kind}.TXT"
        with datafile.open_file(path) as data:
            return [row for block in data.blocks() for row in block.rows(fields)]

    def shares(self, of: date, kind: str = "05") -> dict[int, int]:
        """Return the register of a day, by holder."""
        return {int(account): held for account, held in self.read(kind, of, "TAAccountID", "TotalVolOfDistributorInTA")}

    def income(self, of: date) -> dict[int, int]:
        """Return the income of a day, by holder."""
        return {int(account): fen for account, fen in self.read("06", of, "TAAccountID", "DividendAmount")}

    def answers(self, of: date, kind: str = "04") -> list[tuple[Any, ...]]:
        """Return the answers of a day: code, holder, confirmed, return code, final."""
        fields = ("BusinessCode", "TAAccountID", "ConfirmedVol", "ReturnCode", "BusinessFinishFlag")
        return [(code, int(holder), *rest) for code, holder, *rest in self.read(kind, of, *fields)]

    def statement(self, of: date) -> tuple[int, list[tuple[str, int, str]], int]:
        """Return what a statement says: balance before, lines (day, amount, reference), balance after."""
        name = "{urn:iso:std:iso:20022:tech:xsd:camt.053.001.02}"
        body = Tree.parse(self.directory / f"STATEMENT_{digits_of(of)}.xml").getroot()[0].find(f"{name}Stmt")
        assert body is not None
        balances = {balance.findtext(f".//{name}Cd"): _money(balance, name) for balance in body.iter(f"{name}Bal")}
        lines = [
            (
                str(entry.findtext(f"{name}BookgDt/{name}Dt")),
                _money(entry, name),
                str(entry.findtext(f".//{name}EndToEndId")),
            )
            for entry in body.iter(f"{name}Ntry")
        ]
        return balances["OPBD"], lines, balances["CLBD"]

    def files(self) -> dict[str, bytes]:
        """Return the bytes of every file in the directory, by name."""
        return {str(p.relative_to(self.directory)): p.read_bytes() for p in self.directory.rglob("*") if p.is_file()}


def _money(element: Tree.Element, name: str) -> int:
    amount = element.find(f"{name}Amt")
    assert amount is not None
    assert amount.get("Ccy") == "CNY"
    whole, part = str(amount.text).split(".")
    return int(whole + part) * (-1 if element.findtext(f"{name}CdtDbtInd") == "DBIT" else 1)
