"""What figures, terms, quotas, holders, settlements, steps and chunks must say; each finding names its place."""

from __future__ import annotations

import sqlalchemy as sa

from ledger.schema import account, book_gate, holder, journal_entry, posting
from tests.busy_book import failing
from tests.desk import Desk, day
from wallet.audit.provenance import CHUNKS, DAYS, FACILITY, HOLDERS, HOUSE_ENTRIES, INCOME, INPUTS, QUOTAS, UNITS
from wallet.schema import announcement, day_chunk, day_step, distribution, fund_terms, limit_slot, wallet


def test_a_settlement_is_what_it_was(busy_desk: Desk) -> None:
    entry = busy_desk.rows(journal_entry, journal_entry.c.kind == "settlement")[-1]
    line = busy_desk.rows(posting, posting.c.entry_id == entry.entry_id)[0]
    wrong = sa.update(posting).where(posting.c.entry_id == entry.entry_id, posting.c.line == line.line)
    found = failing(busy_desk, wrong.values(amount=line.amount + 1))
    said = f"journal_entry.digest of settlement of 2013-09-23: stored {bytes(entry.digest).hex()}, derived "
    assert found[HOUSE_ENTRIES].startswith(said)
    found = failing(busy_desk, wrong.values(line=99))
    assert "posting.line of settlement of 2013-09-23: stored [2, 3, 4, 5, 99]" in found[HOUSE_ENTRIES]


def test_the_chart_is_the_program_s(busy_desk: Desk) -> None:
    found = failing(busy_desk, sa.update(account).where(account.c.code == "cash").values(code="petty_cash"))
    assert found == {UNITS: "account.code of account 1, petty_cash: stored petty_cash, derived cash"}


def test_figures_and_terms_are_what_they_were(busy_desk: Desk) -> None:
    first = announcement.c.day == day("09-17"), announcement.c.version == 1
    for change in (
        sa.update(announcement).where(*first).values(source="somewhere"),
        sa.delete(announcement).where(*first),
    ):
        assert failing(busy_desk, change)[INPUTS].startswith("announcement of figure for 2013-09-17, version ")
    found = failing(busy_desk, sa.update(fund_terms).values(holding_cap=None))
    assert found[INPUTS].startswith("fund_terms of terms from 2013-09-16: stored ('000198', '")
    found = failing(busy_desk, sa.delete(fund_terms))
    assert found[INPUTS] == "fund_terms of the opening day: stored nothing, derived a row"


def test_a_quota_is_used_by_what_was_taken_in(busy_desk: Desk) -> None:
    of_day = limit_slot.c.name == "quota 2013-09-20"
    found = failing(busy_desk, sa.update(limit_slot).where(of_day, limit_slot.c.slot == 0).values(used=1_00_00_00))
    assert found[QUOTAS].startswith("limit_slot.used of quota 2013-09-20: stored 10")
    assert found[QUOTAS].endswith(", derived 8000")
    missing = failing(busy_desk, sa.delete(limit_slot).where(of_day))
    assert missing[QUOTAS].startswith("limit_slot.used of quota 2013-09-20: stored 0, derived 8000; ")


def test_the_facility_is_used_by_the_advances(busy_desk: Desk) -> None:
    here = limit_slot.c.name == "facility", limit_slot.c.slot == 0
    found = failing(busy_desk, sa.update(limit_slot).where(*here).values(used=limit_slot.c.used + 1))
    assert found.keys() == {FACILITY}
    told = found[FACILITY].removeprefix("limit_slot.used of facility: stored ").split(", derived ")
    assert int(told[0]) == int(told[1]) + 1
    found = failing(busy_desk, sa.update(limit_slot).where(*here).values(slot=99))
    assert found[FACILITY].startswith("limit_slot of slots of facility: ")
    found = failing(busy_desk, sa.insert(limit_slot).values(book="000198", name="quota of ours", slot=0, used=0))
    assert found[QUOTAS].startswith("limit_slot of quota of ours: stored a row, derived nothing")


def test_wallets_are_holders_without_a_gap(busy_desk: Desk) -> None:
    lost = failing(busy_desk, sa.delete(wallet).where(wallet.c.holder_id == 2))
    assert "holder of holder 2: stored a row, derived nothing" in lost[HOLDERS]
    assert "wallet.holder_id of wallet 3: stored 3, derived 2, without a gap" in lost[HOLDERS]
    found = failing(busy_desk, sa.delete(holder).where(holder.c.holder_id == 2))
    assert found == {HOLDERS: "holder of holder 2: stored nothing, derived a row"}


