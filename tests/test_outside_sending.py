"""Files to the transfer agent: their bytes, written once and for all, whole or not at all, whatever happens."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from ledger.schema import journal_entry
from tests.desk import Desk, Interrupted, at, day, free_terms
from tests.shell import ROOT
from wallet import facade
from wallet.outside import links, sending
from wallet.outside.links import Link
from wallet.outside.schema import outside_file
from wallet.outside.sending import Sent
from wallet.schema import customer_order as orders
from wallet.transfer_agent import datafile, indexfile

DATA, INDEX = "OFD_WALLET_TA_20130917_03.TXT", "OFI_WALLET_TA_20130917.TXT"
QUICK, QUICK_INDEX = "OFD_WALLET_TA_20130917_33.TXT", "OFT_WALLET_TA_20130917.TXT"

BY_HAND = """\
OFDCFDAT
21··
WALLET···
TA·······
20130917
000
03
········
········
015
AppSheetSerialNo
FundCode
TransactionDate
TransactionTime
TransactionAccountID
DistributorCode
ApplicationVol
BusinessCode
TAAccountID
CurrencyType
BranchCode
ShareClass
ApplicationAmount
LargeRedemptionFlag
ChargeType
00000003
2013091700000000000000000001982013091715000000000000000000000WALLET···\
0000000000003000024000000000000156WALLET···0000000000000000010
20130917000000000000000P0001982013091710000000000000000000001WALLET···\
0000000000000000022000000000001156WALLET···00000000000002001·0
20130917000000000000000R0001982013091711300000000000000000002WALLET···\
0000000000000700024000000000002156WALLET···0000000000000000010
OFDCFEND
"""
INDEX_BY_HAND = """\
OFDCFIDX
21··
WALLET···
TA·······
20130917
001
OFD_WALLET_TA_20130917_03.TXT
OFDCFEND
"""


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """Give an empty directory."""
    directory = tmp_path / "out"
    directory.mkdir()
    return directory


@pytest.fixture
def cut(desk: Desk) -> Desk:
    """Cut 09-17 with a purchase, a redemption, and 30.00 that the advancer took over; link from 09-17."""
    desk.publish("09-16", "09-30", 0)
    desk.transfer_in("bob", 500_00, "09-16 10:00")
    desk.run("09-17", at("09-17 00:00"))
    desk.ask(links.connect, Link(day("09-17")))
    desk.transfer_in("alice", 20_01, "09-17 10:00", "purchase")
    desk.transfer_out("bob", 7_00, "standard", "09-17 11:30", "redemption")
    desk.pay("bob", 30_00, "09-17 14:00")
    desk.run("09-17", at("09-17 15:00"))
    return desk


@pytest.fixture
def closed(desk: Desk) -> Desk:
    """Close 09-17, on which 30.00 passed to the advancer."""
    desk.publish("09-16", "09-30", 0)
    desk.transfer_in("bob", 500_00, "09-16 10:00")
    desk.run("09-17", at("09-17 00:00"))
    desk.ask(links.connect, Link(day("09-17")))
    desk.pay("bob", 30_00, "09-17 14:00")
    desk.run("09-17", at("09-18 00:00"))
    return desk


def send(desk: Desk, directory: Path, text: str = "09-17", kind: str = "03", **options: Any) -> Sent:
    return sending.send(desk.engine, desk.book, kind, day(text), directory, at("09-17 15:30"), **options)


def content(directory: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(directory.iterdir())}


def rows(desk: Desk) -> list[tuple[Any, ...]]:
    return [(row.number, row.name, row.kind, row.day, row.records, row.control) for row in desk.rows(outside_file)]


@contextmanager
def refused(desk: Desk, code: str, directory: Path) -> Iterator[None]:
    """Expect a refusal that leaves database and directory as they were."""
    before = content(directory)
    with desk.refuses(code):
        yield
    assert content(directory) == before


def numbered(text: str, desk: Desk) -> bytes:
    """Return a file written by hand, with the digit that the database gave as the number of each entry."""
    for letter, request_id in (("P", "purchase"), ("R", "redemption")):
        (entry,) = desk.rows(journal_entry, journal_entry.c.request_id == request_id)
        text = text.replace(f"0{letter}0", f"{entry.entry_id:02}0")
    return text.replace("·", " ").replace("\n", "\r\n").encode()


def expected(desk: Desk) -> dict[str, bytes]:
    return {DATA: numbered(BY_HAND, desk), INDEX: numbered(INDEX_BY_HAND, desk)}


# The bytes


def test_the_file_and_its_index_as_written_by_hand(cut: Desk, out: Path) -> None:
    told = send(cut, out)
    assert told == Sent(DATA, INDEX, "03", day("09-17"), 3, 30_00, new=True)
    assert content(out) == expected(cut)
    assert rows(cut) == [(1, DATA, "03", day("09-17"), 3, 30_00)]
    with datafile.open_file(out / DATA) as file:
        (block,) = file.blocks()
        assert block.numbers("ApplicationAmount").tolist() == [0, 20_01, 0]
        assert block.numbers("ApplicationVol").tolist() == [30_00, 0, 7_00]
        assert block.texts("LargeRedemptionFlag") == ["1", "", "1"]
    assert indexfile.read(out / INDEX).files == (DATA,)


def test_quick_transfers_have_an_index_of_their_own(closed: Desk, out: Path) -> None:
    assert send(closed, out, kind="33") == Sent(QUICK, QUICK_INDEX, "33", day("09-17"), 1, 0, new=True)
    assert list(content(out)) == [QUICK, QUICK_INDEX]
    index = indexfile.read(out / QUICK_INDEX)
    assert (index.prefix, index.files) == ("OFT", (QUICK,))
    with datafile.open_file(out / QUICK) as file:
        (block,) = file.blocks()
        assert block.numbers("ApplicationVol").tolist() == [30_00]
        assert block.texts("OriginalAppDate") == ["20130917"]
    assert rows(closed) == [(1, QUICK, "33", day("09-17"), 1, 0)]


def test_a_trade_date_without_applications_has_a_file_of_no_records(desk: Desk, out: Path) -> None:
    desk.run("09-16", at("09-16 15:00"))
    assert send(desk, out, "09-16").records == 0
    with datafile.open_file(out / "OFD_WALLET_TA_20130916_03.TXT") as file:
        assert (file.records, list(file.blocks())) == (0, [])
    assert rows(desk) == [(1, "OFD_WALLET_TA_20130916_03.TXT", "03", day("09-16"), 0, 0)]


def test_codes_of_the_link_stand_in_names_and_records(desk: Desk, out: Path) -> None:
    desk.ask(links.connect, Link(day("09-16"), "378", "98abcdefg"))
    desk.transfer_in("alice", 1_00, "09-16 10:00")
    desk.run("09-16", at("09-16 15:00"))
    assert send(desk, out, "09-16").file == "OFD_378_98abcdefg_20130916_03.TXT"
    with datafile.open_file(out / "OFD_378_98abcdefg_20130916_03.TXT") as file:
        (block,) = file.blocks()
        assert (block.texts("DistributorCode"), block.texts("BranchCode")) == (["378"], ["378"])


# Twice


def test_sent_again_it_is_the_same_and_no_news(cut: Desk, out: Path) -> None:
    send(cut, out)
    before = content(out)
    assert send(cut, out) == Sent(DATA, INDEX, "03", day("09-17"), 3, 30_00, new=False)
    assert content(out) == before
    assert len(rows(cut)) == 1


def test_sent_again_after_everything_went_on_it_is_the_same(cut: Desk, out: Path) -> None:
    send(cut, out)
    cut.pay("bob", 3_00, "09-17 11:00")
    cut.pay("alice", 5_00, "09-17 16:00")
    cut.pay("bob", 8_00, "09-17 16:00")
    cut.transfer_in("alice", 9_00, "09-17 17:00")
    (out / "again").mkdir()
    assert send(cut, out / "again").new is False
    assert content(out / "again") == {name: (out / name).read_bytes() for name in (DATA, INDEX)}


@pytest.mark.parametrize("lost", [(DATA,), (INDEX,), (DATA, INDEX)])
def test_what_was_lost_is_written_again(cut: Desk, out: Path, lost: tuple[str, ...]) -> None:
    send(cut, out)
    before = content(out)
    for name in lost:
        (out / name).unlink()
    send(cut, out)
    assert content(out) == before


def test_two_at_once_send_one_file(cut: Desk, out: Path) -> None:
    with ThreadPoolExecutor(2) as both:
        told = [future.result() for future in [both.submit(send, cut, out) for _ in range(2)]]
    assert sorted(each.new for each in told) == [False, True]
    assert list(content(out)) == [DATA, INDEX]
    assert len(rows(cut)) == 1


# Refused


def test_a_trade_date_that_is_not_cut_is_refused(desk: Desk, out: Path) -> None:
    desk.transfer_in("alice", 1_00, "09-16 10:00")
    with refused(desk, "trade_date_open", out):
        send(desk, out, "09-16")
    desk.run("09-16", at("09-16 15:00"))
    with refused(desk, "trade_date_open", out):
        send(desk, out, "09-17")
    assert send(desk, out, "09-16").new


def test_a_day_that_is_not_closed_is_refused(closed: Desk, out: Path) -> None:
    with refused(closed, "day_open", out):
        send(closed, out, "09-18", "33")


@pytest.mark.parametrize(
    ("text", "kind", "code"),
    [
        ("2012-12-31", "03", "outside_calendar"),
        ("09-13", "03", "before_opening"),
        ("09-13", "33", "before_opening"),
        ("09-19", "03", "invalid_request"),
        ("09-16", "03", "not_linked"),
        ("09-16", "33", "not_linked"),
    ],
)
def test_days_that_cannot_be_sent(closed: Desk, out: Path, text: str, kind: str, code: str) -> None:
    with refused(closed, code, out):
        send(closed, out, text, kind)


def test_the_first_export_connects_the_book(desk: Desk, out: Path) -> None:
    desk.run("09-16", at("09-16 15:00"))
    with refused(desk, "day_open", out):
        send(desk, out, "09-16", "33")
    send(desk, out, "09-16")
    with facade.reading(desk.engine) as connection:
        assert links.versions(connection, desk.book) == [Link(day("09-16"), "WALLET", "TA", 0)]


def test_a_trade_date_that_was_confirmed_without_files_is_not_sent(desk: Desk, out: Path) -> None:
    desk.transfer_in("alice", 1_00, "09-16 10:00")
    desk.run("09-17", at("09-17 00:00"))
    with refused(desk, "link_too_late", out):
        send(desk, out, "09-16")


@pytest.mark.parametrize("name", [DATA, INDEX])
@pytest.mark.parametrize("known", [False, True])
def test_something_else_of_that_name_is_left_as_it_is(cut: Desk, out: Path, name: str, known: bool) -> None:
    if known:
        (out / "before").mkdir()
        send(cut, out / "before")
    where = out / "new"
    where.mkdir()
    (where / name).write_bytes(b"somebody's")
    with refused(cut, "name_taken", where):
        send(cut, where)


def test_bytes_that_differ_from_what_was_sent_are_refused(cut: Desk, out: Path) -> None:
    send(cut, out)
    with cut.engine.begin() as connection:
        connection.execute(sa.update(orders).where(orders.c.amount == 20_01).values(remaining=20_00))
    with refused(cut, "file_changed", out):
        send(cut, out)


def test_a_link_that_comes_first_overtakes(desk: Desk, out: Path) -> None:
    desk.run("09-16", at("09-16 15:00"))
    other = Link(day("09-16"), "OTHER", "TA")

    def overtake(work: sending.Work) -> sending.Work:
        desk.ask(links.connect, other)
        return work

    with pytest.raises(sending.ExportOvertaken):
        send(desk, out, "09-16", with_rows=overtake)
    assert (content(out), rows(desk)) == ({}, [])


def test_another_export_that_comes_first_overtakes(cut: Desk, out: Path) -> None:
    first, second = out / "first", out / "second"
    first.mkdir()
    second.mkdir()

    def overtake(work: sending.Work) -> sending.Work:
        cut.pay("bob", 3_00, "09-17 11:00")
        assert send(cut, first).advancer == 33_00
        return work

    with pytest.raises(sending.ExportOvertaken) as told:
        send(cut, second, with_rows=overtake)
    assert told.value.retryable
    assert (content(second), len(rows(cut))) == ({}, 1)
    assert send(cut, second).advancer == 33_00
    assert content(second) == content(first)


def test_a_code_of_the_fund_that_the_format_does_not_hold(database_url: str, out: Path) -> None:
    engine = facade.connect(database_url)
    with engine.begin() as connection:
        desk = Desk(engine, facade.create(connection, day("09-16"), "1234567", terms=[free_terms()]))
    desk.open_wallet("alice")
    desk.transfer_in("alice", 1_00, "09-16 10:00")
    desk.run("09-16", at("09-16 15:00"))
    with refused(desk, "malformed_file", out):
        send(desk, out, "09-16")


# Killed, and out of room


def test_what_fails_before_the_commit_leaves_nothing(cut: Desk, out: Path) -> None:
    def fail(work: sending.Work) -> sending.Work:
        def fails(connection: sa.Connection) -> bool:
            work(connection)
            raise Interrupted

        return fails

    before = cut.dump()
    with pytest.raises(Interrupted):
        send(cut, out, with_rows=fail)
    assert (content(out), cut.dump()) == ({}, before)


@pytest.mark.parametrize(("renames", "there"), [(0, []), (1, [DATA])])
def test_what_fails_after_the_commit_is_healed_by_asking_again(
    cut: Desk, out: Path, monkeypatch: pytest.MonkeyPatch, renames: int, there: list[str]
) -> None:
    real, done = Path.replace, 0

    def replace(self: Path, target: Path) -> Path:
        nonlocal done
        if done == renames:
            raise Interrupted
        done += 1
        return real(self, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", replace)
        with pytest.raises(Interrupted):
            send(cut, out)
    assert (list(content(out)), len(rows(cut))) == (there, 1)
    cut.pay("bob", 3_00, "09-17 11:00")
    assert send(cut, out).new is False
    assert content(out) == expected(cut)


KILLED = """
import os, sys
from datetime import date, datetime, timezone
from pathlib import Path
from wallet import facade
from wallet.outside import sending
os.fsync = lambda _: os._exit(9)
engine = facade.connect(sys.argv[1])
with facade.reading(engine) as connection:
    book = facade.load(connection)
