"""What figures, terms, quotas, holders, settlements, steps and chunks must say; each finding names its place."""

from __future__ import annotations

import sqlalchemy as sa

from ledger.schema import account, book_gate, holder, journal_entry, posting
from tests.busy_book import failing
from tests.desk import Desk, day
from wallet.schema import announcement, day_chunk, day_step, distribution, fund_terms, limit_slot, wallet

SETTLED = "house entries equal their digests"
INPUTS = "figures and terms equal their digests"
QUOTAS = "quotas equal the transfers-in of their days"
HOLDERS = "every wallet is a holder, numbered without a gap"
DAYS = "gates and steps agree"
CHUNKS = "bulk entries equal their chunks"


def test_a_settlement_is_what_it_was(busy_desk: Desk) -> None:
    entry = busy_desk.rows(journal_entry, journal_entry.c.kind == "settlement")[-1]
    line = busy_desk.rows(posting, posting.c.entry_id == entry.entry_id)[0]
    wrong = sa.update(posting).where(posting.c.entry_id == entry.entry_id, posting.c.line == line.line)
    found = failing(busy_desk, wrong.values(amount=line.amount + 1))
    assert found[SETTLED] == "settlement of 2013-09-23 differs from its digest"


def test_the_chart_is_the_program_s(busy_desk: Desk) -> None:
    found = failing(busy_desk, sa.update(account).where(account.c.code == "cash").values(code="petty_cash"))
    assert found == {SETTLED: "the chart of accounts differs from the program's"}


def test_figures_and_terms_are_what_they_were(busy_desk: Desk) -> None:
    first = announcement.c.day == day("09-17"), announcement.c.version == 1
    for change in (
        sa.update(announcement).where(*first).values(source="somewhere"),
        sa.delete(announcement).where(*first),
    ):
        assert failing(busy_desk, change)[INPUTS].startswith("figure for 2013-09-17, version ")
    found = failing(busy_desk, sa.update(fund_terms).values(holding_cap=None))
    assert found == {INPUTS: "terms valid from 2013-09-16 were changed"}
    found = failing(busy_desk, sa.delete(fund_terms))
    assert found == {INPUTS: "0 versions of the terms, 1 in use"}


def test_a_quota_is_used_by_what_was_taken_in(busy_desk: Desk) -> None:
    of_day = limit_slot.c.name == "quota 2013-09-20"
    found = failing(busy_desk, sa.update(limit_slot).where(of_day, limit_slot.c.slot == 0).values(used=1_00_00_00))
    assert found[QUOTAS].startswith("quota 2013-09-20: ")
    assert found[QUOTAS].endswith("8000 taken in")
    assert failing(busy_desk, sa.delete(limit_slot).where(of_day)) == {
        QUOTAS: "quota 2013-09-20: 0 used, 8000 taken in"
    }


def test_wallets_are_holders_without_a_gap(busy_desk: Desk) -> None:
    assert failing(busy_desk, sa.delete(wallet).where(wallet.c.holder_id == 2)) == {HOLDERS: "4 wallets, 5 holders"}
    found = failing(busy_desk, sa.delete(holder).where(holder.c.holder_id == 2))
    assert found == {HOLDERS: "5 holders, numbered through 5; wallet 2 is no holder"}


def test_a_posting_needs_an_entry(busy_desk: Desk) -> None:
    [entry] = busy_desk.rows(journal_entry, journal_entry.c.request_id == "bob paid")
    found = failing(busy_desk, sa.delete(journal_entry).where(journal_entry.c.entry_id == entry.entry_id))
    assert found[HOLDERS] == "; ".join([f"a posting of entry {entry.entry_id} for holder 2 has no entry"] * 2)


def test_no_day_is_left_out(busy_desk: Desk) -> None:
    def without(step: str) -> dict[str, str]:
        return failing(busy_desk, sa.delete(day_step).where(day_step.c.day == day("09-17"), day_step.c.step == step))

    assert without("prove") == {DAYS: "prove is written down for 3 days, not all in a row"}
    assert without("confirm") == {DAYS: "confirm 2013-09-17 is not written down"}


def test_the_gates_stand_where_the_steps_say(busy_desk: Desk) -> None:
    cut = failing(busy_desk, sa.update(book_gate).values(cut_through=day("09-24")))
    assert cut == {DAYS: "cut through 2013-09-24"}
    closed = failing(busy_desk, sa.update(book_gate).values(closed_through=day("09-29")))
    assert closed[DAYS] == "closed through 2013-09-29"
    assert DAYS in failing(busy_desk, sa.delete(book_gate))


def test_income_is_decided_for_closed_days_only(busy_desk: Desk) -> None:
    [decided] = busy_desk.rows(distribution, distribution.c.day == day("09-19"))
    ahead = sa.insert(distribution).values(dict(decided._mapping) | {"day": day("10-30")})
    assert failing(busy_desk, ahead) == {DAYS: "the income of 2013-10-30 is decided, the day is not closed"}


def test_a_chunk_has_its_own_entry_and_its_range(busy_desk: Desk) -> None:
    first, second, *_ = busy_desk.rows(day_chunk, day_chunk.c.step == "distribute", day_chunk.c.day == day("09-18"))
    mine = day_chunk.c.day == first.day, day_chunk.c.step == first.step, day_chunk.c.number == first.number
    entry = f"bulk entry {first.entry_id} of holder 0, income 000198 2013-09-18 1: differs from its chunk"
    assert failing(busy_desk, sa.update(day_chunk).where(*mine).values(last_holder=2)) == {CHUNKS: entry}
    found = failing(busy_desk, sa.update(day_chunk).where(*mine).values(entry_id=second.entry_id))
    assert found[CHUNKS].startswith(f"entry {second.entry_id} is the work of two chunks")
    undone = failing(busy_desk, sa.update(day_chunk).where(*mine).values(entry_id=None))
    assert undone == {DAYS: "distribute 2013-09-18 is done, one of its chunks is not", CHUNKS: entry}
