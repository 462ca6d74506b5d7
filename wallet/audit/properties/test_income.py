"""Income: what each day earned, for whom, once, to the fen."""

from __future__ import annotations

from typing import Any

from wallet.audit import strategies
from wallet.audit.books import Book, day_of
from wallet.audit.model import ADVANCER, HOLDING_TIMES_RATE, ONE_DAY, income
from wallet.audit.plugin import Sampled
from wallet.audit.properties import none_of
from wallet.audit.walk import Walk


def test_every_holders_income_follows_from_figure_and_holdings(walk: Walk) -> None:
    """Cut to the fen, and a fen more for the largest cut fractions, of equal ones the lower number."""
    none_of(walk.income)


def test_a_days_income_adds_up_to_its_whole(walk: Walk) -> None:
    """The whole is the control total, or what all holdings together earn, cut to the fen."""
    none_of(walk.whole)


def test_a_days_income_was_booked_once_for_every_holder(audited_book: Book) -> None:
    """No holder stands in two entries of one day's income."""
    rows = audited_book.rows(
        """SELECT e.value_date, p.holder_id FROM journal_entry e JOIN posting p ON p.entry_id = e.entry_id
        WHERE e.kind = 'income' GROUP BY e.value_date, p.holder_id HAVING MIN(e.entry_id) <> MAX(e.entry_id)"""
    )
    none_of(f"income dated {row.value_date} was booked twice for holder {row.holder_id}" for row in rows)


def test_income_is_of_a_distributed_or_begun_day(audited_book: Book) -> None:
    """Income dated D+1 is that of D: D is decided, by the last figure that was announced for it."""
    decided = {}
    for row in audited_book.rows("SELECT day, version, income_per_10k FROM distribution"):
        decided[day_of(row.day)] = row.version, row.income_per_10k
    dated = {moved.value_date for moved in audited_book.turnover if moved.kind == "income"}
    none_of(f"income dated {day}, of a day not decided" for day in sorted(dated) if day - ONE_DAY not in decided)
    none_of(
        f"{day} was decided by figure {used}, announced was {audited_book.figures.get(day)}"
        for day, used in decided.items()
        if used != audited_book.figures.get(day, (0, 0, None))[:2]
    )


def test_income_of_a_wallet_and_day_is_within_a_fen_of_its_exact_share(audited_book: Book, sampled: Sampled) -> None:
    """Drawn: a holder and a day that was distributed; recomputed from her own postings alone."""
    book = audited_book

    def check(drawn: Any) -> None:
        holder, day = drawn
        movements = book.movements(holder)
        exact = _holding(book, holder, day) * book.figures[day][1]
        booked = sum(income(m) for m in movements if m.kind == "income" and m.value_date == day + ONE_DAY)
        assert abs(exact - booked * HOLDING_TIMES_RATE) < HOLDING_TIMES_RATE, (
            f"income of holder {holder} for {day}: booked {booked}, exactly {exact} / 10^8"
        )

    if drawable := [day for day in book.steps.get("distribute", ()) if day in book.figures]:
        sampled(strategies.holder_days(book, drawable), check)


def _holding(book: Book, holder: int, day: Any) -> int:
    """Return the shares that earn for `day`, from postings."""
    if holder != ADVANCER:
        changes = book.changes(holder)
        return changes.balance("shares", day) + changes.balance("redeeming", day)
    as_of = dict.fromkeys(("advancer_shares", "advancer_income_shares"), 0)
    for of, balances in book.control():
        if of <= day:
            as_of = {code: balances[code] for code in as_of}
    return sum(as_of.values())
