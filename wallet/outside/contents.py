"""What the records of the transfer agent's files say: a block of them as rows, each record checked by itself.

What a record must fit beside the header (an application, an account, an earlier record) is checked where rows are kept:
`answers`, `records`. Units: fen, hundredths of a share; figures as announcements have them. Source: GB/T 39595-2020,
JR/T 0017, and the rule book, sections 3 and 7.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ledger.model import LARGEST
from ledger.rows import Rows
from wallet.outside.links import Link
from wallet.rules.amounts import show_amount, show_figure
from wallet.rules.fund import Fund
from wallet.rules.parsing import LARGEST_FIGURE
from wallet.transfer_agent.datafile import Block
from wallet.transfer_agent.errors import MalformedFile
from wallet.transfer_agent.layout import BUSINESS_CODES, RETURN_CODES
from wallet.transfer_agent.names import day_of, digits_of

SUBSCRIBED, REDEEMED, TAKEN_BACK, QUICK = "122", "124", "145", "198"
"""Business codes of answers: a subscription, a redemption, a confirmation that is taken back, a quick transfer."""

DONE = "0000"
ACCOUNT, TA_ACCOUNT, APPLICATION = 17, 12, 24
"""Digits of a holder's number as trading account and as fund account; of a date and a number as an application."""

PAID_TO_US = {"0": 1, "1": -1}
"""What ReceOrPayFlag makes of an amount of file 25: 0 is received by the distributor, 1 paid by it."""

Texts = NDArray[np.str_]
Numbers = NDArray[np.int64]
Right = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Expected:
    """What the records of a file have to fit: `applied` are the days of the files sent, with what the advancer asked.

    Shape: `applied` by file type, "03" or "33", then by day; hundredths of a share.
    """

    book: Fund
    link: Link
    kind: str
    day: date
    applied: Mapping[str, Mapping[date, int]]


