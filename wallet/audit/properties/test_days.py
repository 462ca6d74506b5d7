"""The days: every step once and on its day, nothing booked into a closed day, everything settled."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import date

from wallet.audit.books import Book, day_of
from wallet.audit.model import ADVANCED, ONE_DAY, SETTLED
from wallet.audit.properties import none_of
from wallet.audit.walk import Walk

EVERY_DAY = ("settle", "close", "distribute", "reconcile", "prove")
ON_TRADING_DAYS = ("confirm", "cutoff")


def test_every_step_was_done_once_on_each_of_its_days(audited_book: Book) -> None:
    """From the opening on without a gap: confirm and cutoff on trading days only, the others on all days."""
    book = audited_book
    for step, done in book.steps.items():
        days = (book.opened_on + n * ONE_DAY for n in range((done[-1] - book.opened_on).days + 1))
        due = [day for day in days if step not in ON_TRADING_DAYS or book.calendar.trades(day)]
        none_of(f"{step} of {day} was done, it is no day for it" for day in sorted(set(done) - set(due)))
        none_of(f"{step} of {day} was left out" for day in due if day not in set(done))
        assert len(done) == len(set(done)), f"{step} is written down twice for a day"
    assert set(book.steps) <= {*EVERY_DAY, *ON_TRADING_DAYS}


def test_a_step_waited_for_those_before_it(audited_book: Book) -> None:
    """A closed day is settled, its day before distributed; a distributed day is closed; a proved one has all steps."""
    before = {"close": ("settle",), "distribute": ("close",), "reconcile": ("close",), "prove": EVERY_DAY[:-1]}
    done = {step: set(days) for step, days in audited_book.steps.items()}
    none_of(
        f"{step} of {day} was done without {needed}"
        for step, needs in before.items()
        for needed in needs
        for day in sorted(done.get(step, set()) - done.get(needed, set()))
    )
    linked = audited_book.linked or date.max
    none_of(
        f"{day} was closed, the day before it was not reconciled"
        for day in sorted(done.get("close", set()))
        if day > linked and day - ONE_DAY not in done.get("reconcile", set())
    )


def test_every_chunk_of_a_done_step_was_booked_by_one_entry(audited_book: Book) -> None:
    """No chunk is left, no two share an entry, and no bulk entry of a step is without its chunk."""
    rows = list(audited_book.rows("SELECT step, day, number, entry_id FROM day_chunk"))
    done = {(step, day) for step, days in audited_book.steps.items() for day in days}
    none_of(
        f"chunk {row.number} of {row.step} {row.day} has no entry, the step is done"
        for row in rows
        if row.entry_id is None and (row.step, day_of(row.day)) in done
    )
    booked = [row.entry_id for row in rows if row.entry_id is not None]
    assert len(booked) == len(set(booked)), "an entry is the work of two chunks"
    bulk = audited_book.rows(
        """SELECT entry_id, kind FROM journal_entry WHERE first_holder IS NOT NULL AND kind NOT IN
            ('claim_returned', 'income_difference', 'income_corrected', 'confirmation_reversed')"""
    )
    known = set(booked)
    none_of(f"{row.kind}, entry {row.entry_id}, is of no chunk" for row in bulk if row.entry_id not in known)


def test_nothing_was_booked_into_a_closed_day(audited_book: Book) -> None:
    """Income is booked after its day was closed: no later entry is dated on or before that day."""
    none_of(_late(audited_book))


def _late(book: Book) -> Iterator[str]:
    rows = book.rows(
        """SELECT value_date, MAX(entry_id) AS last, MIN(CASE WHEN kind = 'income' THEN entry_id END) AS income
        FROM journal_entry GROUP BY value_date ORDER BY value_date"""
    )
    last, of = 0, date.min
    for row in rows:
        if row.income is not None and row.income < last:
            yield f"entry {last} is dated {of}, that day was closed before entry {row.income}"
        if row.last > last:
            last, of = row.last, day_of(row.value_date)


def test_everything_is_settled_after_the_settlement_of_a_trading_day(audited_book: Book) -> None:
    """Nothing is payable or receivable towards the fund, the advancer (but for advances of the day) and customers."""
    book = audited_book
    settled = {day for day in book.steps.get("settle", ()) if book.calendar.trades(day)}
    none_of(
        f"{code} as of {day}: {on[code]}"
        for day, on in book.control()
        if day in settled
        for code in SETTLED
        if on[code]
    )


def test_the_advancer_was_paid_back_what_it_laid_out(audited_book: Book) -> None:
    """What is receivable after a settlement was paid out that day, or dated back after the settlement was done."""
    book = audited_book
    entries = "SELECT value_date, entry_id FROM journal_entry WHERE kind = 'settlement' ORDER BY value_date"
    done = {day_of(row.value_date): row.entry_id for row in book.rows(entries)}
    paid: defaultdict[date, int] = defaultdict(int)
    for moved in book.turnover:
        if moved.kind == "payment" and book.accounts.get(moved.debit) == "advancer_receivable":
            paid[moved.value_date] += moved.amount
    late = list(_dated_back(book, done, paid))
    none_of(
        f"advancer receivable as of {day}: {on['advancer_receivable']}, laid out that day {paid[day]}"
        for day, on in book.control()
        if day in done
        if on["advancer_receivable"]
        != paid[day] + sum(fen for of, entry, fen in late if of < day and entry > done[day])
    )


def _dated_back(book: Book, done: dict[date, int], days: Iterable[date]) -> Iterator[tuple[date, int, int]]:
    """Yield (day, entry, fen) of what the advancer paid on a day when a later day was settled already."""
    asked = """SELECT p.entry_id, p.amount FROM journal_entry e JOIN posting p ON p.entry_id = e.entry_id
        WHERE e.book = :book AND e.value_date = :day AND e.kind = 'payment' AND e.entry_id > :settled
            AND p.debit = :account"""
    account = book.number["advancer_receivable"]
    for day in days:
        settled = min((entry for later, entry in done.items() if later > day), default=None)
        for row in book.rows(asked, book=book.code, day=day, settled=settled, account=account) if settled else ():
            yield day, row.entry_id, row.amount


def test_the_use_of_the_facility_is_the_advance_outstanding(audited_book: Book) -> None:
    """What payments took and settlements gave back is what the advancer has in shares, in transit and payable."""
    [row] = audited_book.rows("SELECT SUM(used) AS used FROM limit_slot WHERE name = 'facility'")
    last = dict.fromkeys(ADVANCED, 0)
    for _, balances in audited_book.control():
        last = balances
    assert int(row.used) == sum(last[code] for code in ADVANCED)


def test_the_transfer_agents_register_agrees_or_there_is_a_break(walk: Walk) -> None:
    """Of every reconciled day, every holder: as many shares as file 05 says, or a named break not resolved by then."""
    none_of(walk.register)
