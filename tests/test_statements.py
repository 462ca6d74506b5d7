"""Statements: what is read of camt.053 and CSV, what is refused and how it is said, how much memory that takes."""

from __future__ import annotations

import random
import tracemalloc
from pathlib import Path

import pytest

from tests.desk import SHANGHAI, day
from tests.statement_files import Told, balance, camt, csv, document, entry, transaction
from wallet.errors import FundwalletError, InvalidRequest
from wallet.outside.statements import BadStatement, Line, Statement, read

DAY = "2013-09-16"
GOOD = document(entry(100_00, DAY, transaction("T1")), 0, 100_00, DAY)


def lines_of(path: Path) -> list[Line]:
    return list(read(path, SHANGHAI).lines())


def written(tmp_path: Path, text: str, name: str = "s.xml", encoding: str = "utf-8") -> Path:
    path = tmp_path / name
    path.write_bytes(text.encode(encoding))
    return path


def refused(path: Path) -> str:
    with pytest.raises(FundwalletError) as error:
        read(path, SHANGHAI)
    assert "\n" not in str(error.value)
    return str(error.value)


def test_both_forms_say_the_same(tmp_path: Path) -> None:
    told = [Told(100_00, "T1"), Told(-7, "FO20130916"), Told(0, None), Told(10**12, "x" * 35, None, "余额宝 𠮷")]
    xml, table = camt(tmp_path / "a.xml", DAY, *told, opening=-5), csv(tmp_path / "a.csv", DAY, *told, opening=-5)
    statement = read(xml, SHANGHAI)
    assert statement == Statement(xml, SHANGHAI, "S1", day("09-16"), day("09-16"), -5, 100_00 - 12 + 10**12, 4)
    assert list(statement.lines()) == lines_of(table)
    assert [(line.number, line.amount, line.reference) for line in statement.lines()] == [
        (number, each.amount, each.reference) for number, each in enumerate(told, 1)
    ]
    assert lines_of(xml)[3].text == "余额宝 𠮷"
    assert read(table, SHANGHAI).identity == "a.csv"