sending.send(engine, book, "03", date(2013, 9, 17), Path(sys.argv[2]), datetime.now(timezone.utc))
"""


def test_what_was_killed_half_way_is_not_in_the_way(cut: Desk, out: Path) -> None:
    url = cut.engine.url.render_as_string(hide_password=False)
    command = [sys.executable, "-c", KILLED, url, str(out)]
    ended = subprocess.run(command, env=os.environ | {"PYTHONPATH": str(ROOT)}, check=False, timeout=60)
    assert ended.returncode == 9
    (left,) = content(out)
    assert left.endswith(".part")
    send(cut, out)
    assert {DATA, INDEX} < set(content(out))
    assert (out / DATA).read_bytes() == numbered(BY_HAND, cut)


@pytest.mark.parametrize("name", ["nowhere", "file"])
def test_a_directory_that_is_none(cut: Desk, out: Path, name: str) -> None:
    (out / "file").write_text("")
    before = cut.dump()
    with pytest.raises(OSError, match=r"No such file|Not a directory"):
        send(cut, out / name)
    assert cut.dump() == before


def test_a_disk_that_is_full_leaves_nothing(copy_of: Callable[[str], Desk], out: Path) -> None:
    desk = copy_of("quiet")
    for n in range(200):
        desk.transfer_in("alice", 1_00 + n, "09-16 10:00")
    desk.run("09-16", at("09-16 15:00"))
    before = desk.dump()
    bounds = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, bounds[1]))
    try:
        with pytest.raises(OSError, match="File too large"):
            send(desk, out, "09-16")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, bounds)
    assert (content(out), desk.dump()) == ({}, before)
    assert send(desk, out, "09-16").records == 200
