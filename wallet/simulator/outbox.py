"""What the simulator sends: the files of transfer agent and fund, written with the codec, each batch's index last."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from wallet.simulator.answers import CONFIRMED, REDEMPTION, SUBSCRIPTION, Answer
from wallet.simulator.night import Night
from wallet.simulator.register import whole
from wallet.transfer_agent import datafile, indexfile
from wallet.transfer_agent.datafile import BLOCK, Header
from wallet.transfer_agent.indexfile import Index
from wallet.transfer_agent.layout import FIELDS, required
from wallet.transfer_agent.names import digits_of

Value = str | int

NEEDED = {"04": {*required("122"), *required("124")}, "34": {*required("198")}, "06": {*required("143")}}
"""Fields of a file that its records need; of the other files, those that the layout requires."""

ALWAYS: Mapping[str, Value] = {
    "CurrencyType": "156",
    "NAV": 10_000,
    "AccumulativeNAV": 10_000,
    "DrawBonusUnit": 10_000,
    "DividendType": "2",
    "IndividualOrInstitution": "1",
    "ReturnCode": "0000",
}
"""Yuan, shares of 1.0000, reinvested income. A needed field that is named nowhere is 0: no fee, one class of shares."""

DISTRIBUTOR = ("DistributorCode", "BranchCode", "TargetDistributorCode", "TargetBranchCode")

RECEIVED, PAID = "0", "1"
"""ReceOrPayFlag, as the distributor sees it."""

ACCOUNT = ("TransactionAccountID", "TAAccountID")
APPLIED = (
    "BusinessCode",
    "AppSheetSerialNo",
    "TransactionDate",
    "TransactionTime",
    "ApplicationAmount",
    "ApplicationVol",
)
DECIDED = ("ConfirmedAmount", "ConfirmedVol", "ReturnCode", "LargeRedemptionFlag", "BusinessFinishFlag")
TARGET = ("TargetTransactionAccountID", "TargetTAAccountID", "OriginalAppDate")
SHARES = ("AvailableVol", "TotalVolOfDistributorInTA", "TotalFrozenVol")
INCOME = ("VolOfDividendforReinvestment", "DividendAmount", "ConfirmedAmount")

Row = tuple[Value, ...]


@dataclass(slots=True)
class Outbox:
    """Writes files into `directory`; `written` are their names, in the order in which they may be seen."""

    directory: Path
    distributor: str
    agent: str
    fund: str
    written: list[str] = field(default_factory=list)

    def send(self, night: Night) -> None:
        """Write both batches of a night: of quick transfers 34 and 35, of the day 04, 25, 07, 06 and 05."""
        if night.transfers is not None:
            taking_part = [one.application for one in night.transfers]
            touched = {one.holder for one in taking_part} | {one.target for one in taking_part}
            balances = {holder: night.balances.get(holder, 0) for holder in touched}
            names = [self._answers("34", night.day, night.transfers), self._balances("35", night, balances)]
            self._index("OFB", night.day, names)
        names = []
        if night.due is not None:
            names = [self._answers("04", night.due, night.answers), self._clearing(night, night.due)]
        names += [self._figures(night), self._income(night), self._balances("05", night, night.balances)]
        self._index("OFI", night.day, names)

    def other(self, name: str, content: bytes) -> None:
        """Write a file that is none of the format's."""
        with whole(self.directory / name) as stream:
            stream.write(content)
        self.written.append(name)

    def _answers(self, file_type: str, day: date, answers: Sequence[Answer]) -> str:
        is_quick = file_type == "34"
        names = (*ACCOUNT, *APPLIED, *DECIDED, "TASerialNO", *(TARGET if is_quick else ()))
        rows = [
            (*_record(answer), _serial(day, file_type, n), *(_target(answer) if is_quick else ()))
            for n, answer in enumerate(answers, 1)
        ]
        return self._data(file_type, day, _dated(day, "TransactionCfmDate", "DownLoaddate"), names, rows)

    def _balances(self, file_type: str, night: Night, balances: Mapping[int, int]) -> str:
        frozen = {holder: max(0, min(shares, night.frozen.get(holder, 0))) for holder, shares in balances.items()}
        rows = [
            (*_account(holder), shares - frozen[holder], shares, frozen[holder])
            for holder, shares in sorted(balances.items())
        ]
        same = _dated(night.day, "TransactionCfmDate")
        return self._data(file_type, night.day, same, (*ACCOUNT, *SHARES), rows)

    def _income(self, night: Night) -> str:
        day = night.day
        same = _dated(day, "RegistrationDate", "TransactionCfmDate")
        same |= _dated(day + timedelta(1), "XRDate", "DividentDate", "DownLoaddate")
        same |= {"BusinessCode": "143", "DividendPerUnit": night.figure // 100}
        rows = [
            (*_account(holder), _serial(day, "06", n), night.shares[holder], amount, amount, amount)
            for n, (holder, amount) in enumerate(sorted(night.income.items()), 1)
        ]
        names = (*ACCOUNT, "TASerialNO", "BasisforCalculatingDividend", *INCOME)
        return self._data("06", day, same, names, rows)

    def _figures(self, night: Night) -> str:
        """Write what the fund publishes; it is as large as the register."""
        shares, income = sum(night.shares.values()), sum(night.income.values())
        row = _dated(night.day, "UpdateDate") | {"FundName": f"Fund {self.fund}"}
        row |= {"TotalFundVol": shares, "FundSize": shares, "Yield": abs(night.seven_day)}
        row |= {"FundIncome": abs(night.figure) * 10, "FundDayIncome": abs(income)}
        signed = {"FundIncomeFlag": night.figure, "YieldFlag": night.seven_day, "FundDayIncomeFlag": income}
        row |= {name: "1" if value < 0 else "0" for name, value in signed.items()}
        return self._data("07", night.day, {}, tuple(row), [tuple(row.values())])

    def _clearing(self, night: Night, due: date) -> str:
        same = _dated(due, "TransactionCfmDate", "CalculateDate", "PayDate", "DownLoaddate")
        rows = [
            (_serial(due, "25", n), code, abs(amount), RECEIVED if amount > 0 else PAID)
            for n, (code, amount) in enumerate(sorted(night.clearing.items()), 1)
        ]
        names = ("SequenceNO", "BusinessCode", "ConfirmedAmount", "ReceOrPayFlag")
        return self._data("25", due, same | _dated(night.day, "TransactionDate"), names, rows)

    def _index(self, prefix: str, day: date, names: Sequence[str]) -> None:
        index = Index(self.agent, self.distributor, day, tuple(names), prefix)
        with whole(self.directory / indexfile.name_of(index)) as stream:
            indexfile.write(stream, index)
        self.written.append(indexfile.name_of(index))

    def _data(
        self, file_type: str, day: date, same: Mapping[str, Value], names: Sequence[str], rows: Sequence[Row]
    ) -> str:
        """Write a file: `names` and `rows`, what is the `same` in every record, and what its records need besides."""
        known = FIELDS[file_type]
        needed = NEEDED.get(file_type) or {each.name for each in known.values() if each.required}
        constant: dict[str, Value] = {name: 0 if known[name].kind == "N" else "0" for name in needed}
        constant |= {**dict.fromkeys(DISTRIBUTOR, self.distributor), "FundCode": self.fund, **ALWAYS}
        constant = {name: constant[name] for name in needed if name not in names} | dict(same)
        columns = tuple(name for name in known if name in constant or name in names)
        head = Header(self.agent, self.distributor, day, file_type, self.agent[:8], self.distributor[:8], columns)
        with whole(self.directory / datafile.name_of(head)) as stream:
            datafile.write(stream, head, len(rows), _blocks(constant, names, rows))
        self.written.append(datafile.name_of(head))
        return self.written[-1]


def _record(answer: Answer) -> Row:
    of, code = answer.application, answer.application.code
    amount, shares = (of.applied, 0) if code == SUBSCRIPTION else (0, of.applied)
    flag, ended = "1" if code == REDEMPTION else "", "1" if answer.final else "0"
    return (
        *_account(of.holder),
        *(CONFIRMED[code], of.serial, of.trade_date, of.time, amount, shares),
        *(answer.confirmed, answer.confirmed, answer.return_code, flag, ended),
    )


def _target(answer: Answer) -> Row:
    return (*_account(answer.application.target), answer.application.asked_on)


def _account(holder: int) -> Row:
    return f"{holder:017}", f"{holder:012}"


def _serial(day: date, file_type: str, number: int) -> str:
    return f"{digits_of(day)}{file_type}{number:010}"


def _dated(day: date, *names: str) -> dict[str, Value]:
    return dict.fromkeys(names, digits_of(day))


def _blocks(constant: Mapping[str, Value], names: Sequence[str], rows: Sequence[Row]) -> Iterator[dict[str, Any]]:
    for start in range(0, len(rows), BLOCK):
        some = rows[start : start + BLOCK]
        varying = dict(zip(names, zip(*some, strict=True), strict=True))
        yield varying | {name: [value] * len(some) for name, value in constant.items()}
