"""The journal: what a posting and an entry may be, and that balances are nothing but their sums."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from datetime import date

from wallet.audit.books import Book, day_of
from wallet.audit.model import ACCOUNTS, BY_HAND, HELD, MANUAL, PER_HOLDER
from wallet.audit.properties import none_of
from wallet.audit.walk import Walk


def test_the_chart_of_accounts_is_that_of_the_rule_book(audited_book: Book) -> None:
    """Code, unit, normal side and whether an account is kept per holder."""
    right = {
        code: (audited_book.code if unit == "shares" else unit, "debit" if side > 0 else "credit", code in PER_HOLDER)
        for code, (unit, side) in ACCOUNTS.items()
    }
    rows = audited_book.rows("SELECT code, unit, normal_side, per_holder FROM account")
    assert {row.code: (row.unit, row.normal_side, bool(row.per_holder)) for row in rows} == right


def test_every_posting_is_positive_and_within_one_unit(audited_book: Book) -> None:
    """Both accounts are known and different, both of one unit; so debits equal credits in every unit and entry."""
    unit = {number: ACCOUNTS[code][0] for number, code in audited_book.accounts.items() if code in ACCOUNTS}
    none_of(
        f"{t.kind} of {t.value_date}: {t.debit} to {t.credit}, at least {t.least}"
        for t in audited_book.turnover
        if t.least <= 0 or t.debit == t.credit or unit.get(t.debit, "?") != unit.get(t.credit, "??")
    )


def test_every_posting_is_one_of_the_accounting_manual(audited_book: Book) -> None:
    """An entry books only what the rule book gives for its kind."""
    code = audited_book.accounts
    none_of(
        f"{t.kind} of {t.value_date}: {code.get(t.debit)} to {code.get(t.credit)}"
        for t in audited_book.turnover
        if t.kind not in BY_HAND and (code.get(t.debit), code.get(t.credit)) not in MANUAL.get(t.kind, ())
    )


def test_every_posting_belongs_to_one_entry_that_names_its_holder(audited_book: Book) -> None:
    """Numbers of entries are given once; a bulk entry of the house names the first and the last holder."""
    twice = audited_book.rows("SELECT entry_id FROM journal_entry GROUP BY entry_id HAVING COUNT(*) > 1")
    stray = audited_book.rows(
        """SELECT p.entry_id, p.holder_id FROM posting p LEFT JOIN journal_entry e ON e.entry_id = p.entry_id
        WHERE e.entry_id IS NULL OR NOT (p.holder_id = e.holder_id OR e.holder_id = 0
            AND e.first_holder IS NOT NULL AND p.holder_id BETWEEN e.first_holder AND e.last_holder)"""
    )
    empty = audited_book.rows(
        """SELECT e.entry_id FROM journal_entry e
        WHERE e.holder_id <> 0 AND NOT EXISTS (SELECT 1 FROM posting p WHERE p.entry_id = e.entry_id)"""
    )
    none_of(f"entry {row.entry_id} stands twice" for row in twice)
    none_of(f"posting of entry {row.entry_id} for holder {row.holder_id} has no such entry" for row in stray)
    none_of(f"entry {row.entry_id} has no posting" for row in empty)


def test_every_entry_is_of_this_book_and_of_its_time(audited_book: Book) -> None:
    """No entry is dated before the opening, none is of another book."""
    rows = audited_book.rows(
        "SELECT entry_id, book, value_date FROM journal_entry WHERE book <> :book OR value_date < :opened",
        book=audited_book.code,
        opened=audited_book.opened_on,
    )
    none_of(f"entry {row.entry_id} of {row.book} is dated {row.value_date}" for row in rows)


def test_every_request_was_booked_once(audited_book: Book) -> None:
    """A request id of a holder stands at one entry, and an entry is reversed once at most."""
    for what in ("request_id", "reverses"):
        rows = audited_book.rows(
            f"""SELECT holder_id, {what} AS what FROM journal_entry WHERE {what} IS NOT NULL
            GROUP BY holder_id, {what} HAVING COUNT(*) > 1"""
        )
        none_of(f"{what} {row.what} of holder {row.holder_id} was booked more than once" for row in rows)


def test_debits_equal_credits_in_the_totals_of_every_closed_day(audited_book: Book) -> None:
    """What is written when a day is closed is the sum of its postings, and balances in each unit."""
    none_of(_totals(audited_book))


def _totals(book: Book) -> Iterator[str]:
    derived: defaultdict[tuple[date, str], list[int]] = defaultdict(lambda: [0, 0])
    for moved in book.turnover:
        for side, number in enumerate((moved.debit, moved.credit)):
            derived[moved.value_date, book.accounts.get(number, "?")][side] += moved.amount
    closed = set(book.steps.get("close", ()))
    sums: defaultdict[tuple[date, str], int] = defaultdict(int)
    told = {}
    for row in book.rows("SELECT value_date, account_id, debits, credits FROM account_total"):
        day, code = day_of(row.value_date), book.accounts.get(row.account_id, "?")
        told[day, code] = [row.debits, row.credits]
        sums[day, ACCOUNTS.get(code, ("?", 0))[0]] += row.debits - row.credits
        if day not in closed:
            yield f"totals of {day}, which is not closed"
    for day, code in sorted(told.keys() | {place for place in derived if place[0] in closed}):
        stored, right = told.get((day, code), [0, 0]), derived[day, code]
        if stored != right:
            yield f"{code} on {day}: stored {stored}, postings make {right}"
    yield from (f"{unit} on {day}: debits exceed credits by {over}" for (day, unit), over in sums.items() if over)


def test_balances_are_the_sums_of_postings(walk: Walk) -> None:
    """Every balance of every holder."""
    none_of(walk.balances)


def test_no_balance_was_ever_negative(walk: Walk) -> None:
    """As of the end of every day, every account of every holder."""
    none_of(walk.negative)


def test_control_accounts_are_what_their_holders_have(audited_book: Book) -> None:
    """The balances of all holders add up to the account in the house's books."""
    asked = "SELECT account_id, SUM(amount) AS amount FROM balance GROUP BY account_id"
    held = {audited_book.accounts[row.account_id]: int(row.amount) for row in audited_book.rows(asked)}
    last: dict[str, int] = {}
    for _, balances in audited_book.control():
        last = balances
    none_of(
        f"{code}: control account {last.get(code, 0)}, holders {held.get(code, 0)}"
        for code in PER_HOLDER
        if last.get(code, 0) != held.get(code, 0)
    )


def test_the_register_is_what_everybody_holds_on_every_day(audited_book: Book) -> None:
    """Register = shares + redeeming + the advancer's shares and income shares - shortfall."""
    none_of(
        f"as of {day}: register {on['register']}, held {held}"
        for day, on in audited_book.control()
        if on["register"] != (held := sum(on[code] for code in HELD) - on["shortfall"])
    )
