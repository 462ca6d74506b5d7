"""What our side exported into the directory: applications (03), quick transfers (33), payments for the bank.

A data file counts once the index of its day lists it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from wallet.errors import FundwalletError, InvalidRequest
from wallet.simulator.answers import REDEMPTION, SUBSCRIPTION, TRANSFER, Application
from wallet.simulator.bank import Line, read_payments
from wallet.transfer_agent import datafile, indexfile
from wallet.transfer_agent.datafile import Block
from wallet.transfer_agent.errors import MalformedFile
from wallet.transfer_agent.layout import FIELDS
from wallet.transfer_agent.names import Name, day_of, digits_of, parse_name

APPLICATIONS, TRANSFERS = "03", "33"
INDEX = {APPLICATIONS: "OFI", TRANSFERS: "OFT"}
CODES = {APPLICATIONS: (SUBSCRIPTION, REDEMPTION), TRANSFERS: (TRANSFER,)}
DATED = {APPLICATIONS: "TransactionDate", TRANSFERS: "OriginalAppDate"}
"""The field that holds the day of the file: quick transfers name the natural day beside their trade date."""

NEEDED = ("AppSheetSerialNo", "BusinessCode", "FundCode", "DistributorCode", "TransactionDate", "TAAccountID")
USED = (*NEEDED, "TransactionTime", "ApplicationVol", "ApplicationAmount", "TargetTAAccountID", "OriginalAppDate")


class MissingExport(FundwalletError):
    """The day cannot be played: an exported file is not there, or no index lists it."""

    code = "missing_export"

    def __init__(self, day: date, file: str, why: str) -> None:
        self.day, self.file = day, file
        super().__init__(f"{day} cannot be played: {file} {why}")


@dataclass(frozen=True, slots=True)
class Exports:
    """The files of one distributor for one transfer agent, about one fund."""

    directory: Path
    distributor: str
    agent: str
    fund: str

    def applications(self, file_type: str, day: date) -> list[Application]:
        """Return the records of a day's file in their order. Raises: MissingExport; MalformedFile; OSError."""
        path = self._listed(file_type, day)
        with datafile.open_file(path) as data:
            if missing := [name for name in (*NEEDED, DATED[file_type]) if name not in data.header.fields]:
                raise MalformedFile(path.name, None, "field names", "no such column", f"also {missing[0]}")
            known: set[str] = set()
            return [one for block in data.blocks() for one in self._read(file_type, day, block, known)]

    def first_transfers(self) -> date | None:
        """Return the first day of which quick transfers were exported."""
        sides = self.distributor, self.agent
        days = (n.day for n in _data_files(self.directory, TRANSFERS) if (n.creator, n.receiver) == sides)
        return min(days, default=None)

    def payments(self, after: date | None, through: date) -> list[Line] | None:
        """Return what the bank is to do through a day, and was not told before; None without a list of the day itself.

        Raises: MalformedFile; OSError.
        """
        found: dict[date, Path] = {}
        for path in self.directory.glob(f"BANK_{self.distributor}_*.csv"):
            day = day_of(path.stem.rpartition("_")[2])
            if day is not None and day <= through and (after is None or day > after):
                found[day] = path
        return [line for day in sorted(found) for line in read_payments(found[day])] if through in found else None

    def _listed(self, file_type: str, day: date) -> Path:
        name = str(Name("OFD", self.distributor, self.agent, day, file_type))
        index = str(Name(INDEX[file_type], self.distributor, self.agent, day))
        if not (self.directory / name).exists():
            raise MissingExport(day, name, "is not there")
        if not (self.directory / index).exists():
            raise MissingExport(day, name, f"does not count before {index} is there")
        if name not in indexfile.read(self.directory / index).files:
            raise MissingExport(day, name, f"is not listed in {index}")
        return self.directory / name

    def _read(self, file_type: str, day: date, block: Block, known: set[str]) -> Iterator[Application]:
        fields = [name for name in USED if block.has(name)]
        absent = {name: 0 if FIELDS[file_type][name].kind == "N" else "" for name in USED}
        for number, values in enumerate(block.rows(fields)):
            row = absent | dict(zip(fields, values, strict=True))
            for field, expected, holds in self._checks(file_type, day, row, known):
                if not holds:
                    raise MalformedFile(block.file, block.where(number), field, str(row[field]), expected)
            known.add(row["AppSheetSerialNo"])
            yield _application(row)

    def _checks(
        self, file_type: str, day: date, row: dict[str, Any], known: set[str]
    ) -> Iterator[tuple[str, str, bool]]:
        """Yield what a record must be, so that it can be answered: the field, what is expected, whether it holds."""
        code, digits, serial = row["BusinessCode"], digits_of(day), row["AppSheetSerialNo"]
        yield "BusinessCode", " or ".join(CODES[file_type]), code in CODES[file_type]
        yield "FundCode", self.fund, row["FundCode"] == self.fund
        yield "DistributorCode", self.distributor, row["DistributorCode"] == self.distributor
        yield DATED[file_type], digits, row[DATED[file_type]] == digits
        yield "AppSheetSerialNo", "each application once", serial != "" and serial not in known
        yield "TAAccountID", "an account", _is_account(row["TAAccountID"])
        yield _amount(code), "more than 0", row[_amount(code)] > 0
        if code == TRANSFER:
            yield "TargetTAAccountID", "an account", _is_account(row["TargetTAAccountID"])


def sides(directory: Path) -> tuple[str, str, date] | None:
    """Return the codes of distributor and transfer agent and the first exported day; None where nothing was exported.

    Raises: InvalidRequest (files of several); OSError.
    """
    names = [name for file_type in INDEX for name in _data_files(directory, file_type)]
    codes = {(name.creator, name.receiver) for name in names}
    if len(codes) > 1:
        several = " and ".join(f"{creator} for {receiver}" for creator, receiver in sorted(codes)[:2])
        raise InvalidRequest(f"directory {directory}", f"it holds exports of {several}, and one register is for one")
    return (*codes.pop(), min(name.day for name in names)) if names else None


def _data_files(directory: Path, file_type: str) -> list[Name]:
    found = []
    for path in directory.glob(f"OFD_*_{file_type}.TXT"):
        with suppress(MalformedFile):
            found.append(parse_name(path.name))
    return found


def _application(row: dict[str, Any]) -> Application:
    amount = row[_amount(row["BusinessCode"])]
    return Application(
        row["BusinessCode"],
        row["AppSheetSerialNo"],
        row["TransactionDate"],
        row["TransactionTime"],
        int(row["TAAccountID"]),
        amount,
        amount,
        int(row["TargetTAAccountID"] or 0),
        row["OriginalAppDate"],
    )


def _amount(code: str) -> str:
    return "ApplicationAmount" if code == SUBSCRIPTION else "ApplicationVol"


def _is_account(digits: str) -> bool:
    return digits.isascii() and digits.isdecimal()