class Records:
    """The records of a block; `counts` are those that are told of, the others are details."""

    def __init__(self, block: Block) -> None:
        self.block = block
        self.lines = block.first_line + np.arange(len(block))
        self.counts = np.ones(len(block), bool)
        self._texts: dict[str, Texts] = {}
        self._numbers: dict[str, Numbers] = {}

    def texts(self, field: str) -> Texts:
        """Return a column of text; empty where the file does not have it. Raises: MalformedFile."""
        if field not in self._texts:
            values = self.block.texts(field) if self.block.has(field) else [""] * len(self.block)
            self._texts[field] = np.array(values, dtype=np.str_)
        return self._texts[field]

    def numbers(self, field: str) -> Numbers:
        """Return a column of numbers; zeros where the file does not have it. Raises: MalformedFile."""
        if field not in self._numbers:
            there = self.block.has(field)
            self._numbers[field] = self.block.numbers(field) if there else np.zeros(len(self.block), np.int64)
        return self._numbers[field]

    def expect(self, right: Right, field: str, expected: str | Callable[[int], str]) -> None:
        """Refuse the first record that counts and is not right. Raises: MalformedFile."""
        wrong = self.counts & ~right
        if wrong.any():
            record = int(wrong.argmax())
            told = expected if isinstance(expected, str) else expected(record)
            raise MalformedFile(self.block.file, self.block.where(record), field, self._shown(field, record), told)

    def expect_same(self, field: str, expected: str) -> None:
        """Refuse the first record whose text differs. Raises: MalformedFile."""
        self.expect(self.texts(field) == expected, field, repr(expected))

    def expect_day(self, field: str, expected: date) -> None:
        """Refuse the first record of another day. Raises: MalformedFile."""
        self.expect_same(field, digits_of(expected))

    def bounded(self, field: str, *, signed: bool = False) -> Numbers:
        """Return a column of amounts, none larger than the ledger keeps. Raises: MalformedFile."""
        values = self.numbers(field)
        least = -LARGEST if signed else 0
        right = (values >= least) & (values <= LARGEST)
        self.expect(right, field, f"an amount from {show_amount(least)} to {show_amount(LARGEST)}")
        return values

    def one_of(self, field: str, known: Mapping[str, Any] | tuple[str, ...], expected: str | None = None) -> Texts:
        """Return a column of codes, each of them known. Raises: MalformedFile."""
        values = self.texts(field)
        self.expect(np.isin(values, list(known)), field, expected or f"one of {', '.join(map(repr, known))}")
        return values

    def signed(self, field: str, flag: str) -> Numbers:
        """Return a column of numbers whose sign stands in another one: 1 is minus. Raises: MalformedFile."""
        values, sign = self.bounded(field), self.one_of(flag, ("", "0", "1"))
        return np.where(sign == "1", -values, values)

    def holders(self, *, ours: bool = True) -> Numbers:
        """Return the holders of the trading accounts; `ours` have a fund account of the same number.

        Raises: MalformedFile.
        """
        field, accounts = "TransactionAccountID", self.texts("TransactionAccountID")
        self.expect(np.char.str_len(accounts) == ACCOUNT, field, f"an account of {ACCOUNT} digits")
        numbers = np.array([int(text or 0) for text in accounts.tolist()], np.int64)
        if ours:
            alike = np.array([text[ACCOUNT - TA_ACCOUNT :] for text in accounts.tolist()])
            self.expect(numbers < 10**TA_ACCOUNT, field, "an account of ours")
            self.expect(self.texts("TAAccountID") == alike, "TAAccountID", lambda n: repr(str(alike[n])))
        return numbers

    def totals(self) -> None:
        """Leave out rows that are details of another one. Raises: MalformedFile."""
        self.counts &= self.one_of("DetailFlag", ("0", "1")) == "0"

    def rows(self, *columns: Any) -> Rows:
        """Return lines and columns of the records that count, row by row, once nobody's column is malformed.

        Raises: MalformedFile.
        """
        for name, (field, _) in self.block.places.items():
            if field.kind == "N":
                self.numbers(name)
            elif name not in self._texts:
                self.block.texts(name)
        chosen = [np.asarray(column)[self.counts].tolist() for column in (self.lines, *columns)]
        return list(map(list, zip(*chosen, strict=True)))

    def _shown(self, field: str, record: int) -> str:
        if not self.block.has(field):
            return ""
        layout = self.block.places[field][0]
        if layout.kind != "N":
            return str(self.texts(field)[record])
        return str(Decimal(int(self.numbers(field)[record])).scaleb(-layout.decimals))


def answers(block: Block, expected: Expected) -> Rows:
    """Return what files 04 and 34 say, as `answers.STAGED` has it. Raises: MalformedFile."""
    r = _ours(block, expected)
    r.expect_day("TransactionCfmDate", expected.day)
    allowed = (QUICK,) if expected.kind == "34" else (SUBSCRIBED, REDEEMED, TAKEN_BACK, QUICK)
    code, holder = r.one_of("BusinessCode", allowed), r.holders()
    back, subscribed, quick = code == TAKEN_BACK, code == SUBSCRIBED, code == QUICK
    application, asked_on = _applications(r, expected, code, holder)
    applied = np.where(subscribed, r.bounded("ApplicationAmount"), r.bounded("ApplicationVol"))
    asked = np.where(subscribed, "ApplicationAmount", "ApplicationVol")
    for field in ("ApplicationAmount", "ApplicationVol"):
        r.expect((asked != field) | back | (applied > 0), field, "more than 0.00")
    confirmed, amount = r.bounded("ConfirmedVol"), r.numbers("ConfirmedAmount")
    r.expect(
        quick | back | (amount == confirmed),
        "ConfirmedAmount",
        lambda n: f"{show_amount(confirmed[n])}, a share is 1.00",
    )
    r.expect(back | (confirmed <= applied), "ConfirmedVol", lambda n: f"at most {show_amount(applied[n])}")
    told = r.one_of("ReturnCode", RETURN_CODES, "a return code of the standard")
    r.expect((told == DONE) | (confirmed == 0), "ConfirmedVol", lambda n: f"0.00 with return code {told[n]}")
    r.expect(~back | (confirmed > 0), "ConfirmedVol", "more than 0.00")
    finish = r.one_of("BusinessFinishFlag", ("", "0", "1"))
    r.expect((code != REDEEMED) | (finish != ""), "BusinessFinishFlag", "'0' or '1'")
    r.expect((code == REDEEMED) | (finish != "0"), "BusinessFinishFlag", "'1': only a redemption is carried over")
    serial, original = r.texts("TASerialNO"), r.texts("OriginalSerialNo")
    r.expect(serial != "", "TASerialNO", "a serial")
    r.expect(~back | (original != ""), "OriginalSerialNo", "the serial of the confirmation that is taken back")
    original_on = _days(r, "OriginalCfmDate", back)
    taken = [text if is_back else None for text, is_back in zip(original.tolist(), back.tolist(), strict=True)]
    final = np.where(finish == "0", 0, 1)
    days = (np.array(column, object) for column in (asked_on, taken, original_on))
    return r.rows(holder, application, code, applied, confirmed, told, final, serial, *days)