def test_a_written_example_of_the_second_version(tmp_path: Path) -> None:
    """A statement as the standard's version 2 words it: the state is text, amounts of transactions stand deeper."""
    text = """<?xml version="1.0"?>
<d:Document xmlns:d="urn:iso:std:iso:20022:tech:xsd:camt.053.001.02"><d:BkToCstmrStmt><d:GrpHdr/><d:Stmt>
 <d:Id>2013/09/17-001</d:Id><d:ElctrncSeqNb>1</d:ElctrncSeqNb>
 <d:FrToDt><d:FrDtTm>2013-09-16T16:00:00Z</d:FrDtTm><d:ToDtTm>2013-09-17T16:00:00Z</d:ToDtTm></d:FrToDt>
 <d:Bal><d:Tp><d:CdOrPrtry><d:Cd>PRCD</d:Cd></d:CdOrPrtry></d:Tp><d:Amt Ccy="CNY">1000</d:Amt>
  <d:CdtDbtInd>CRDT</d:CdtDbtInd><d:Dt><d:Dt>2013-09-16</d:Dt></d:Dt></d:Bal>
 <d:Bal><d:Tp><d:CdOrPrtry><d:Cd>CLAV</d:Cd></d:CdOrPrtry></d:Tp><d:Amt Ccy="CNY">999</d:Amt>
  <d:CdtDbtInd>CRDT</d:CdtDbtInd><d:Dt><d:Dt>2013-09-17</d:Dt></d:Dt></d:Bal>
 <d:Bal><d:Tp><d:CdOrPrtry><d:Cd>CLBD</d:Cd></d:CdOrPrtry></d:Tp><d:Amt Ccy="CNY">705.500</d:Amt>
  <d:CdtDbtInd>DBIT</d:CdtDbtInd><d:Dt><d:Dt>2013-09-17</d:Dt></d:Dt></d:Bal>
 <d:Ntry><d:Amt Ccy="CNY">1705.5</d:Amt><d:CdtDbtInd>DBIT</d:CdtDbtInd><d:Sts>BOOK</d:Sts>
  <d:BookgDt><d:DtTm>2013-09-17T10:00:00</d:DtTm></d:BookgDt>
  <d:NtryDtls><d:Btch><d:NbOfTxs>2</d:NbOfTxs></d:Btch>
   <d:TxDtls><d:Refs><d:EndToEndId>P7-1</d:EndToEndId></d:Refs>
    <d:AmtDtls><d:InstdAmt><d:Amt Ccy="USD">9</d:Amt></d:InstdAmt>
     <d:TxAmt><d:Amt Ccy="CNY">1700</d:Amt></d:TxAmt></d:AmtDtls>
    <d:RltdPties><d:Dbtr><d:Nm>us</d:Nm></d:Dbtr><d:Cdtr><d:Nm>李四</d:Nm></d:Cdtr></d:RltdPties>
    <d:RmtInf><d:Ustrd>pay</d:Ustrd><d:Ustrd>out</d:Ustrd></d:RmtInf></d:TxDtls>
   <d:TxDtls><d:Refs><d:EndToEndId>P7-2</d:EndToEndId></d:Refs>
    <d:AmtDtls><d:TxAmt><d:Amt Ccy="CNY">5.50</d:Amt></d:TxAmt></d:AmtDtls></d:TxDtls></d:NtryDtls></d:Ntry>
 <d:Ntry><d:Amt Ccy="CNY">3</d:Amt><d:CdtDbtInd>CRDT</d:CdtDbtInd><d:Sts>PDNG</d:Sts></d:Ntry>
 <d:Ntry><d:Amt Ccy="CNY">1.00</d:Amt><d:CdtDbtInd>DBIT</d:CdtDbtInd><d:RvslInd>true</d:RvslInd><d:Sts>BOOK</d:Sts>
  <d:ValDt><d:Dt>2013-09-17</d:Dt></d:ValDt><d:AddtlNtryInf>taken back</d:AddtlNtryInf></d:Ntry>
 <d:Ntry><d:Amt Ccy="CNY">1.00</d:Amt><d:CdtDbtInd>CRDT</d:CdtDbtInd><d:Sts>BOOK</d:Sts>
  <d:BookgDt><d:Dt>2013-09-17</d:Dt></d:BookgDt><d:NtryDtls><d:TxDtls><d:Refs><d:EndToEndId>NOTPROVIDED</d:EndToEndId>
  </d:Refs><d:RltdPties><d:Dbtr><d:Nm>giver</d:Nm></d:Dbtr></d:RltdPties></d:TxDtls></d:NtryDtls></d:Ntry>
</d:Stmt></d:BkToCstmrStmt></d:Document>"""
    path, on = written(tmp_path, text), day("09-17")
    statement = read(path, SHANGHAI)
    assert (statement.identity, statement.first_day, statement.last_day) == ("2013/09/17-001", on, on)
    assert (statement.opening, statement.closing) == (1_000_00, -705_50)
    assert list(statement.lines()) == [
        Line(1, on, -1_700_00, "P7-1", "李四", "pay out"),
        Line(2, on, -5_50, "P7-2", None, None),
        Line(3, on, -1_00, None, None, "taken back"),
        Line(4, on, 1_00, None, "giver", None),
    ]


