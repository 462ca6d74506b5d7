"""A book made anew in an empty database, from its inputs alone: equal to the audited one, at any moment and day."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from ledger.schema import account_total, balance, book_gate, holder, metadata
from tests.busy_book import audited, reopen
from tests.desk import Desk, day
from tests.shell import Shell
from wallet import facade
from wallet.audit.provenance import BALANCES, PROVENANCE, TURNOVER, Derived
from wallet.schema import advance, customer_order, day_chunk, distribution, limit_slot

ANEW = [table for table in metadata.tables.values() if table is not limit_slot]
"""The tables that must be equal row by row; which slot of a limit holds how much follows from nothing."""


def made_anew(desk: Desk, file: Path, *statements: sa.Executable) -> Desk:
    """Falsify rows of a book, make it anew into a file, and open that; nothing of the falsification stays."""
    audited(desk, *statements, audit=partial(facade.replay, into=file))
    return Desk(facade.connect(f"sqlite:///{file}"), desk.book)


def limits(desk: Desk) -> dict[str, int]:
    """Return what is used of each limit."""
    used: dict[str, int] = {}
    for row in desk.rows(limit_slot):
        used[row.name] = used.get(row.name, 0) + row.used
    return used


def test_the_book_made_anew_is_the_audited_one(busy_desk: Desk, tmp_path: Path) -> None:
    anew = made_anew(busy_desk, tmp_path / "anew.db")
    for table in ANEW:
        assert anew.rows(table) == busy_desk.rows(table), table
    assert limits(anew) == limits(busy_desk)
    with facade.reading(anew.engine) as connection:
        assert all(check.ok for check in facade.replay(connection, facade.load(connection, busy_desk.book.calendar)))


def test_nothing_that_is_derived_is_looked_at_to_derive_it(busy_desk: Desk, tmp_path: Path) -> None:
    """All that is derived is falsified at once, and the book made anew is the right one all the same."""
    late = sa.update(advance).values(redeemed_by=1, shares=0)
    states = sa.update(customer_order).values(
        remaining=0, passed_to_advancer=0, refunded=0, status="done", confirmed=1, confirmed_by=1
    )
    emptied = [sa.delete(table) for table in (balance, account_total, distribution, limit_slot, book_gate, holder)]
    wrong = [late, states, sa.update(day_chunk).values(entry_id=1), *emptied]
    anew = made_anew(busy_desk, tmp_path / "anew.db", *wrong)
    for table in ANEW:
        assert anew.rows(table) == busy_desk.rows(table), table
    assert limits(anew)["facility"] == limits(busy_desk)["facility"]
    whole = {name for name, columns in PROVENANCE.items() if all(isinstance(c, Derived) for c in columns.values())}
    touched = {t.name for t in (balance, account_total, distribution, limit_slot, book_gate, holder, advance)}
    assert whole - touched == {"account", "fundwallet_version"}, "a table that is derived, and not falsified here"


def test_only_what_no_table_takes_is_left_out_of_the_book_made_anew(busy_desk: Desk, tmp_path: Path) -> None:
    """The balance that such postings make cannot be stored, so it is told and not kept."""
    chart = busy_desk.book.chart
    lost = sa.text(f"DELETE FROM posting WHERE credit = {chart['shares'].id}")
    checks = audited(busy_desk, lost, audit=partial(facade.replay, into=tmp_path / "anew.db"))
    found = next(check for check in checks if check.name == BALANCES)
    assert any(finding.derived < 0 for finding in found.findings)


def test_there_is_nothing_to_find_at_any_moment_of_the_day(filled_desk: Desk) -> None:
    """Runs are killed before their second and their third commit in turn: the first of a step in chunks only plans."""
    killed = 0
    while filled_desk.run_until_commit(2 + killed % 2, "09-19", chunk_size=2):
        killed += 1
        assert killed < 200
        with facade.reading(filled_desk.engine) as connection:
            audit = facade.replay if killed % 8 == 0 else facade.verify
            assert [check for check in audit(connection, filled_desk.book) if not check.ok] == [], killed
    assert killed > 20
    reopen(filled_desk)
    with facade.reading(filled_desk.engine) as connection:
        assert [check for check in facade.replay(connection, filled_desk.book) if not check.ok] == []


@pytest.mark.parametrize("through", ["09-16", "09-17", "09-18", "09-19", "09-20", "09-22", "09-23", "10-10"])
def test_there_is_nothing_to_find_as_of_any_day(busy_desk: Desk, through: str) -> None:
    with facade.reading(busy_desk.engine) as connection:
        checks = facade.replay(connection, busy_desk.book, day(through))
    assert [check for check in checks if not check.ok] == []


def test_as_of_a_day_only_what_was_by_then_is_looked_at(busy_desk: Desk) -> None:
    later = account_total.c.value_date == day("09-19"), account_total.c.account_id == 1
    wrong = sa.update(account_total).where(*later).values(debits=account_total.c.debits + 1)
    for through, found in (("09-18", []), ("09-19", [TURNOVER]), ("09-22", [TURNOVER])):
        failed = audited(busy_desk, wrong, audit=partial(facade.replay, through=day(through)))
        assert [check.name for check in failed] == found
    now = sa.update(balance).where(balance.c.holder_id == 1, balance.c.account_id == 22)
    assert not audited(busy_desk, now.values(amount=1), audit=partial(facade.replay, through=day("09-22")))


def test_a_day_before_the_books_or_beyond_the_calendar_is_refused(busy_desk: Desk) -> None:
    with facade.reading(busy_desk.engine) as connection:
        for through, code in (("2013-09-15", "before_opening"), ("2030-01-01", "outside_calendar")):
            with pytest.raises(facade.FundwalletError) as refused:
                facade.replay(connection, busy_desk.book, day(through))
            assert refused.value.code == code


# The command


@pytest.fixture
def shell(filled_desk: Desk) -> Shell:
    """Give a command line for the busy book."""
    return Shell(filled_desk.engine.url.render_as_string(hide_password=False))


def test_the_command_tells_every_check_and_no_finding(shell: Shell) -> None:
    told = shell.do("audit replay --through 2013-09-16")
    assert list(told) == ["ok", "checks", "through", "findings"]
    assert (told["ok"], told["through"], told["findings"]) == (True, "2013-09-16", [])
    whole = shell.do("audit replay")
    assert whole["through"] is None
    *same, seals = (check["name"] for check in shell.do("verify")["checks"])
    assert [check["name"] for check in whole["checks"]] == same
    assert seals == "sealed days are as they were sealed"
    assert "ok   balances equal the postings" in shell.run("audit", "replay").out


def test_a_difference_ends_the_command_with_8_and_is_told_with_its_place(shell: Shell, filled_desk: Desk) -> None:
    mine = balance.c.holder_id == 1, balance.c.account_id == filled_desk.book.chart["in_transit"].id
    [row] = filled_desk.rows(balance, *mine)
    with filled_desk.engine.begin() as connection:
        connection.execute(sa.update(balance).where(*mine).values(amount=balance.c.amount + 1))
        connection.execute(sa.update(book_gate).values(cut_through=day("09-18")))
    ended = shell.run("--json", "audit", "replay")
    assert ended.code == 8
    assert ended.err == f"fundwallet: 2 of 24 checks failed: {BALANCES}, gates and steps agree\n"
    found: list[dict[str, Any]] = ended.document["findings"]
    amounts = {"stored": row.amount + 1, "derived": row.amount}
    place = {"check": BALANCES, "what": "balance.amount", "where": "in_transit of holder 1"}
    assert found[0] == place | amounts
    assert found[1]["stored"] == "2013-09-18"
    text = shell.run("audit", "replay").out
    assert text.splitlines()[2].split("  ")[0] == "balance.amount"
    assert "WRONG" in text


def test_the_book_made_anew_is_kept_in_a_file_that_was_not_there(shell: Shell, tmp_path: Path) -> None:
    file = tmp_path / "anew 再.db"
    kept = shell.run("audit", "replay", "--into", str(file))
    assert kept.code == 0, kept.err
    assert [path.name for path in tmp_path.glob("anew*")] == [file.name], "no log beside it"
    assert Shell(f"sqlite:///{file}").do("verify")["ok"]
    before = file.read_bytes()
    assert shell.refused("audit", "replay", "--into", str(file)) == (2, f"{file}: File exists")
    assert file.read_bytes() == before
    missing = tmp_path / "none" / "anew.db"
    assert shell.refused("audit", "replay", "--into", str(missing)) == (2, f"{missing}: No such file or directory")
    assert shell.refused("audit", "replay", "--through", "2013-9-16")[0] == 2
    assert shell.refused("audit", "replay", "--through", "2013-09-15")[0] == 1


def test_no_book_as_of_a_past_day_is_kept(filled_desk: Desk, tmp_path: Path) -> None:
    file = tmp_path / "past.db"
    with facade.reading(filled_desk.engine) as connection, filled_desk.refuses("invalid_request"):
        facade.replay(connection, filled_desk.book, day("09-16"), file)
    assert not file.exists()