def shares(block: Block, expected: Expected) -> Rows:
    """Return what files 05 and 35 say: holder, shares, frozen ones among them. Raises: MalformedFile."""
    r = _ours(block, expected)
    r.totals()
    r.expect_day("TransactionCfmDate", expected.day)
    holder = r.holders(ours=False)
    total, free = (r.bounded(name, signed=True) for name in ("TotalVolOfDistributorInTA", "AvailableVol"))
    least = np.minimum(total, 0)  # who spent what a negative income took later holds less than nothing
    right = (free >= least) & (free <= total)
    r.expect(right, "AvailableVol", lambda n: f"{show_amount(least[n])} to {show_amount(total[n])}")
    frozen = r.bounded("TotalFrozenVol") if block.has("TotalFrozenVol") else total - free
    r.expect(frozen <= np.maximum(total, 0), "TotalFrozenVol", lambda n: f"at most {show_amount(max(total[n], 0))}")
    return r.rows(holder, total, frozen)


def income(block: Block, expected: Expected) -> Rows:
    """Return what file 06 says: holder, what she holds, what that earned. Raises: MalformedFile."""
    r = _ours(block, expected)
    for field, text in (("BusinessCode", "143"), ("DividendType", "2"), ("ReturnCode", DONE), ("CurrencyType", "156")):
        r.expect_same(field, text)
    r.expect_day("RegistrationDate", expected.day)
    for field in ("XRDate", "DividentDate"):
        r.expect_day(field, expected.day + timedelta(1))
    holder = r.holders()
    basis, earned = r.bounded("BasisforCalculatingDividend"), r.bounded("DividendAmount", signed=True)
    again = r.numbers("VolOfDividendforReinvestment")
    r.expect(again == earned, "VolOfDividendforReinvestment", lambda n: f"{show_amount(earned[n])}, a share is 1.00")
    return r.rows(holder, basis, earned)