def test_a_posting_needs_an_entry(busy_desk: Desk) -> None:
    [entry] = busy_desk.rows(journal_entry, journal_entry.c.request_id == "bob paid")
    found = failing(busy_desk, sa.delete(journal_entry).where(journal_entry.c.entry_id == entry.entry_id))
    place = f"posting of entry {entry.entry_id} of holder 2, line"
    assert found[UNITS] == "; ".join(f"{place} {n}: stored a row, derived an entry" for n in (1, 2))


def test_no_day_is_left_out_and_none_is_too_early(busy_desk: Desk) -> None:
    def without(step: str) -> dict[str, str]:
        return failing(busy_desk, sa.delete(day_step).where(day_step.c.day == day("09-17"), day_step.c.step == step))

    for step in ("prove", "confirm"):
        assert without(step) == {DAYS: f"day_step of {step} 2013-09-17: stored nothing, derived a row"}
    last = day_step.c.day == day("09-23"), day_step.c.step == "cutoff"
    alone = failing(busy_desk, sa.update(day_step).where(*last).values(step="close"))
    assert "day_step of cutoff 2013-09-23: stored nothing, derived a row" in alone[DAYS]
    closed_day = failing(busy_desk, sa.update(day_step).where(*last).values(day=day("09-21")))
    assert "day_step of cutoff 2013-09-21: stored a row, derived nothing" in closed_day[DAYS]


def test_the_gates_stand_where_the_steps_say(busy_desk: Desk) -> None:
    cut = failing(busy_desk, sa.update(book_gate).where(book_gate.c.gate == 0).values(cut_through=day("09-24")))
    assert cut == {DAYS: "book_gate.cut_through of gate 0: stored 2013-09-24, derived 2013-09-23"}
    for ahead in ("09-23", "09-29"):  # 09-22 has no figure yet, so 09-23 cannot have been closed
        closed = failing(busy_desk, sa.update(book_gate).where(book_gate.c.gate == 0).values(closed_through=day(ahead)))
        assert closed == {DAYS: f"book_gate.closed_through of gate 0: stored 2013-{ahead}, derived 2013-09-20"}
    assert "book_gate of gate 0: stored nothing, derived a row" in failing(busy_desk, sa.delete(book_gate))[DAYS]


def test_income_is_decided_for_closed_days_only(busy_desk: Desk) -> None:
    [decided] = busy_desk.rows(distribution, distribution.c.day == day("09-19"))
    ahead = sa.insert(distribution).values(dict(decided._mapping) | {"day": day("10-30")})
    assert failing(busy_desk, ahead) == {INCOME: "distribution of 2013-10-30: stored a row, derived nothing"}


def test_a_chunk_has_its_own_entry_and_its_range(busy_desk: Desk) -> None:
    first, second, *_ = busy_desk.rows(day_chunk, day_chunk.c.step == "distribute", day_chunk.c.day == day("09-18"))
    mine = day_chunk.c.day == first.day, day_chunk.c.step == first.step, day_chunk.c.number == first.number
    entry, place = (
        f"bulk entry {first.entry_id} of holder 0, income 000198 2013-09-18 1",
        "distribute 2013-09-18, chunk",
    )
    wider = failing(busy_desk, sa.update(day_chunk).where(*mine).values(last_holder=2))
    said = f"day_chunk of {place} 2: stored (2, 2), derived (2, 3); day_chunk of {entry}: stored (0, 2), derived (0, 1)"
    assert wider == {CHUNKS: said}
    for entry_id in (second.entry_id, None):
        found = failing(busy_desk, sa.update(day_chunk).where(*mine).values(entry_id=entry_id))
        assert found == {CHUNKS: f"day_chunk.entry_id of {place} 1: stored {entry_id}, derived {first.entry_id}"}
    lost = failing(busy_desk, sa.delete(journal_entry).where(journal_entry.c.entry_id == first.entry_id))
    assert "journal_entry of income 000198 2013-09-18 1: stored nothing, derived a row" in lost[CHUNKS]
