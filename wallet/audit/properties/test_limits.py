"""Limits: every accepted order held against the terms of its own day."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any

from wallet.audit.books import Book
from wallet.audit.model import ADVANCED, HERS, ONE_DAY, Changes, Terms, in_force
from wallet.audit.properties import none_of

_DAILY = """
    SELECT o.holder_id, e.value_date, SUM(o.amount) AS amount
    FROM customer_order o JOIN journal_entry e ON e.entry_id = o.entry_id AND e.holder_id = o.holder_id
    WHERE o.kind = :kind AND e.value_date >= :first AND e.value_date <= :last
    GROUP BY o.holder_id, e.value_date HAVING SUM(o.amount) > :bound"""


def versions(book: Book) -> Iterator[tuple[Terms, dict[str, Any]]]:
    """Yield each version of the terms with the first and the last day that it holds."""
    followed = [*(terms.valid_from - ONE_DAY for terms in book.terms[1:]), date.max]
    for terms, last in zip(book.terms, followed, strict=True):
        yield terms, {"first": terms.valid_from, "last": last}


def test_no_transfer_in_was_below_the_minimum_or_in_a_suspension(audited_book: Book) -> None:
    """By the terms of the day; refunds are free."""
    asked = """SELECT o.entry_id, o.amount, e.value_date
        FROM customer_order o JOIN journal_entry e ON e.entry_id = o.entry_id AND e.holder_id = o.holder_id
        WHERE o.kind = 'transfer_in' AND e.value_date >= :first AND e.value_date <= :last"""
    for terms, span in versions(audited_book):
        low = audited_book.rows(f"{asked} AND o.amount < :minimum", minimum=terms.minimum, **span)
        none_of(f"order {row.entry_id} of {row.amount} on {row.value_date}" for row in low)
        for first, last in terms.suspended:
            shut = {"first": max(first, span["first"]), "last": min(last, span["last"])}
            none_of(f"order {row.entry_id} on {row.value_date}" for row in audited_book.rows(asked, **shut))


def test_transfers_in_of_a_wallet_kept_within_the_daily_limit(audited_book: Book) -> None:
    """The sum of a natural day's accepted amounts."""
    none_of(_above(audited_book, "transfer_in", "transfer_in_daily"))


def test_instant_transfers_out_of_a_wallet_kept_within_the_daily_limit(audited_book: Book) -> None:
    """The sum of a natural day's accepted amounts, whatever they were taken from; payments do not count."""
    none_of(_above(audited_book, "transfer_out_instant", "instant_daily"))


def _above(book: Book, kind: str, limit: str) -> Iterator[str]:
    for terms, span in versions(book):
        bound = getattr(terms, limit)
        for row in book.rows(_DAILY, kind=kind, bound=bound, **span) if bound is not None else ():
            yield f"holder {row.holder_id} on {row.value_date}: {row.amount} against {bound}"


def test_transfers_in_of_a_day_kept_within_the_quota(audited_book: Book) -> None:
    """The sum over all wallets of a natural day; what the quota's slots say is that sum."""
    day_by_day = _DAILY.replace("o.holder_id, e.value_date", "e.value_date")
    asked = "SELECT name, SUM(used) AS used FROM limit_slot WHERE name LIKE 'quota %' GROUP BY name"
    used = {row.name.removeprefix("quota "): int(row.used) for row in audited_book.rows(asked)}
    taken: dict[str, int] = {}
    for terms, span in versions(audited_book):
        if terms.quota_daily is not None:
            rows = audited_book.rows(day_by_day, kind="transfer_in", bound=0, **span)
            of_days = {str(row.value_date): int(row.amount) for row in rows}
            none_of(
                f"{day}: {sum_} against {terms.quota_daily}"
                for day, sum_ in of_days.items()
                if sum_ > terms.quota_daily
            )
            taken |= of_days
    assert {day: sum_ for day, sum_ in used.items() if sum_} == taken


def test_the_facility_was_never_exceeded(audited_book: Book) -> None:
    """After every entry that advances, in the order of booking, against the terms of its day."""
    none_of(_facility(audited_book))


def _facility(book: Book) -> Iterator[str]:
    ids = {f"a{n}": book.number[code] for n, code in enumerate(ADVANCED)}
    inside = ", ".join(f":{name}" for name in ids)
    rows = book.rows(
        f"""SELECT e.entry_id, e.kind, e.value_date, SUM(CASE WHEN p.credit IN ({inside}) THEN p.amount ELSE 0 END
            - CASE WHEN p.debit IN ({inside}) THEN p.amount ELSE 0 END) AS change
        FROM journal_entry e JOIN posting p ON p.entry_id = e.entry_id
        WHERE p.credit IN ({inside}) OR p.debit IN ({inside})
        GROUP BY e.entry_id, e.kind, e.value_date ORDER BY e.entry_id""",
        **ids,
    )
    outstanding = 0
    for row in rows:
        outstanding += int(row.change)
        spent = row.kind in ("payment", "transfer_out_instant")
        if spent and outstanding > (bound := in_force(book.terms, _date(row.value_date)).facility):
            yield f"entry {row.entry_id}: {outstanding} outstanding against {bound}"


def _date(value: Any) -> date:
    return date.fromisoformat(value) if isinstance(value, str) else value


def test_no_transfer_in_passed_the_holding_cap(audited_book: Book, pytestconfig: Any) -> None:
    """Shares + redeeming + in transit after the order; looked at where most was ever credited, as many as samples."""
    caps = [terms.holding_cap for terms in audited_book.terms if terms.holding_cap is not None]
    asked = """SELECT holder_id, SUM(amount) AS amount FROM posting
        WHERE holder_id > 0 AND (credit = :transit OR debit = :register) GROUP BY holder_id
        HAVING SUM(amount) > :cap ORDER BY 2 DESC, 1 LIMIT :most"""
    number, most = audited_book.number, pytestconfig.getoption("book_samples")
    accounts = {"transit": number["in_transit"], "register": number["register"]}
    rows = audited_book.rows(asked, cap=min(caps), most=most, **accounts) if caps else ()
    for holder in [row.holder_id for row in rows]:
        none_of(_above_cap(audited_book, holder))


def _above_cap(book: Book, holder: int) -> Iterator[str]:
    changes = Changes()
    for movement in book.movements(holder):
        changes.add(movement)
        cap = in_force(book.terms, movement.value_date).holding_cap
        held = sum(changes.balance(code) for code in HERS[:3])
        if movement.kind == "transfer_in" and cap is not None and held > cap:
            yield f"entry {movement.entry} of holder {holder}: {held} against {cap}"
