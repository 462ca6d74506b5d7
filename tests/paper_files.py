"""A second reading of the transfer agent's files, in plain Python: cell by cell, record by record, no set at once.

It shares with the product the table of fields, which is the standard's, and nothing else. `read` says what a file may
leave in the database, or that it has to be refused.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

from wallet.transfer_agent.layout import BUSINESS_CODES, FIELDS, RETURN_CODES

NAME = re.compile(r"OFD_([0-9A-Za-z]{1,9})_([0-9A-Za-z]{1,9})_([0-9]{8})_([0-9]{2})\.TXT")
KINDS = {"04", "05", "06", "07", "25", "34", "35"}
LARGEST = 10**13
NEEDED = {
    "04": "AppSheetSerialNo BusinessCode ConfirmedVol ReturnCode TASerialNO TransactionAccountID ConfirmedAmount",
    "34": "AppSheetSerialNo BusinessCode ConfirmedVol ReturnCode TASerialNO TransactionAccountID",
    "07": "FundIncome FundIncomeFlag Yield YieldFlag FundDayIncome FundDayIncomeFlag",
}


class Refused(Exception):
    """The file has to be refused; the text says why."""


@dataclass
class Facts:
    """What the book knows, as the test that filled it knows it.

    `orders`: by (holder, number) business code, day of the application and what is applied for; `quick`: the same of
    quick transfers; `advancer`: what it applied for by day; `answered`: by (holder, application, business code) day,
    amount confirmed and whether finally; `confirmed`: by (holder, day, serial) application and amount.
    """

    trading_days: set[date]
    first: date
    last: date
    wallets: set[int]
    booked: set[tuple[str, date]]
    known: Mapping[str, bytes]
    orders: dict[tuple[int, int], tuple[str, date, int]]
    quick: dict[tuple[int, int], tuple[date, int]]
    advancer: dict[date, int]
    sent: set[date]
    quick_sent: set[date]
    answered: dict[tuple[int, int, str], list[tuple[date, int, bool]]] = field(default_factory=dict)
    confirmed: dict[tuple[int, date, str], tuple[int, int]] = field(default_factory=dict)
    serials: set[tuple[date, str]] = field(default_factory=set)


@dataclass
class Paper:
    """What a file says: its rows, one tuple for each, and the sum of its income."""

    kind: str
    day: date
    records: int
    rows: list[tuple[Any, ...]]
    control: int = 0


def expect(right: bool, why: str) -> None:
    """Refuse what is not right."""
    if not right:
        raise Refused(why)


def day_of(text: str) -> date:
    """Return a day YYYYMMDD."""
    expect(re.fullmatch("[0-9]{8}", text) is not None, f"day {text}")
    try:
        return date(int(text[:4]), int(text[4:6]), int(text[6:]))
    except ValueError:
        raise Refused(f"day {text}") from None


def cells(name: str, content: bytes) -> tuple[str, date, set[str], list[dict[str, Any]]]:
    """Return type, day, columns and records of a file as its bytes have them."""
    match = NAME.fullmatch(name)
    expect(match is not None, "name")
    assert match is not None
    creator, receiver, digits, kind = match.groups()
    expect(kind in KINDS, "type")
    day = day_of(digits)
    rest = content

    def line() -> bytes:
        nonlocal rest
        head, end, rest = rest.partition(b"\r\n")
        expect(end == b"\r\n" and b"\n" not in head and len(head) < 99, "end of line")
        return head

    for wanted in ("OFDCFDAT", "21  ", creator.ljust(9), receiver.ljust(9), digits):
        expect(line() == wanted.encode(), wanted)
    expect(re.fullmatch(rb"[0-9]{3}", line()) is not None, "summary")
    expect(line() == kind.encode(), "type")
    for who in (line(), line()):
        expect(len(who) == 8, "width")
        text_of(who)
    count = line()
    expect(re.fullmatch(rb"[0-9]{3}", count) is not None and int(count) > 0, "fields")
    names = [line().decode("gb18030", "replace") for _ in range(int(count))]
    layout = FIELDS[kind]
    expect(all(each in layout for each in names) and len(set(names)) == len(names), "fields")
    expect(all(each.name in names for each in layout.values() if each.required), "required fields")
    count = line()
    expect(re.fullmatch(rb"[0-9]{8}", count) is not None, "records")
    records = []
    width = sum(layout[each].length for each in names)
    expect(len(rest) == int(count) * (width + 2) + len("OFDCFEND\r\n"), "size")
    for _ in range(int(count)):
        record, rest = rest[:width], rest[width:]
        expect(rest[:2] == b"\r\n", "end of record")
        rest, told = rest[2:], {}
        for each in names:
            cell, record = record[: layout[each].length], record[layout[each].length :]
            told[each] = value_of(layout[each].kind, cell)
        records.append(told)
    expect(rest == b"OFDCFEND\r\n", "end")
    return kind, day, set(names), records


def text_of(cell: bytes) -> str:
    """Return the text of a cell."""
    expect(not any(byte < 0x20 or byte == 0x7F for byte in cell), "control character")
    try:
        text = cell.decode("gb18030").rstrip(" ")
    except UnicodeDecodeError:
        raise Refused("encoding") from None
    expect(not text.startswith(" "), "blank before text")
    return text


def value_of(kind: str, cell: bytes) -> Any:
    """Return the value of a cell."""
    if kind == "N":
        expect(re.fullmatch(rb"-?[0-9]+", cell) is not None, "number")
        expect(not (cell[:1] == b"-" and int(cell) == 0), "minus zero")
        return int(cell)
    if kind == "A":
        expect(re.fullmatch(rb"[0-9]* *", cell) is not None, "digits")
        return cell.decode().rstrip(" ")
    return text_of(cell)


def read(name: str, content: bytes, facts: Facts) -> Paper:
    """Return what a file says. Raises: Refused."""
    kind, day, names, records = cells(name, content)
    expect(name.startswith("OFD_TA_WALLET_"), "sides")
    linked = day
    if kind in ("04", "25"):
        expect(day in facts.trading_days, "trading day")
        before = max((each for each in facts.trading_days if each < day), default=day)
        linked = before if before >= facts.first else day
    expect(facts.first <= linked and day <= facts.last, "link")
    expect(not records or (kind, day) not in facts.booked, "too late")
    if name in facts.known:
        expect(facts.known[name] == content, "changed")
    expect(set(NEEDED.get(kind, "").split()) <= names, "columns")
    blank = {each: 0 if of.kind == "N" else "" for each, of in FIELDS[kind].items()}
    tell = {"04": answer, "34": answer, "05": shares, "35": shares, "06": income, "07": figure, "25": cash}[kind]
    paper = Paper(kind, day, len(records), [])
    keys: set[Any] = set()
    for record in records:
        told = tell(blank | record, names, paper, facts)
        if told is None:
            continue
        row, unique = told
        expect(not keys & unique, "twice")
        keys |= unique
        paper.rows.append(row)
    if kind == "06":
        paper.control = sum(row[2] for row in paper.rows)
    paper.rows.sort(key=lambda row: tuple(map(str, row)))
    return paper


Told = tuple[tuple[Any, ...], set[Any]] | None


def amount(value: int, *, signed: bool = False) -> int:
    """Return an amount within its bounds."""
    expect((-LARGEST if signed else 0) <= value <= LARGEST, "amount")
    return value


def ours(record: dict[str, Any]) -> None:
    """Expect our fund and ourselves."""
    expect(record["FundCode"] == "000198" and record["DistributorCode"] == "WALLET", "whose")


def holder_of(record: dict[str, Any], *, known: bool = True) -> int:
    """Return the holder of a record."""
    text = record["TransactionAccountID"]
    expect(len(text) == 17, "account")
    if known:
        expect(int(text) < 10**12 and record["TAAccountID"] == text[5:], "accounts")
    return int(text)


def answer(r: dict[str, Any], names: set[str], paper: Paper, facts: Facts) -> Told:
    """Read a record of 04 or 34."""
    ours(r)
    code, day = r["BusinessCode"], paper.day
    expect(day_of(r["TransactionCfmDate"]) == day, "day")
    expect(code in (("198",) if paper.kind == "34" else ("122", "124", "145", "198")), "code")
    holder, confirmed = holder_of(r), amount(r["ConfirmedVol"])
    amount(r["ApplicationAmount"])
    amount(r["ApplicationVol"])
    returned, finish, serial = r["ReturnCode"], r["BusinessFinishFlag"], r["TASerialNO"]
    expect(returned in RETURN_CODES and (returned == "0000" or confirmed == 0), "return code")
    expect(finish in ("", "0", "1") and serial != "", "flag or serial")
    expect(finish != "" if code == "124" else finish != "0", "flag")
    expect((day, serial) not in facts.serials, "serial")
    original = None
    if code == "145":
        original = r["OriginalSerialNo"]
        was = facts.confirmed.get((holder, day_of(r["OriginalCfmDate"]), original))
        expect(was is not None and day_of(r["OriginalCfmDate"]) < day, "original")
        assert was is not None
        number, applied = was
        expect(confirmed == applied > 0 and (holder, number, "145") not in facts.answered, "taken back")
    else:
        text = r["AppSheetSerialNo"]
        expect(len(text) == 24, "application")
        asked, number = day_of(text[:8]), int(text[8:])
        applied = r["ApplicationAmount"] if code == "122" else r["ApplicationVol"]
        expect(confirmed <= applied > 0, "amount")
        if code == "198":
            expect(asked in facts.quick_sent and facts.quick.get((holder, number)) == (asked, applied), "quick")
            expect("OriginalAppDate" not in names or r["OriginalAppDate"] == text[:8], "original day")
            traded = min(each for each in facts.trading_days if each >= asked)
        elif holder == 0:
            expect(asked in facts.sent and code == "124" and number == 0, "advancer")
            expect(facts.advancer.get(asked, 0) == applied, "advancer")
            number, traded = int(text[:8]), asked
        else:
            expect(asked in facts.sent and facts.orders.get((holder, number)) == (code, asked, applied), "order")
            traded = asked
        if code != "198":
            expect(r["ConfirmedAmount"] == confirmed, "amount")
        expect(day_of(r["TransactionDate"]) == traded, "trade date")
        others = facts.answered.get((holder, number, code), [])
        expect(not any(final and on <= day for on, _, final in others), "final")
        expect(finish == "0" or not any(on >= day for on, _, _ in others), "final before")
        expect(sum(part for _, part, _ in others) + confirmed <= applied, "beyond")
    final = 0 if finish == "0" else 1
    row = (holder, number, code, applied, confirmed, returned, final, serial, original)
    return row, {("serial", serial), ("key", holder, number, code)}


def shares(r: dict[str, Any], names: set[str], paper: Paper, _facts: Facts) -> Told:
    """Read a record of 05 or 35."""
    ours(r)
    expect(r["DetailFlag"] in ("0", "1"), "detail")
    if r["DetailFlag"] == "1":
        return None
    expect(day_of(r["TransactionCfmDate"]) == paper.day, "day")
    holder, total = holder_of(r, known=False), amount(r["TotalVolOfDistributorInTA"], signed=True)
    free = amount(r["AvailableVol"], signed=True)
    frozen = amount(r["TotalFrozenVol"]) if "TotalFrozenVol" in names else total - free
    expect(min(total, 0) <= free <= total and frozen <= max(total, 0), "shares")
    return (holder, paper.kind, total, frozen), {holder}


def income(r: dict[str, Any], _names: set[str], paper: Paper, facts: Facts) -> Told:
    """Read a record of 06."""
    ours(r)
    right = {"BusinessCode": "143", "DividendType": "2", "ReturnCode": "0000", "CurrencyType": "156"}
    expect(all(r[each] == wanted for each, wanted in right.items()), "codes")
    expect(day_of(r["RegistrationDate"]) == paper.day, "day")
    expect(all(day_of(r[each]) == paper.day + timedelta(1) for each in ("XRDate", "DividentDate")), "day after")
    holder = holder_of(r)
    expect(holder in facts.wallets | {0}, "account")
    basis, earned = amount(r["BasisforCalculatingDividend"]), amount(r["DividendAmount"], signed=True)
    expect(r["VolOfDividendforReinvestment"] == earned, "reinvested")
    return (holder, basis, earned), {holder}


def figure(r: dict[str, Any], _names: set[str], paper: Paper, facts: Facts) -> Told:
    """Read a record of 07."""
    expect(r["FundCode"] == "000198" and r["NetValueType"] == "0", "whose")
    day = day_of(r["UpdateDate"])
    expect(facts.first <= day <= paper.day, "day")

    def signed(name: str, sign: str) -> int:
        expect(r[sign] in ("", "0", "1"), "sign")
        return -amount(r[name]) if r[sign] == "1" else amount(r[name])

    rate, seven_day = signed("FundIncome", "FundIncomeFlag"), signed("Yield", "YieldFlag")
    whole = signed("FundDayIncome", "FundDayIncomeFlag")
    expect(rate % 10 == 0 and abs(rate) < 10_000_000 and r["TotalFundVol"] >= 0, "figures")
    return (day, rate // 10, seven_day, r["TotalFundVol"], whole), {day}


def cash(r: dict[str, Any], _names: set[str], paper: Paper, _facts: Facts) -> Told:
    """Read a record of 25."""
    ours(r)
    expect(r["DetailFlag"] in ("0", "1"), "detail")
    if r["DetailFlag"] == "1":
        return None
    expect(day_of(r["TransactionCfmDate"]) == paper.day and r["CurrencyType"] == "156", "day")
    expect(r["SequenceNO"] != "" and r["BusinessCode"] in BUSINESS_CODES, "codes")
    expect(r["ReceOrPayFlag"] in ("0", "1"), "flag")
    value = amount(r["ConfirmedAmount"]) * (1 if r["ReceOrPayFlag"] == "0" else -1)
    row = (r["SequenceNO"], day_of(r["TransactionDate"]), r["BusinessCode"], value, day_of(r["PayDate"]))
    return row, {r["SequenceNO"]}
