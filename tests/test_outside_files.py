"""Files that were sent and received: numbered without a gap, known by their names, never another under the same."""

from __future__ import annotations

from datetime import date
from hashlib import sha256
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from ledger.errors import NoTransaction
from tests.desk import Desk, at, day
from wallet import facade
from wallet.outside import files
from wallet.outside.files import BANK, FileChanged, Known, OutsideFile

WHEN = at("09-17 20:00")


def made(name: str, kind: str = "04", first: str = "09-17", last: str = "", control: int = 0) -> OutsideFile:
    return OutsideFile(name, kind, day(first), day(last or first), 7, sha256(name.encode()).digest(), control)


def keep(desk: Desk, *wanted: OutsideFile) -> None:
    def write(connection: sa.Connection, book: facade.Fund) -> None:
        for file in wanted:
            files.write(connection, book, files.next_number(connection, book), file, b"content", WHEN)

    desk.ask(write)


def between(desk: Desk, first: str = "", last: str = "") -> list[tuple[int, str]]:
    bounds: list[date | None] = [day(text) if text else None for text in (first, last)]
    with facade.reading(desk.engine) as connection:
        return [(file.number, file.name) for file in files.between(connection, desk.book, *bounds)]


def test_a_file_is_found_as_it_was_written_down(desk: Desk) -> None:
    file = made("OFD_TA_WALLET_20130917_06.TXT", "06", control=123_45)
    keep(desk, file)
    facts = {name: getattr(file, name) for name in OutsideFile.__slots__}
    known = Known(**facts, number=1, received_at=WHEN)
    with facade.reading(desk.engine) as connection:
        assert files.named(connection, desk.book, file.name) == known
        assert files.between(connection, desk.book) == [known]
        assert files.of_day(connection, desk.book, "06", day("09-17")) == known
        assert files.named(connection, desk.book, "another") is None


def test_the_same_bytes_are_known_and_others_are_refused(desk: Desk) -> None:
    file = made("one")
    with facade.reading(desk.engine) as connection:
        assert not files.is_known(connection, desk.book, "one", file.digest)
    keep(desk, file)
    with facade.reading(desk.engine) as connection:
        assert files.is_known(connection, desk.book, "one", file.digest)
        assert not files.is_known(connection, desk.book, "ONE", file.digest)
        with pytest.raises(FileChanged, match="one differs from the file that was taken or sent under this name"):
            files.is_known(connection, desk.book, "one", made("two").digest)


def test_files_by_the_days_they_are_about(desk: Desk) -> None:
    keep(desk, made("a", first="09-17"), made("b", BANK, "09-16", "09-20"), made("c", first="09-20"))
    assert between(desk) == [(1, "a"), (2, "b"), (3, "c")]
    assert between(desk, "09-18") == [(2, "b"), (3, "c")]
    assert between(desk, last="09-17") == [(1, "a"), (2, "b")]
    assert between(desk, "09-18", "09-19") == [(2, "b")]
    assert between(desk, "09-21") == []


def test_the_last_file_of_a_kind_covers_a_day(desk: Desk) -> None:
    keep(desk, made("first", BANK, "09-16", "09-20"), made("second", BANK, "09-18", "09-18"), made("other", "04"))
    with facade.reading(desk.engine) as connection:
        found = {
            text: known.name if (known := files.of_day(connection, desk.book, BANK, day(text))) else None
            for text in ("09-15", "09-16", "09-18", "09-20", "09-21")
        }
    assert found == {"09-15": None, "09-16": "first", "09-18": "second", "09-20": "first", "09-21": None}


def test_the_last_day_that_was_sent(desk: Desk) -> None:
    def last() -> date | None:
        with facade.reading(desk.engine) as connection:
            return files.last_sent(connection, desk.book)

    keep(desk, made("received", "04", "09-20"))
    assert last() is None
    keep(desk, made("quick", "33", "09-18"), made("sent", "03", "09-17"))
    assert last() == day("09-18")


def test_a_name_is_taken_once_even_behind_the_module_s_back(desk: Desk) -> None:
    keep(desk, made("one"))
    with pytest.raises(DBAPIError):
        keep(desk, made("one"))
    assert between(desk) == [(1, "one")]


def test_what_was_rolled_back_leaves_no_gap(desk: Desk) -> None:
    with desk.engine.connect() as connection, connection.begin() as transaction:
        files.write(connection, desk.book, files.next_number(connection, desk.book), made("lost"), b"", WHEN)
        transaction.rollback()
    keep(desk, made("kept"))
    assert between(desk) == [(1, "kept")]


def test_numbers_need_a_transaction(desk: Desk) -> None:
    with desk.engine.connect() as connection, pytest.raises(NoTransaction):
        files.next_number(connection, desk.book)


def test_the_digest_of_a_file(tmp_path: Path) -> None:
    content = bytes(range(256)) * 5_000
    (tmp_path / "large").write_bytes(content)
    (tmp_path / "empty").write_bytes(b"")
    assert files.digest_of(tmp_path / "large") == sha256(content).digest()
    assert files.digest_of(tmp_path / "empty") == sha256().digest()
    with pytest.raises(FileNotFoundError):
        files.digest_of(tmp_path / "nothing")