def figures(block: Block, expected: Expected) -> Rows:
    """Return what file 07 says: day, income per 10,000 shares, seven-day yield, shares and income of the whole fund.

    Raises: MalformedFile.
    """
    r = Records(block)
    r.expect_same("FundCode", expected.book.code)
    r.one_of("NetValueType", ("0",))
    days = _days(r, "UpdateDate", r.counts)
    first = expected.book.opened_on
    right = np.array([day is not None and first <= day <= expected.day for day in days], bool)
    r.expect(right, "UpdateDate", f"a day from {digits_of(first)} to {digits_of(expected.day)}")
    income = r.signed("FundIncome", "FundIncomeFlag")
    r.expect(income % 10 == 0, "FundIncome", "four decimals and a 0")
    r.expect(np.abs(income // 10) < LARGEST_FIGURE, "FundIncome", f"less than {show_figure(LARGEST_FIGURE)}")
    seven_day, whole = r.signed("Yield", "YieldFlag"), r.signed("FundDayIncome", "FundDayIncomeFlag")
    total = r.numbers("TotalFundVol")
    r.expect(total >= 0, "TotalFundVol", "at least 0.00")
    return r.rows(np.array(days, object), income // 10, seven_day, total, whole)


def cash(block: Block, expected: Expected) -> Rows:
    """Return what file 25 says: number, trade date, business code, amount (positive: paid to us), day of payment.

    Raises: MalformedFile.
    """
    r = _ours(block, expected)
    r.totals()
    r.expect_day("TransactionCfmDate", expected.day)
    r.expect_same("CurrencyType", "156")
    sequence = r.texts("SequenceNO")
    r.expect(sequence != "", "SequenceNO", "a number")
    code = r.one_of("BusinessCode", BUSINESS_CODES, "a business code of the standard")
    flag = r.one_of("ReceOrPayFlag", PAID_TO_US)
    amount = r.bounded("ConfirmedAmount") * np.array([PAID_TO_US.get(text, 0) for text in flag.tolist()], np.int64)
    days = (np.array(_days(r, field, r.counts), object) for field in ("TransactionDate", "PayDate"))
    asked_on, paid_on = days
    return r.rows(sequence, asked_on, code, amount, paid_on)


def _ours(block: Block, expected: Expected) -> Records:
    r = Records(block)
    r.expect_same("FundCode", expected.book.code)
    r.expect_same("DistributorCode", expected.link.distributor)
    return r


def _applications(r: Records, expected: Expected, code: Texts, holder: Numbers) -> tuple[Numbers, list[date | None]]:
    """Return number and day of the application that each record answers; of one taken back 0 and None.

    Raises: MalformedFile.
    """
    field, asks = "AppSheetSerialNo", code != TAKEN_BACK
    serial = r.texts(field)
    r.expect(~asks | (np.char.str_len(serial) == APPLICATION), field, f"an application of {APPLICATION} digits")
    digits = serial.astype("U8")
    for sent, quick in (("03", False), ("33", True)):
        known = np.isin(digits, [digits_of(day) for day in expected.applied[sent]])
        r.expect(~asks | ((code == QUICK) != quick) | known, field, f"an application that was sent in a file {sent}")
    number = np.array([int(text[8:] or 0) for text in serial.tolist()], np.int64)
    house, ahead = asks & (holder == 0), {digits_of(day): day for days in expected.applied.values() for day in days}
    r.expect(~asks | (house == (number == 0)), field, "the advancer's application has the number 0, others do not")
    r.expect(~house | (code == REDEEMED), "BusinessCode", f"{REDEEMED!r} of the advancer")
    own = {digits_of(day): control for day, control in expected.applied["03"].items()}
    wanted = np.array([own.get(text, 0) for text in digits.tolist()], np.int64)
    r.expect(~house | (r.numbers("ApplicationVol") == wanted), "ApplicationVol", lambda n: show_amount(wanted[n]))
    traded = {text: digits_of(expected.book.calendar.next_or_same(day)) for text, day in ahead.items()}
    if r.block.has("OriginalAppDate"):
        r.expect(
            (code != QUICK) | (r.texts("OriginalAppDate") == digits), "OriginalAppDate", lambda n: repr(str(digits[n]))
        )
    dated = np.array([traded.get(text, "") for text in digits.tolist()], np.str_)
    r.expect(~asks | (r.texts("TransactionDate") == dated), "TransactionDate", lambda n: repr(str(dated[n])))
    days = [ahead.get(text) if asked else None for text, asked in zip(digits.tolist(), asks.tolist(), strict=True)]
    number[house] = digits[house].astype(np.int64)
    return np.where(asks, number, 0), days


def _days(r: Records, field: str, where: Right) -> list[date | None]:
    """Return a column of days, None elsewhere than `where` it is needed. Raises: MalformedFile."""
    texts = r.texts(field).tolist()
    known = {text: day_of(text) for text in set(texts)}
    right = np.array([known[text] is not None for text in texts], bool)
    r.expect(~where | right, field, "a day YYYYMMDD")
    return [known[text] if needed else None for text, needed in zip(texts, where.tolist(), strict=True)]