@pytest.mark.parametrize(
    ("wrong", "right", "told"),
    [
        (
            "<Document",
            "<!DOCTYPE x [<!ENTITY a 'b'>]><Document",
            "line 2, DOCTYPE: found 'a document type', expected none",
        ),
        ("</Stmt>", "", "line 4, XML: found 'mismatched tag: line 4, column"),
        (
            "camt.053.001",
            "camt.054.001",
            "root element: found '{urn:iso:std:iso:20022:tech:xsd:camt.054.001.08}Document'",
        ),
        ("</Stmt>", "</Stmt><Stmt></Stmt>", "Stmt: found 'more', expected one statement"),
        ("<Id>S1</Id>", "", "Id: found 'none', expected one"),
        ("<Id>S1</Id>", f"<Id>{'S' * 36}</Id>", "expected 1 to 35 characters"),
        ("OPBD", "OPAV", "opening balance: found 'none', expected one"),
        ("CLBD", "CLAV", "closing balance: found 'none', expected one"),
        ('<Amt Ccy="CNY">100.00</Amt><CdtDbtInd>CRDT</CdtDbtInd><Sts>', "<Sts>", "entry 1, Amt: found 'none'"),
        ('<Ntry><Amt Ccy="CNY">', '<Ntry><Amt Ccy="USD">', "entry 1, Ccy: found 'USD', expected CNY"),
        ('<Ntry><Amt Ccy="CNY">', "<Ntry><Amt>", "entry 1, Ccy: found 'None', expected CNY"),
        ('<Ntry><Amt Ccy="CNY">100.00', '<Ntry><Amt Ccy="CNY">100,00', "entry 1, Amt: found '100,00'"),
        ('<Ntry><Amt Ccy="CNY">100.00', '<Ntry><Amt Ccy="CNY">-100.00', "entry 1, Amt: found '-100.00'"),
        ('<Ntry><Amt Ccy="CNY">100.00', '<Ntry><Amt Ccy="CNY">100.001', "entry 1, Amt: found '100.001'"),
        ('<Ntry><Amt Ccy="CNY">100.00', '<Ntry><Amt Ccy="CNY">１00.00', "entry 1, Amt: found '１00.00'"),
        ('<Ntry><Amt Ccy="CNY">100.00', '<Ntry><Amt Ccy="CNY">100000000000.01', "at most 100000000000.00"),
        ("CRDT</CdtDbtInd><Sts>", "CR</CdtDbtInd><Sts>", "entry 1, CdtDbtInd: found 'CR', expected CRDT or DBIT"),
        (f"<BookgDt><Dt>{DAY}", "<BookgDt><Dt>2013-09-31", "entry 1, BookgDt: found '2013-09-31', expected a date"),
        (f"<BookgDt><Dt>{DAY}", "<BookgDt><Dt>2013-09-17", "record 1, day: found '2013-09-17', expected a day from"),
        ("T23:59:59+08:00", "", "FrToDt: found"),
        (f"<ToDtTm>{DAY}", "<ToDtTm>2013-09-15", "days: found '2013-09-16 to 2013-09-15'"),
        ("<Sts><Cd>BOOK", "<Sts><Cd>INFO", "closing balance: found '100.00', expected 0.00, the opening balance with"),
        ("<TxDtls>", f"<TxDtls>{'<a>' * 70}{'</a>' * 70}", "depth: found 'more', expected at most 64 levels"),
        ("<TxDtls>", f"<TxDtls><RmtInf><Ustrd>{'x' * 10_001}</Ustrd></RmtInf>", "Ustrd: found 'xxx"),
        ("UTF-8", "EBCDIC-99", "line 1, encoding: found 'unknown encoding"),
        ("UTF-8", "GB18030", "encoding: found 'multi-byte encodings are not supported', expected UTF-8"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, wrong: str, right: str, told: str) -> None:
    text = GOOD.replace(wrong, right, 1)
    path = written(tmp_path, text)
    assert text != GOOD
    assert told in refused(path)
    assert refused(path).startswith("s.xml")


def test_batches_add_up(tmp_path: Path) -> None:
    def batch(*details: str) -> Path:
        return written(tmp_path, document(entry(100_00, DAY, "".join(details)), 0, 100_00, DAY))

    good = batch(transaction("T1", 130_00), transaction("T2", -30_00))
    assert [line.amount for line in lines_of(good)] == [130_00, -30_00]
    assert "Amt: found '100.00', expected 99.00, the sum" in refused(batch(transaction("T1", 99_00)))
    expected = "entry 1, TxDtls: found 'no Amt', expected one of each of several transactions"
    assert expected in refused(batch(transaction("T1", 100_00), transaction("T2")))
    assert expected in refused(batch(transaction("T2"), transaction("T1", 100_00)))
    assert lines_of(batch(transaction("T1")))[0].amount == 100_00
    spread = entry(100_00, DAY, transaction("T1", 60_00) + "</NtryDtls><NtryDtls>" + transaction("T2", 40_00))
    assert len(lines_of(written(tmp_path, document(spread, 0, 100_00, DAY)))) == 2


@pytest.mark.parametrize(
    ("wrong", "right", "told"),
    [
        ("day,amount", "date,amount", "line 1, columns: found 'date,amount"),
        ("2013-09-16,100.00", "16.09.2013,100.00", "line 3, day: found '16.09.2013', expected a date"),
        (",100.00,T1", ",100.001,T1", "line 3, amount: found '100.001'"),
        (",100.00,T1", ",1e2,T1", "line 3, amount: found '1e2'"),
        (",100.00,T1", ",99.00,T1", "closing balance: found '100.00', expected 99.00"),
        (",100.00,T1,", ",100.00,T1", "line 3, columns: found '4', expected 5"),
        ("OPENING", "opening", "line 2, reference: found 'opening', expected OPENING in the first row"),
        ("CLOSING,,\n", "CLOSING,,\n2013-09-16,0,T3,,\n", "line 5, reference: found 'T3'"),
        ("2013-09-16,100.00,CLOSING,,\n", "", "closing balance: found 'none', expected one"),
        (",T1,,", ",OPENING,,", "line 3, reference: found 'OPENING'"),
        (",T1,,", ',"T1,,', "CSV: found 'unexpected end of data'"),
        (",T1,,", ",T1,,a\0b", "line 3, text: found"),
        (",T1,,", ",T1,,\x85\x9b", "line 3, text: found"),
        ("2013-09-16,100.00,T1", "2013-09-17,100.00,T1", "record 1, day: found '2013-09-17'"),
    ],
)
def test_what_is_wrong_in_a_table_is_named(tmp_path: Path, wrong: str, right: str, told: str) -> None:
    path = csv(tmp_path / "s.csv", DAY, Told(100_00, "T1"))
    text = path.read_text().replace(wrong, right, 1)
    assert text != path.read_text()
    path.write_text(text)
    assert told in refused(path)


def test_tables_as_programs_write_them(tmp_path: Path) -> None:
    text = (
        '\ufeffday,amount,reference,counterparty,text\r\n2013-09-16,-1.5,OPENING,,\r\n2013-09-17,0.5,"T,1",,"a\nb"\r\n'
    )
    path = written(tmp_path, text + "2013-09-18,-1,CLOSING,,\r\n", "S.CSV")
    statement = read(path, SHANGHAI)
    assert (statement.first_day, statement.last_day, statement.opening) == (day("09-16"), day("09-18"), -1_50)
    assert list(statement.lines()) == [Line(1, day("09-17"), 50, "T,1", None, "a b")]
    assert "encoding: found" in refused(written(tmp_path, text.replace("T,1", "账"), "g.csv", "gb18030"))
    assert "closing balance" in refused(written(tmp_path, text, "cut.csv"))


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    for name in ("none.xml", "none.csv", "."):
        with pytest.raises(InvalidRequest, match="cannot be read"):
            read(tmp_path / name, SHANGHAI)
    assert "XML: found 'no element found" in refused(written(tmp_path, ""))
    assert "columns" in refused(written(tmp_path, "", "empty.csv"))


def test_nothing_is_expanded_or_fetched(tmp_path: Path) -> None:
    levels = (f"<!ENTITY a{n} '{'&a;' * 10}'>".replace("&a;", f"&a{n - 1};" if n else "&a;") for n in range(9))
    bomb = "<!DOCTYPE lol [<!ENTITY a 'ha'>" + "".join(levels)
    for prolog in (bomb + "]>", '<!DOCTYPE d SYSTEM "file:///etc/passwd">', "<!-- x --><!DOCTYPE d>"):
        path = written(tmp_path, GOOD.replace("<Document", f"{prolog}<Document"))
        assert "DOCTYPE: found 'a document type'" in refused(path)
        assert "DOCTYPE" in refused(written(tmp_path, path.read_text().replace("UTF-8", "UTF-16"), "u.xml", "utf-16"))
    assert "undefined entity" in refused(written(tmp_path, GOOD.replace("S1", "&a8;")))


@pytest.mark.parametrize("form", ["xml", "csv"])
def test_changed_bytes_are_refused_in_one_line_or_read(tmp_path: Path, form: str) -> None:
    random.seed(6)
    told = [Told(random.randint(-(10**6), 10**6), f"T{n}", None, "余额 &<") for n in range(8)]
    original = (camt if form == "xml" else csv)(tmp_path / f"s.{form}", DAY, *told).read_bytes()
    path, outcomes = tmp_path / f"changed.{form}", set()
    for _ in range(500):
        text = bytearray(original)
        for _ in range(random.randint(1, 3)):
            place = random.randrange(len(text))
            match random.randrange(4):
                case 0:
                    text[place] = random.randrange(256)
                case 1:
                    del text[place : place + random.randint(1, 40)]
                case 2:
                    text[place:place] = text[max(0, place - 30) : place]
                case 3:
                    text = text[: max(place, 1)]
        path.write_bytes(text)
        try:
            statement = read(path, SHANGHAI)
        except (BadStatement, InvalidRequest) as error:
            outcomes.add(f"refused in {len(str(error).splitlines())} lines")
        else:
            lines = list(statement.lines())
            assert statement.opening + sum(line.amount for line in lines) == statement.closing
            assert len(lines) == statement.records
            outcomes.add("read")
    assert outcomes == {"refused in 1 lines", "read"}


@pytest.mark.parametrize("form", ["entries", "batch", "parts", "csv"])
def test_memory_does_not_grow_with_the_lines(tmp_path: Path, form: str) -> None:
    """Ten times the lines take no more memory, whether they are entries or the transactions of one."""

    def peak(count: int) -> int:
        path = tmp_path / f"{count}.{'csv' if form == 'csv' else 'xml'}"
        if form == "csv":
            csv(path, DAY, *[Told(1, f"T{n}") for n in range(1, count + 1)])
        else:
            single = {"entries": entry(1, DAY, transaction("T1")), "batch": transaction("T1", 1)}
            single["parts"] = f"</NtryDtls><NtryDtls>{transaction('T1', 1)}"
            many = single[form] * count
            text = many if form == "entries" else entry(count, DAY, many)
            path.write_text(document(text, 0, count, DAY))
        tracemalloc.start()
        assert sum(1 for _ in read(path, SHANGHAI).lines()) == count
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return most

    few, many = peak(300), peak(3_000)
    assert many < few + 100_000, (few, many)


def test_balances_may_be_below_zero_and_quiet_days_have_no_lines(tmp_path: Path) -> None:
    assert read(csv(tmp_path / "q.csv", DAY, opening=-5), SHANGHAI).closing == -5
    quiet = read(camt(tmp_path / "q.xml", DAY, opening=-5), SHANGHAI)
    assert (quiet.opening, quiet.closing, quiet.records) == (-5, -5, 0)
    undated = GOOD.replace(GOOD[GOOD.index("<FrToDt>") : GOOD.index("<Acct/>")], "")
    assert read(written(tmp_path, undated), SHANGHAI).first_day == day("09-16")
    assert balance("CLBD", -1, DAY) in camt(tmp_path / "c.xml", DAY, Told(-1)).read_text()
