"""The exchange format against files written by hand, byte by byte from the layout; and what is refused, and how."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator
from datetime import date
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.exchange import read, written
from wallet.errors import FundwalletError
from wallet.transfer_agent import datafile, indexfile, layout
from wallet.transfer_agent.datafile import Header
from wallet.transfer_agent.errors import MalformedFile
from wallet.transfer_agent.indexfile import Index
from wallet.transfer_agent.layout import BUSINESS_CODES, FIELDS, RETURN_CODES, Field
from wallet.transfer_agent.names import Name, parse_name

DAY = date(2013, 9, 17)

ABOVE = b"OFDCFDAT\r\n21  \r\nTA       \r\nWALLET   \r\n20130917\r\n"
"""What every file by hand begins with: from TA to WALLET, of 2013-09-17."""

ACCOUNTS = (
    ABOVE + b"000\r\n02\r\nTA      \r\n\xc7\xae\xb0\xfc    \r\n"
    b"003\r\nTAAccountID\r\nInvestorName\r\nAccountAbbr\r\n"
    b"00000003\r\n"
    b"000000000001\x95\x34\xb2\x35\xd2\xb0\xbc\xd2" + b" " * 112 + b"\x95\x34\xb2\x35" + b" " * 8 + b"\r\n"
    b"000000000002Zhang  San" + b" " * 110 + b" " * 12 + b"\r\n"
    b"            " + b"\x95\x34\xb2\x35" * 30 + b"\xc7\xae" * 6 + b"\r\n"
    b"OFDCFEND\r\n"
)
"""Names with characters of two and of four bytes, blanks inside and all blank, and a name that fills its field."""

CONFIRMATIONS = (
    ABOVE + b"001\r\n04\r\n        \r\n        \r\n"
    b"008\r\nAppSheetSerialNo\r\nTransactionCfmDate\r\nBusinessCode\r\nConfirmedVol\r\nReturnCode\r\nTASerialNO\r\n"
    b"NAV\r\nErrorDetail\r\n"
    b"00000002\r\n"
    b"20130916000000000000001720130917122" b"0000000000012345" b"0000" b"12345678901234567890" b"0010000" + b" " * 60
    + b"\r\n"
    b"201309160000000000000018        124" b"0000000000000000" b"0008" b"1                   " b"0000000"
    + b"\xb2\xbb\xd7\xe3" + b" " * 56 + b"\r\n"
    b"OFDCFEND\r\n"
)  # fmt: skip
"""A serial of twenty digits and one of one; a blank date; a text that says why."""

SHARES = (
    ABOVE + b"000\r\n05\r\nTA      \r\nWALLET  \r\n"
    b"010\r\nTransactionCfmDate\r\nFundCode\r\nTransactionAccountID\r\nTAAccountID\r\nDistributorCode\r\nBranchCode\r\n"
    b"TotalVolOfDistributorInTA\r\nAvailableVol\r\nShareClass\r\nDetailFlag\r\n"
    b"00000002\r\n"
    b"20130917" b"000198" b"00000000000000001" b"000000000001" b"WALLET   " b"WALLET   "
    b"0000000000010000" b"9999999999999999" b"0" b"0" b"\r\n"
    b"20130917" b"000198" b"00000000000000002" b"000000000002" b"WALLET   " b"         "
    b"-000000000000001" b"-999999999999999" b"0" b"1" b"\r\n"
    b"OFDCFEND\r\n"
)  # fmt: skip
"""No column but those that must be there, not in the order of the layout; the extreme numbers."""

INCOME = (
    ABOVE + b"000\r\n06\r\nTA      \r\nWALLET  \r\n"
    b"030\r\nBasisforCalculatingDividend\r\nTransactionCfmDate\r\nCurrencyType\r\nVolOfDividendforReinvestment\r\n"
    b"DividentDate\r\nDividendAmount\r\nXRDate\r\nConfirmedAmount\r\nFundCode\r\nRegistrationDate\r\nReturnCode\r\n"
    b"TransactionAccountID\r\nDistributorCode\r\nBusinessCode\r\nTAAccountID\r\nDividendPerUnit\r\nDefDividendMethod\r\n"
    b"DownLoaddate\r\nCharge\r\nAgencyFee\r\nBranchCode\r\nTASerialNO\r\nTransferFee\r\nShareClass\r\nDrawBonusUnit\r\n"
    b"DividendType\r\nAchievementPay\r\nAchievementCompen\r\nNAV\r\nDividendRatio\r\n"
    b"00000001\r\n"
    b"0000000000100000" b"20130917" b"156" b"-000000000000123" b"20130918" b"-000000000000123" b"20130918"
    b"0000000000000000" b"000198" b"20130917" b"0000" b"00000000000000001" b"WALLET   " b"143" b"000000000001"
    b"-000000000000012" b"0" b"20130918" b"0000000000" b"0000000000" b"WALLET   " b"00000000000000000001"
    b"0000000000" b"0" b"0000001000" b"2" b"0000000000000000" b"0000000000000000" b"0010000" b"-000000000000001"
    b"\r\n"
    b"OFDCFEND\r\n"
)  # fmt: skip
"""Income below zero."""

FIGURES = (
    ABOVE + b"000\r\n07\r\nTA      \r\nWALLET  \r\n"
    b"018\r\nFundName\r\nTotalFundVol\r\nFundCode\r\nFundStatus\r\nNAV\r\nUpdateDate\r\nNetValueType\r\n"
    b"AccumulativeNAV\r\nConvertStatus\r\nPeriodicStatus\r\nTransferAgencyStatus\r\nFundSize\r\nCurrencyType\r\n"
    b"AnnouncFlag\r\nFundIncome\r\nFundIncomeFlag\r\nYield\r\nYieldFlag\r\n"
    b"00000001\r\n"
    b"\xcc\xec\xba\xeb\xd4\xf6\xc0\xfb\xb1\xa6                              "
    b"0055653000000000" b"000198" b"0" b"0010000" b"20130917" b"0" b"0010000" b"3" b"0" b"3" b"0055653000000000" b"156"
    b"0" b"00112340" b"1" b"00004421" b"0" b"\r\n"
    b"OFDCFEND\r\n"
)  # fmt: skip
"""A Chinese name; figures with five decimals and their signs."""

CASH = (
    ABOVE + b"999\r\n25\r\nTA      \r\nWALLET  \r\n"
    b"015\r\nSequenceNO\r\nTransactionDate\r\nTransactionCfmDate\r\nCurrencyType\r\nExchangeFlag\r\nFundCode\r\n"
    b"DistributorCode\r\nBusinessCode\r\nCapitalType\r\nConfirmedAmount\r\nReceOrPayFlag\r\nCalculateDate\r\nPayDate\r\n"
    b"DetailFlag\r\nDownLoaddate\r\n"
    b"00000000\r\n"
    b"OFDCFEND\r\n"
)
"""No records."""

# the bytes, file type, summary number, sender and recipient, rows in the order of the columns
BY_HAND: dict[str, tuple[bytes, tuple[str, str, str, str], list[tuple[Any, ...]]]] = {
    "accounts": (
        ACCOUNTS,
        ("02", "000", "TA", "钱包"),
        [("000000000001", "𠮷野家", "𠮷"), ("000000000002", "Zhang  San", ""), ("", "𠮷" * 30, "钱" * 6)],
    ),
    "confirmations": (
        CONFIRMATIONS,
        ("04", "001", "", ""),
        [
            ("201309160000000000000017", "20130917", "122", 123_45, "0000", "12345678901234567890", 1_0000, ""),
            ("201309160000000000000018", "", "124", 0, "0008", "1", 0, "不足"),
        ],
    ),
    "shares": (
        SHARES,
        ("05", "000", "TA", "WALLET"),
        [
            ("20130917", "000198", "00000000000000001", "000000000001", "WALLET", "WALLET",
             100_00, 99_999_999_999_999_99, "0", "0"),
            ("20130917", "000198", "00000000000000002", "000000000002", "WALLET", "",
             -1, -9_999_999_999_999_99, "0", "1"),
        ],
    ),
    "income": (
        INCOME,
        ("06", "000", "TA", "WALLET"),
        [
            (1_000_00, "20130917", "156", -1_23, "20130918", -1_23, "20130918", 0, "000198", "20130917", "0000",
             "00000000000000001", "WALLET", "143", "000000000001", -12, "0", "20130918", 0, 0, "WALLET",
             "00000000000000000001", 0, "0", 1000, "2", 0, 0, 1_0000, -1)
        ],
    ),
    "figures": (
        FIGURES,
        ("07", "000", "TA", "WALLET"),
        [
            ("天弘增利宝", 556_530_000_000_00, "000198", "0", 1_0000, "20130917", "0", 1_0000, "3", "0", "3",
             556_530_000_000_00, "156", "0", 1_12340, "1", 4421, "0")
        ],
    ),
    "cash": (CASH, ("25", "999", "TA", "WALLET"), []),
}  # fmt: skip


def placed(directory: Path, raw: bytes, file_type: str = "", name: str | None = None) -> Path:
    """Put bytes into a file under the name that they claim."""
    path = directory / (name or f"OFD_TA_WALLET_20130917_{file_type}.TXT")
    path.write_bytes(raw)
    return path


@pytest.mark.parametrize("name", BY_HAND)
def test_a_file_by_hand_is_read(name: str, tmp_path: Path) -> None:
    raw, (file_type, summary, sender, recipient), rows = BY_HAND[name]
    header, found = read(placed(tmp_path, raw, file_type))
    assert (header.creator, header.receiver, header.day) == ("TA", "WALLET", DAY)
    assert (header.file_type, header.summary, header.sender, header.recipient) == (
        file_type, summary, sender, recipient,
    )  # fmt: skip
    assert found == rows


@pytest.mark.parametrize("name", BY_HAND)
def test_a_file_by_hand_is_written(name: str) -> None:
    raw, (file_type, summary, sender, recipient), rows = BY_HAND[name]
    lines = raw.split(b"\r\n")
    names = tuple(line.decode() for line in lines[10 : 10 + int(lines[9])])
    header = Header("TA", "WALLET", DAY, file_type, sender, recipient, names, summary)
    assert datafile.name_of(header) == f"OFD_TA_WALLET_20130917_{file_type}.TXT"
    assert written(header, rows) == raw


@pytest.mark.parametrize(("quick", "ordinary"), [("33", "03"), ("34", "04"), ("35", "05")])
def test_quick_files_have_the_fields_of_ordinary_ones(quick: str, ordinary: str, tmp_path: Path) -> None:
    assert FIELDS[quick] == FIELDS[ordinary]
    names = [*(f.name for f in FIELDS[quick].values() if f.required), "TASerialNO"]
    lines = ["000", quick, "        ", "        ", f"{len(names):03}", *names, "00000000", "OFDCFEND", ""]
    header, _ = read(placed(tmp_path, ABOVE + "\r\n".join(lines).encode(), quick))
    assert (header.file_type, header.fields) == (quick, tuple(names))


# What is refused

IN_SHARES = "OFD_TA_WALLET_20130917_05.TXT"
ENDS_IN_CRLF, NAMED = "a line that ends in CRLF", "a field of file type 05"
NO_END, RECORD, NOTHING_MORE = "no line end in 97 bytes", "95 bytes and CRLF", "nothing after the end mark"
SECOND = SHARES.splitlines()[22].decode()

# what is put in the place of what in the file of shares; the line, the field, what was found, what was expected
REFUSED: dict[str, tuple[bytes, bytes, int, str, str, str]] = {
    "identifier": (b"OFDCFDAT", b"OFDCFIDX", 1, "identifier", "OFDCFIDX", "'OFDCFDAT'"),
    "byte order mark": (b"OFDCFDAT", b"\xef\xbb\xbfOFDCFDAT", 1, "identifier", "锘縊FDCFDAT", "'OFDCFDAT'"),
    "other version": (b"21  ", b"22  ", 2, "version", "22  ", "'21  '"),
    "version not filled": (b"21  ", b"21", 2, "version", "21", "'21  '"),
    "creator": (b"TA       ", b"TB       ", 3, "creator", "TB       ", "'TA       '"),
    "receiver": (b"WALLET   \r\n2013", b"TA       \r\n2013", 4, "receiver", "TA       ", "'WALLET   '"),
    "another day": (b"20130917\r\n000", b"20130918\r\n000", 5, "date", "20130918", "'20130917'"),
    "summary": (b"\r\n000\r\n05", b"\r\n0 0\r\n05", 6, "summary number", "0 0", "3 digits"),
    "another type": (b"\r\n05\r\n", b"\r\n06\r\n", 7, "file type", "06", "'05'"),
    "sender too long": (b"\r\nTA      \r\n", b"\r\nTA       \r\n", 8, "sender", "TA       ",
        "8 bytes of text, left-aligned and filled with blanks"),
    "recipient not left": (b"\r\nWALLET  \r\n", b"\r\n  WALLET\r\n", 9, "recipient", "  WALLET",
        "8 bytes of text, left-aligned and filled with blanks"),
    "number of fields": (b"\r\n010\r\n", b"\r\n10\r\n", 10, "number of fields", "10", "3 digits"),
    "fewer fields": (b"\r\n010\r\n", b"\r\n009\r\n", 19, "field names", "9 fields", "also DetailFlag"),
    "more fields": (b"\r\n010\r\n", b"\r\n011\r\n", 21, "field name", "00000002", NAMED),
    "unknown field": (b"FundCode", b"FundKode", 12, "field name", "FundKode", NAMED),
    "field of another type": (b"FundCode", b"FundName", 12, "field name", "FundName", NAMED),
    "field twice": (b"AvailableVol", b"FundCode", 18, "field name", "FundCode", "each field once"),
    "required field": (b"DetailFlag", b"TASerialNO", 20, "field names", "10 fields", "also DetailFlag"),
    "number of records": (b"00000002\r\n", b"0000002 \r\n", 21, "number of records", "0000002 ", "8 digits"),
    "fewer records": (b"00000002\r\n", b"00000001\r\n", 23, "end mark", SECOND, "'OFDCFEND'"),
    "more records": (b"00000002\r\n", b"00000003\r\n", 24, "record", "OFDCFEND", RECORD),
    "far more records": (b"00000002\r\n", b"99999999\r\n", 24, "record", "OFDCFEND", RECORD),
    "line feeds only": (b"21  \r\n", b"21  \n", 2, "version", "21  \n", ENDS_IN_CRLF),
    "long record": (b"WALLET   WALLET   ", b"WALLET   WALLET    ", 22, "record", NO_END, RECORD),
    "short record": (b"WALLET            -", b"WALLET           -", 23, "record", "94 bytes", RECORD),
    "record without CRLF": (b"00\r\n2013", b"00  2013", 22, "record", NO_END, RECORD),
    "other end": (b"OFDCFEND", b"OFDCFENT", 24, "end mark", "OFDCFENT", "'OFDCFEND'"),
    "no end": (b"OFDCFEND\r\n", b"", 24, "end mark", "", ENDS_IN_CRLF),
    "end without CRLF": (b"OFDCFEND\r\n", b"OFDCFEND", 24, "end mark", "OFDCFEND", ENDS_IN_CRLF),
    "more after the end": (b"OFDCFEND\r\n", b"OFDCFEND\r\n\x1a", 25, "end of file", "\x1a", NOTHING_MORE),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_a_wrong_file_says_what_is_wrong_with_it_and_where(case: str, tmp_path: Path) -> None:
    old, new, line, field, found, expected = REFUSED[case]
    assert SHARES.count(old) >= 1
    path = placed(tmp_path, SHARES.replace(old, new, 1), "05")
    with pytest.raises(MalformedFile) as refused:
        read(path)
    error = refused.value
    assert (error.file, error.line, error.field) == (IN_SHARES, line, field)
    assert (error.found, error.expected) == (found, expected)


VOLUME, ACCOUNT, BRANCH = "TotalVolOfDistributorInTA", "TransactionAccountID", "BranchCode"
RIGHT = {
    VOLUME: (b"-000000000000001", "N(16.2): 16 digits, zero filled on the left; "
        "a minus sign instead of the first where negative, never for zero"),
    ACCOUNT: (b"00000000000000002", "A(17): at most 17 digits, left-aligned and filled with blanks"),
    BRANCH: (b"         ", "C(9): at most 9 bytes of GB18030 text without control characters, "
        "left-aligned and filled with blanks"),
}  # fmt: skip
"""What stands in the second record of the file of shares, and the form it has."""


@pytest.mark.parametrize(
    ("field", "cell"),
    [
        *((VOLUME, cell) for cell in (b"000000000001O000", b" " * 16, b"           10000", b"10000           ")),
        *(
            (VOLUME, cell)
            for cell in (b"0000000000100.00", b"+000000000000001", b"000-000000000001", b"000000000000000-")
        ),
        *((VOLUME, cell) for cell in (b"-               ", b"-000000000000000", b"0x00000000000001", b"\x00" * 16)),
        *((VOLUME, cell) for cell in (b"00000000000000\xa3\xb1", b"--00000000000001")),
        *((ACCOUNT, cell) for cell in (b"0000000000000000B", b"0000000 000000002", b"                2")),
        *((ACCOUNT, cell) for cell in (b"-0000000000000002", b"000000000000000\r\n", b"000000000000000\xb2\xb3")),
        *((BRANCH, cell) for cell in (b"  WALLET ", b"WALLET\r\n ", b"WALLET\x7f  ", b"\x00        ", b"WALLET\t  ")),
        *((BRANCH, cell) for cell in (b"WALLET\xff\xff ", b"WALLETxx\xc7", b"WALLET\x95\x34\xb2")),
    ],
)
def test_a_wrong_cell_is_refused(field: str, cell: bytes, tmp_path: Path) -> None:
    right, expected = RIGHT[field]
    before, _, after = SHARES.rpartition(right)
    with pytest.raises(MalformedFile) as refused:
        read(placed(tmp_path, before + cell + after, "05"))
    error = refused.value
    assert (error.line, error.field, error.expected) == (23, field, expected)
    assert error.found == cell.decode("gb18030", "backslashreplace")


def test_the_message_is_one_short_line_whatever_was_found() -> None:
    error = MalformedFile("a\nfile", 12, "InvestorName", "\r\n" + "𠮷" * 100, "a name")
    assert isinstance(error, FundwalletError)
    assert (error.code, error.retryable) == ("malformed_file", False)
    assert str(error) == "a\\nfile line 12, InvestorName: found '\\r\\n" + "𠮷" * 55 + "...', expected a name"
    assert str(MalformedFile("f", None, "name", "x", "y")) == "f, name: found 'x', expected y"


@pytest.mark.parametrize("end", [0, 1, 5, 20, 50, 55, 70, 95, 99])
def test_a_file_that_is_cut_is_refused(end: int, tmp_path: Path) -> None:
    with pytest.raises(MalformedFile):
        read(placed(tmp_path, SHARES[: len(SHARES) * end // 100], "05"))


def test_a_column_is_checked_when_it_is_asked_for(tmp_path: Path) -> None:
    path = placed(tmp_path, SHARES.replace(b"-000000000000001", b"-000000000000000"), "05")
    with datafile.open_file(path) as data:
        (block,) = data.blocks()
        assert (len(block), block.first_line, block.where(1)) == (2, 22, 23)
        assert block.has("AvailableVol")
        assert not block.has("TASerialNO")
        assert block.numbers("AvailableVol").dtype == np.int64
        assert list(block.rows(["ShareClass", "AvailableVol"])) == [
            ("0", 99_999_999_999_999_99), ("0", -9_999_999_999_999_99),
        ]  # fmt: skip
        with pytest.raises(MalformedFile, match="line 23, TotalVolOfDistributorInTA"):
            block.numbers("TotalVolOfDistributorInTA")
        with pytest.raises(KeyError):
            block.texts("TASerialNO")


def test_a_wrong_record_in_a_later_block_is_named_by_its_line(tmp_path: Path) -> None:
    header = Header("TA", "WALLET", DAY, "03", "", "", ("ApplicationVol", "FundCode"))
    raw = written(header, [(n, "000198") for n in range(10)])
    path = placed(tmp_path, raw.replace(b"0000000000000007", b"000000000000000x"), "03")
    with pytest.raises(MalformedFile) as refused:
        read(path, size=3)
    assert refused.value.line == 14 + 7


def test_two_readers_of_one_file_do_not_disturb_each_other(tmp_path: Path) -> None:
    with datafile.open_file(placed(tmp_path, ACCOUNTS, "02")) as data:
        pairs = list(zip(data.blocks(1), data.blocks(1), strict=True))
        assert [one.texts("InvestorName") for one, _ in pairs] == [two.texts("InvestorName") for _, two in pairs]
        assert len(pairs) == 3


def test_a_file_that_shrinks_while_it_is_read_is_refused(tmp_path: Path) -> None:
    path = placed(tmp_path, SHARES, "05")
    with datafile.open_file(path) as data:
        path.write_bytes(SHARES[:-60])
        with pytest.raises(MalformedFile, match="line 23, record"):
            list(data.blocks(1))


# What cannot be written

SIMPLE = Header("TA", "WALLET", DAY, "03", "TA", "WALLET", ("ApplicationVol", "FundCode"))


@pytest.mark.parametrize(
    ("header", "field"),
    [
        (Header("", "WALLET", DAY, "03", "", "", ("FundCode",)), "name"),
        (Header("TA", "TENLETTERS", DAY, "03", "", "", ("FundCode",)), "name"),
        (Header("T_A", "WALLET", DAY, "03", "", "", ("FundCode",)), "name"),
        (Header("../x", "WALLET", DAY, "03", "", "", ("FundCode",)), "name"),
        (Header("钱包", "WALLET", DAY, "03", "", "", ("FundCode",)), "name"),
        (Header("TA", "WALLET", DAY, "08", "", "", ("FundCode",)), "name"),
        (Header("TA", "WALLET", DAY, "03", "ninebytes", "", ("FundCode",)), "sender"),
        (Header("TA", "WALLET", DAY, "03", "", "钱包钱包x", ("FundCode",)), "recipient"),
        (Header("TA", "WALLET", DAY, "03", " x", "", ("FundCode",)), "sender"),
        (Header("TA", "WALLET", DAY, "03", "x ", "", ("FundCode",)), "sender"),
        (Header("TA", "WALLET", DAY, "03", "\ud800", "", ("FundCode",)), "sender"),
        (Header("TA", "WALLET", DAY, "03", "a\r\nb", "", ("FundCode",)), "sender"),
        (Header("TA", "WALLET", DAY, "03", "a\tb", "", ("FundCode",)), "sender"),
        (Header("TA", "WALLET", DAY, "03", "", "", ()), "field names"),
        (Header("TA", "WALLET", DAY, "03", "", "", ("FundKode",)), "field name"),
        (Header("TA", "WALLET", DAY, "03", "", "", ("FundCode", "FundCode")), "field name"),
        (Header("TA", "WALLET", DAY, "05", "", "", ("FundCode",)), "field names"),
        (Header("TA", "WALLET", DAY, "03", "", "", ("FundCode",), "1000"), "summary number"),
        (Header("TA", "WALLET", DAY, "03", "", "", ("FundCode",), "1"), "summary number"),
    ],
)
def test_a_header_that_would_not_read_back_is_refused_before_anything_is_written(header: Header, field: str) -> None:
    stream = BytesIO()
    with pytest.raises(MalformedFile) as refused:
        datafile.write(stream, header, 0, [])
    assert refused.value.field == field
    assert stream.getvalue() == b""
    if field == "name":
        with pytest.raises(MalformedFile):
            datafile.name_of(header)


@pytest.mark.parametrize("count", [0, 1, 3, -1, 100_000_000])
def test_another_number_of_records_than_said_is_refused(count: int) -> None:
    columns: dict[str, Any] = {"ApplicationVol": [1, 2], "FundCode": ["000198", "000198"]}
    with pytest.raises(MalformedFile) as refused:
        datafile.write(BytesIO(), SIMPLE, count, [columns])
    assert (refused.value.line, refused.value.field) == (13, "number of records")


@pytest.mark.parametrize(
    "columns",
    [
        {"ApplicationVol": [1, 2, 10**16, -(10**16)]},
        {"ApplicationVol": [1, 2, 2**63, -1]},
        {"ApplicationVol": [1, 2, 2**64, -1]},
        {"ApplicationVol": [1, 2, 1.5, 2**64]},
        {"ApplicationVol": np.array([1, 2, -(2**63), 3])},
        {"FundCode": ["000198", "", "0001980", "000198"]},
        {"FundCode": ["000198", "", "钱包钱包", "000198"]},
        {"FundCode": ["000198", "钱", "00019 ", "00019"]},
        {"FundCode": ["000198", "钱", "\ud800", "0001980"]},
    ],
)
def test_a_value_that_cannot_be_written_is_named_by_its_line(columns: dict[str, Any]) -> None:
    right = {"ApplicationVol": [1, 2, 3, 4], "FundCode": ["000198"] * 4}
    with pytest.raises(MalformedFile) as refused:
        datafile.write(BytesIO(), SIMPLE, 5, [{"ApplicationVol": [0], "FundCode": [""]}, right | columns])
    assert (refused.value.line, [refused.value.field]) == (14 + 1 + 2, list(columns))


def test_a_block_holds_every_column_and_all_of_one_length() -> None:
    for columns in (
        {"ApplicationVol": [1]},
        {"ApplicationVol": [1], "FundCode": []},
        {"ApplicationVol": [1], "NAV": [1]},
    ):
        with pytest.raises(AssertionError):
            datafile.write(BytesIO(), SIMPLE, 1, [columns])


def test_reading_and_writing_take_the_memory_of_a_block(tmp_path: Path) -> None:
    peaks = []
    for blocks in (2, 40):
        rows: Iterator[dict[str, Any]] = (
            {"ApplicationVol": np.arange(500), "FundCode": ["000198"] * 500} for _ in range(blocks)
        )
        path = tmp_path / datafile.name_of(SIMPLE)
        tracemalloc.start()
        with path.open("wb") as stream:
            datafile.write(stream, SIMPLE, 500 * blocks, rows)
        with datafile.open_file(path) as data:
            assert sum(int(block.numbers("ApplicationVol").sum()) for block in data.blocks(500)) == blocks * 124_750
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.2 * peaks[0]


# Names, indexes, layouts


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("OFD_WALLET_TA_20130917_03.TXT", Name("OFD", "WALLET", "TA", DAY, "03")),
        ("OFI_1_99999999a_20130917.TXT", Name("OFI", "1", "99999999a", DAY)),
        ("OFT_WALLET_TA_20130917.TXT", Name("OFT", "WALLET", "TA", DAY)),
        ("OFB_TA_WALLET_20130917.TXT", Name("OFB", "TA", "WALLET", DAY)),
        ("OFD_TA_WALLET_00010101_35.TXT", Name("OFD", "TA", "WALLET", date.min, "35")),
    ],
)
def test_names_are_read_and_written(text: str, name: Name) -> None:
    assert parse_name(text) == name
    assert str(name) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "OFD_TA_WALLET_20130917.TXT",
        "OFI_TA_WALLET_20130917_04.TXT",
        "OFX_TA_WALLET_20130917_04.TXT",
        "OFD_TA_WALLET_20130931_04.TXT",
        "OFD_TA_WALLET_20130917_99.TXT",
        "OFD_TA_WALLET_20130917_04.TXT\n",
        "OFD_TA_WALLET_20130917_04.txt",
        "OFD__WALLET_20130917_04.TXT",
        "OFD_TA_WALLET_2013091٧_04.TXT",
        "OFD_TA_0123456789_20130917_04.TXT",
        "x/OFD_TA_WALLET_20130917_04.TXT",
    ],
)
def test_other_names_are_refused(text: str, tmp_path: Path) -> None:
    with pytest.raises(MalformedFile) as refused:
        parse_name(text)
    assert (refused.value.file, refused.value.line, refused.value.field) == (text, None, "name")


def test_a_data_file_is_no_index_and_an_index_no_data_file(tmp_path: Path) -> None:
    with pytest.raises(MalformedFile, match="the name of an index"):
        indexfile.read(placed(tmp_path, SHARES, "05"))
    with pytest.raises(MalformedFile, match="the name of a data file"):
        read(placed(tmp_path, SHARES, name="OFI_TA_WALLET_20130917.TXT"))
    with pytest.raises(MalformedFile):
        indexfile.name_of(Index("TA", "WALLET", DAY, (), "OFD"))


INDEX = (
    b"OFDCFIDX\r\n21  \r\nTA       \r\nWALLET   \r\n20130917\r\n002\r\n"
    b"OFD_TA_WALLET_20130917_04.TXT\r\nOFD_TA_WALLET_20130916_05.TXT\r\nOFDCFEND\r\n"
)


def test_an_index_by_hand_is_read_and_written(tmp_path: Path) -> None:
    index = Index("TA", "WALLET", DAY, ("OFD_TA_WALLET_20130917_04.TXT", "OFD_TA_WALLET_20130916_05.TXT"))
    assert indexfile.read(placed(tmp_path, INDEX, name="OFI_TA_WALLET_20130917.TXT")) == index
    assert indexfile.name_of(index) == "OFI_TA_WALLET_20130917.TXT"
    stream = BytesIO()
    indexfile.write(stream, index)
    assert stream.getvalue() == INDEX


@pytest.mark.parametrize(
    ("old", "new", "line", "field"),
    [
        (b"OFDCFIDX", b"OFDCFDAT", 1, "identifier"),
        (b"20130917", b"20130916", 5, "date"),
        (b"\r\n002", b"\r\n2", 6, "number of files"),
        (b"\r\n002", b"\r\n001", 8, "end mark"),
        (b"\r\n002", b"\r\n003", 9, "file name"),
        (b"_04.TXT", b"_04.txt", 7, "file name"),
        (b"20130917_04", b"20130916_05", 8, "file name"),
        (b"OFD_TA_WALLET_20130916_05", b"OFD_WALLET_TA_20130916_05", 8, "file name"),
        (b"OFD_TA_WALLET_20130916_05", b"OFI_TA_WALLET_20130916", 8, "file name"),
        (b"OFD_TA_WALLET_20130916_05", b"../OFD_TA_WALLET_20130916_05", 8, "file name"),
        (b"OFDCFEND\r\n", b"", 9, "end mark"),
        (b"OFDCFEND\r\n", b"OFDCFEND", 9, "end mark"),
        (b"OFDCFEND\r\n", b"OFDCFEND\r\n\r\n", 10, "end of file"),
        (INDEX[-29:], b"", 8, "file name"),
    ],
)
def test_a_wrong_index_is_refused(old: bytes, new: bytes, line: int, field: str, tmp_path: Path) -> None:
    assert old in INDEX
    with pytest.raises(MalformedFile) as refused:
        indexfile.read(placed(tmp_path, INDEX.replace(old, new, 1), name="OFI_TA_WALLET_20130917.TXT"))
    assert (refused.value.line, refused.value.field) == (line, field)


def test_an_index_lists_no_more_than_999_files() -> None:
    many = Index(
        "TA", "WALLET", DAY, tuple(str(Name("OFD", "TA", "WALLET", date(y, 1, 1), "04")) for y in range(1, 1001))
    )
    stream = BytesIO()
    with pytest.raises(MalformedFile, match="number of files"):
        indexfile.write(stream, many)
    assert stream.getvalue() == b""


def test_the_layouts_are_those_of_the_standard() -> None:
    counts = {"02": 27, "03": 74, "04": 121, "05": 20, "06": 41, "07": 83, "10": 58, "25": 18, "26": 21}
    assert {file_type: len(FIELDS[file_type]) for file_type in FIELDS} == counts | {"33": 74, "34": 121, "35": 20}
    widths = {
        file_type: sum(f.length for f in FIELDS[file_type].values()) for file_type in ("03", "04", "05", "06", "07")
    }
    assert widths == {"03": 665, "04": 1234, "05": 191, "06": 440, "07": 972}
    assert FIELDS["07"]["FundIncome"] == Field("FundIncome", "N", 8, 5)
    assert FIELDS["05"]["TAAccountID"] == Field("TAAccountID", "C", 12, required=True)
    assert FIELDS["04"]["TAAccountID"] == Field("TAAccountID", "A", 12)
    assert list(FIELDS["05"])[:2] == ["AvailableVol", "TotalVolOfDistributorInTA"]
    assert max(len(name) for each in FIELDS.values() for name in each) + 2 < 100, "lines of a header are read so far"


def test_the_codes_are_those_of_the_standard() -> None:
    assert (RETURN_CODES["0000"], RETURN_CODES["0008"]) == ("success", "rejected because of a large redemption")
    assert all(len(code) == 4 for code in RETURN_CODES)
    assert BUSINESS_CODES["022"] == BUSINESS_CODES["122"] == "purchase (subscription of an open fund)"
    assert {"143", "145", "191", "192", "198"} <= BUSINESS_CODES.keys()
    assert all(len(code) == 3 for code in BUSINESS_CODES)
    assert "ApplicationAmount" in layout.required("022")
    assert "LargeRedemptionFlag" not in layout.required("022")
    assert layout.required("198").count("TargetDistributorCode") == 1
    assert layout.required("999") == ()
    for code, file_type in {"022": "03", "024": "03", "098": "33", "122": "04", "124": "04", "143": "06"}.items():
        assert set(layout.required(code)) <= set(FIELDS[file_type])
