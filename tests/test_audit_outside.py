"""The checks of a book that works with files: it verifies and replays, and what is falsified in it is found."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
import sqlalchemy as sa

from ledger.schema import journal_entry, metadata, posting
from tests.busy_book import _drop_guards, audited, failing
from tests.desk import Desk, day
from tests.linked_book import ALICE, BOB, NUMBER
from wallet import facade
from wallet.audit import seals
from wallet.audit.provenance import (
    BANK,
    BREAKS,
    CHUNKS,
    CORRECTIONS,
    DAYS,
    DECISIONS,
    FILES,
    HOUSE_ENTRIES,
    INCOME,
    INPUTS,
    TRANSIT,
)
from wallet.outside import records
from wallet.outside.schema import (
    agent_income,
    agent_shares,
    answer,
    bank_line,
    bank_match,
    break_event,
    link,
    outside_file,
    recon_break,
)
from wallet.schema import announcement, customer_order, day_step, decision, limit_slot

NEW = ("advancer_adjusted", "income_difference", "income_corrected", "confirmation_reversed", "suspense")
"""The kinds of entries that only such a book has."""


def entry(desk: Desk, kind: str) -> sa.Row[tuple[object, ...]]:
    """Return the first entry of a kind."""
    return desk.rows(journal_entry, journal_entry.c.kind == kind)[0]


def test_there_is_nothing_to_find(linked_desk: Desk, tmp_path: Path) -> None:
    assert linked_desk.verify() == []
    anew = tmp_path / "anew.db"
    assert audited(linked_desk, audit=partial(facade.replay, into=anew)) == []
    rebuilt = Desk(facade.connect(f"sqlite:///{anew}"), linked_desk.book)
    for table in metadata.tables.values():
        if table is not limit_slot:
            assert rebuilt.rows(table) == linked_desk.rows(table), table


def test_everything_has_happened_in_it(linked_desk: Desk) -> None:
    kinds = {row.kind for row in linked_desk.rows(journal_entry)}
    assert set(NEW) <= kinds
    assert {row.final for row in linked_desk.rows(answer)} == {0, 1}
    assert {row.status for row in linked_desk.rows(customer_order)} >= {"rejected", "part_confirmed", "confirmed"}


@pytest.mark.parametrize("through", ["09-16", "09-17", "09-18", "09-19", "09-22", "09-23", "09-24", "10-10"])
def test_there_is_nothing_to_find_as_of_any_day(linked_desk: Desk, through: str) -> None:
    with facade.reading(linked_desk.engine) as connection:
        checks = facade.replay(connection, linked_desk.book, day(through))
    assert [check for check in checks if not check.ok] == []


@pytest.mark.parametrize("kind", NEW)
def test_every_posting_of_an_outside_entry_follows_from_a_record(linked_desk: Desk, kind: str) -> None:
    """More, or not at all: besides balances and totals its own rule says so."""
    of = sa.select(journal_entry.c.entry_id).where(journal_entry.c.kind == kind)
    lines = linked_desk.rows(posting, posting.c.entry_id.in_(of))
    rules = {"advancer_adjusted": CORRECTIONS, "confirmation_reversed": CORRECTIONS, "suspense": BANK}
    assert lines
    for line in lines if linked_desk.engine.dialect.name == "sqlite" else lines[:1]:
        mine = [key == line._mapping[key.name] for key in posting.primary_key.columns]
        changed = sa.update(posting).where(*mine)
        register = linked_desk.book.chart["register"].id
        told = kind not in ("income_difference", "income_corrected") or register in (line.debit, line.credit)
        for statement in (changed.values(amount=line.amount + 1), sa.delete(posting).where(*mine)):
            found = failing(linked_desk, statement)
            assert rules.get(kind, INCOME) in found or not told, (line, found)
            assert found


@pytest.mark.parametrize("kind", NEW)
def test_an_outside_entry_too_few_or_too_many_is_found(linked_desk: Desk, kind: str) -> None:
    first = entry(linked_desk, kind)
    assert failing(linked_desk, sa.delete(journal_entry).where(journal_entry.c.entry_id == first.entry_id))
    more = dict(first._mapping) | {"entry_id": 9_999, "request_id": f"{first.request_id} again"}
    line = linked_desk.rows(posting, posting.c.entry_id == first.entry_id)[0]
    twice = sa.insert(posting).values(dict(line._mapping) | {"entry_id": 9_999})
    rules = {"income_difference": CHUNKS, "income_corrected": INCOME, "suspense": BANK}
    assert rules.get(kind, CORRECTIONS) in failing(linked_desk, sa.insert(journal_entry).values(more), twice)


def test_an_answer_says_what_its_order_was_confirmed_for(linked_desk: Desk) -> None:
    mine = answer.c.ta_serial == "S1"
    for values in ({"confirmed": 999_99}, {"return_code": "0001"}, {"applied": 1}, {"final": 0}):
        assert {TRANSIT, FILES} <= failing(linked_desk, sa.update(answer).where(mine).values(values)).keys(), values
    found = failing(
        linked_desk, sa.update(customer_order).where(customer_order.c.outcome == 1_000_00).values(outcome=1)
    )
    assert (
        "customer_order.outcome of order 1 of holder 1: stored (1, '0000'), derived (100000, '0000')" in found[TRANSIT]
    )
    lost = failing(linked_desk, sa.delete(answer).where(mine))
    assert "customer_order.outcome of order 1 of holder 1" in lost[TRANSIT]
    [row] = linked_desk.rows(answer, mine)
    again = dict(row._mapping) | {"confirmation_date": day("09-23"), "ta_serial": "S99"}
    assert (
        "answer of order 1 of holder 1 on 2013-09-23" in failing(linked_desk, sa.insert(answer).values(again))[TRANSIT]
    )
    stray = dict(row._mapping) | {"application": 2**40, "ta_serial": "S98"}
    found = failing(linked_desk, sa.insert(answer).values(stray))
    assert f"answer of application {2**40} of holder 1: stored a row, derived nothing" in found[TRANSIT]


def test_a_record_of_income_that_is_changed_changes_the_difference(linked_desk: Desk) -> None:
    mine = agent_income.c.holder_id == NUMBER[ALICE], agent_income.c.day == day("09-17")
    found = failing(linked_desk, sa.update(agent_income).where(*mine).values(income=agent_income.c.income + 1))
    assert found[INCOME] == "income_difference of holder 1 dated 2013-09-18: stored 5, derived 6"
    assert found.keys() == {INCOME, FILES}


def test_a_figure_of_a_distributed_day_needs_its_entry(linked_desk: Desk) -> None:
    [first, *_] = linked_desk.rows(announcement, announcement.c.day == day("09-17"))
    later = dict(first._mapping) | {"version": 2, "income_per_10k": 9}
    assert INCOME in failing(linked_desk, sa.insert(announcement).values(later))
    corrected = announcement.c.day == day("09-18"), announcement.c.version == 2
    found = failing(linked_desk, sa.update(announcement).where(*corrected).values(income_per_10k=1_4000))
    assert found[INCOME].startswith("income_corrected of holder 1 dated 2013-09-24: stored ")


def test_links_days_and_decisions(linked_desk: Desk) -> None:
    assert INPUTS in failing(linked_desk, sa.update(link).values(tolerance=0))
    skipped = day_step.c.step == "reconcile", day_step.c.day == day("09-20")
    found = failing(linked_desk, sa.update(day_step).where(*skipped).values(state="skipped: no outside record"))
    assert found == {DAYS: "day_step.state of reconcile 2013-09-20: stored skipped: no outside record, derived done"}
    found = failing(linked_desk, sa.delete(day_step).where(*skipped))
    assert "day_step of reconcile 2013-09-20: stored nothing, derived a row" in found[DAYS]
    late = day_step.c.step.in_(["reconcile", "prove"]), day_step.c.day >= day("09-23")
    found = failing(linked_desk, sa.delete(day_step).where(*late))
    assert "day_step of reconcile 2013-09-23: stored nothing, derived a row" in found[DAYS], "09-24 is closed"
    for wrong in (None, 1):
        assert DECISIONS in failing(linked_desk, sa.update(decision).values(entry_id=wrong))


def test_a_file_is_of_its_rows(linked_desk: Desk) -> None:
    [shares] = linked_desk.rows(outside_file, outside_file.c.kind == "05", outside_file.c.day == day("09-18"))
    mine = agent_shares.c.file == shares.number, agent_shares.c.holder_id == NUMBER[BOB]
    for values in ({"total": 1}, {"frozen": 1}, {"file": 1}, {"kind": "35"}, {"book": "other"}):
        assert failing(linked_desk, sa.update(agent_shares).where(*mine).values(values)).keys() == {FILES}, values
    found = failing(linked_desk, sa.update(agent_shares).where(*mine).values(file=999))
    assert f"outside_file.content of file {shares.number}: stored " in found[FILES]
    assert "agent_shares of 1 rows of file 999: stored a row, derived a file of 05 or 35 about them" in found[FILES]


def test_every_line_of_the_bank_is_an_items_or_in_suspense(linked_desk: Desk) -> None:
    item = bank_match.c.item.is_not(None), bank_match.c.entry_id.is_(None)
    first = linked_desk.rows(bank_match, *item)[0]
    mine = [key == first._mapping[key.name] for key in bank_match.primary_key.columns]
    for values in ({"amount": first.amount + 1}, {"item": "T999"}, {"part": 2}, {"day": day("09-30")}, {"item": None}):
        assert BANK in failing(linked_desk, sa.update(bank_match).where(*mine).values(values)), values
    assert BANK in failing(linked_desk, sa.delete(bank_match).where(*mine))
    suspense = entry(linked_desk, "suspense")
    found = failing(
        linked_desk, sa.update(bank_match).where(bank_match.c.entry_id == suspense.entry_id).values(entry_id=1)
    )
    assert f"journal_entry of suspense entry {suspense.entry_id}: stored a row, derived nothing" in found[BANK]
    assert BANK in failing(linked_desk, sa.update(bank_line).where(bank_line.c.amount > 0).values(amount=1))
    wrong = sa.update(posting).where(posting.c.entry_id == suspense.entry_id).values(amount=1)
    assert {BANK, HOUSE_ENTRIES} <= failing(linked_desk, wrong).keys()


def test_a_break_is_what_it_was_opened_with(linked_desk: Desk) -> None:
    first = recon_break.c.number == 1
    for values in ({"ours": 0}, {"since": day("09-30")}, {"number": 99}):
        assert BREAKS in failing(linked_desk, sa.update(recon_break).where(first).values(values)), values
    events = break_event.c["break"] == 1
    assert BREAKS in failing(linked_desk, sa.delete(break_event).where(events))
    assert BREAKS in failing(linked_desk, sa.update(break_event).where(events).values(state="open again"))


def test_seals_cover_what_the_files_left(copy_of: Callable[[str], Desk]) -> None:
    """Whoever changes a record and its file's digest too is found by the seals."""
    desk = copy_of("linked")
    with desk.engine.connect() as connection, connection.begin() as transaction:
        _drop_guards(connection)
        connection.execute(sa.update(agent_shares).where(agent_shares.c.day == day("09-18")).values(total=1))
        [file] = connection.execute(
            sa.select(outside_file.c.number).where(outside_file.c.kind == "05", outside_file.c.day == day("09-18"))
        ).scalars()
        content = records.content_digest(connection, desk.book, file, "05")
        connection.execute(sa.update(outside_file).where(outside_file.c.number == file).values(content=content))
        found = [check.name for check in facade.verify(connection, desk.book) if not check.ok]
        transaction.rollback()
    assert found == [seals.CHECK]
