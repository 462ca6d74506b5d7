"""Seals: equal on both engines, made once, and not a value of a sealed row changes behind them unseen."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from datetime import date, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from ledger.schema import journal_entry, metadata, posting
from tests import busy_book, postgres
from tests.busy_book import _drop_guards
from tests.desk import Desk, Interrupted, day, free_terms
from tests.sealed_book import sealed_book
from wallet import facade
from wallet.audit import leaves, seals
from wallet.outside import links
from wallet.outside.schema import break_event, link, outside_file, recon_break
from wallet.schema import (
    announcement,
    customer_order,
    day_chunk,
    day_step,
    decision,
    fund_terms,
    proposal,
    seal,
    trail,
    wallet,
)

LAST = day("09-19")


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def sealed(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """Give the sealed book, for tests that leave it as it is."""
    url = f"sqlite:///{tmp_path_factory.mktemp('sealed')}/books.db"
    if request.param == "postgresql":
        url = request.getfixturevalue("postgres_server").create_database()
    desk = sealed_book(url)
    busy_book.reopen(desk)
    yield desk
    desk.engine.dispose()


def found(desk: Desk, *statements: sa.Executable) -> list[str]:
    """Go around the guards, falsify rows, and return what the seals say; nothing of it stays."""
    with desk.engine.connect() as connection, connection.begin() as transaction:
        _drop_guards(connection)
        for statement in statements:
            connection.execute(statement)
        places = [str(each) for each in seals.verify(connection, desk.book).kept]
        transaction.rollback()
    return places


def heads(desk: Desk) -> list[tuple[date, str]]:
    """Return the heads by day."""
    return [(row.day, row.head.hex()) for row in desk.rows(seal)]


# What is sealed


def test_every_day_is_sealed_when_it_is_proved(sealed: Desk) -> None:
    with facade.reading(sealed.engine) as connection:
        chain = seals.all_seals(connection, sealed.book)
        findings = seals.verify(connection, sealed.book)
    assert [each.day for each in chain] == [day(f"09-{n}") for n in (16, 17, 18, 19)]
    assert (findings.wrong, findings.kept) == (0, [])
    assert chain[0].previous == bytes(32)
    assert chain[-1].marks == leaves.Marks(6, 2, 2, 2, 2, 2, 2)
    of_day = sealed.rows(journal_entry, journal_entry.c.value_date == day("09-17"))
    lines = sealed.rows(posting, posting.c.entry_id.in_([row.entry_id for row in of_day]))
    assert (chain[1].entries, chain[1].postings) == (len(of_day), len(lines))
    accounts = {a.id: a.unit for a in sealed.book.chart}
    assert chain[1].cny == sum(row.amount for row in lines if accounts[row.debit] == "CNY")
    assert chain[1].shares == sum(row.amount for row in lines if accounts[row.debit] != "CNY")


def test_every_column_of_a_sealed_table_is_sealed_or_derived() -> None:
    derived = {"remaining", "passed_to_advancer", "refunded", "status", "confirmed", "confirmed_by"}
    by_table: dict[str, set[str]] = {"posting": set(posting.c.keys())}
    for columns in (leaves.ENTRY, leaves.ORDER, *leaves.RECORDS.values()):
        by_table.setdefault(columns[0].table.name, set()).update(column.name for column in columns)
    by_table["customer_order"] |= derived
    for name, names in by_table.items():
        assert names == set(sa.inspect(metadata.tables[name]).columns.keys()), name
    unsealed = set(metadata.tables) - set(by_table)
    assert unsealed == {
        "account", "account_total", "advance", "balance", "book_gate", "day_chunk", "day_operator", "distribution",
        "fundwallet_version", "holder", "limit_slot", "seal", "answer", "agent_shares", "agent_income", "agent_figure",
        "agent_cash", "bank_line", "bank_match",
    }  # fmt: skip


def test_both_engines_seal_the_same_book_alike(
    tmp_path_factory: pytest.TempPathFactory, postgres_server: postgres.Server
) -> None:
    urls = f"sqlite:///{tmp_path_factory.mktemp('alike')}/books.db", postgres_server.create_database()
    both = [sealed_book(url) for url in urls]
    assert heads(both[0]) == heads(both[1])
    for desk in both:
        desk.engine.dispose()


def resealed(desk: Desk, *versions: int) -> list[str]:
    """Seal the days anew, each with a version, and return the heads."""
    take_seals_away(desk)
    with desk.engine.begin() as connection:
        last: seals.Seal | None = None
        for number, version in enumerate(versions):
            on, marks = desk.book.opened_on + timedelta(number), leaves.marks(connection)
            since = last.marks if last else leaves.Marks()
            span = leaves.Span(desk.book, last.day if last else None, on, since, marks, version)
            last = seals.digest(connection, span, last)
            connection.execute(sa.insert(seal).values(asdict(last)))
    return [head for _, head in heads(desk)]


@pytest.mark.parametrize("version", [1, 2])
def test_the_bytes_of_every_version_stay_what_they_are(database_url: str, version: int) -> None:
    desk = Desk.open(database_url, terms=[free_terms()], wallets=["爱丽丝"])
    desk.transfer_in("爱丽丝", 100_01, "09-16 10:00", "一")
    desk.publish("09-16", "09-17")
    desk.run("09-17")
    assert resealed(desk, version, version) == GOLDEN[version]
    desk.engine.dispose()


GOLDEN = {
    1: [
        "24e37cb11e45b1d3f6dff6e019a3e75e544db1b97e53174c4a051e1ac37eb065",
        "d0300c627b3538894feb0cbde83f3bf0187ea45cf2481bdc10ee93561499baf5",
    ],
    2: [
        "d0ca50436d2be0851e87c6bdd47fdf44503a1b09c8860fecfdae9520c00bebfe",
        "10d829346f399132bdd1be78e4ebb8e0871bbc50e8d7cb1455b4ce286ac69004",
    ],
}


def test_days_of_version_1_are_followed_by_days_of_version_2_and_never_the_other_way(desk: Desk) -> None:
    desk.transfer_in("alice", 100_00, "09-16 10:00")
    desk.transfer_in("bob", 1_00, "09-16 10:00", "refused")
    desk.publish("09-16", "09-18")
    desk.run("09-16")
    desk.record_outcome("bob", "refused", 0)
    desk.run("09-18")
    resealed(desk, 1, 1, 2)
    assert not desk.verify()
    assert found(desk, sa.update(seal).where(seal.c.day == day("09-17")).values(last_break=1)) == [
        "seal.last_file of 2013-09-17: stored (0, 1, 0), derived (0, 0, 0)"
    ]
    for version in (0, 2, 3):
        changed = sa.update(seal).where(seal.c.day == day("09-17")).values(version=version)
        assert any(said.startswith("seal.") for said in found(desk, changed)), version
    resealed(desk, 1, 2, 1)
    assert [check.name for check in desk.verify()] == [seals.CHECK]
    assert found(desk)[0] == "seal.version of 2013-09-18: stored 1, derived 2"


# Falsified values

SEALED: list[sa.Column[Any]] = [
    *leaves.ENTRY,
    *posting.c,
    *leaves.ORDER,
    *(column for columns in leaves.RECORDS.values() for column in columns if column.table is not link),
    *seal.c,
]


def others(value: Any, column: sa.Column[Any]) -> list[Any]:
    """Return other values of a column; null and nothing are two of them."""
    if isinstance(value, bool | int):
        told: list[Any] = [value + 1, value - 1, 2**31]
    elif isinstance(value, str):
        told = [f"{value}x", value[:-1] if len(value) > 1 else "y", ""]
    elif isinstance(value, bytes):
        told = [bytes([value[0] ^ 1]) + value[1:], value + b"\0"]
    elif isinstance(value, datetime):
        told = [value + timedelta(microseconds=1)]
    elif isinstance(value, date):
        told = [value + timedelta(1), value - timedelta(1)]
    else:
        by_type: dict[str, list[Any]] = {"Text": ["", "x"], "BigInteger": [0, 1], "Day": [LAST]}
        told = by_type[type(column.type).__name__]
    told = [other for other in told if other != value]
    return [*told, None] if column.nullable and value is not None else told


def rows_of(desk: Desk, column: sa.Column[Any]) -> Sequence[sa.Row[Any]]:
    """Return the sealed rows of a column's table."""
    table: Any = column.table
    dated = {"journal_entry": "value_date", "fund_terms": "valid_from", "announcement": "day", "day_step": "day"}
    if table.name in dated:
        return desk.rows(table, table.c[dated[table.name]] <= LAST)
    if table in (posting, customer_order):
        of = sa.select(journal_entry.c.entry_id).where(journal_entry.c.value_date <= LAST)
        where = [table.c.entry_id.in_(of)]
        if column.name in ("outcome", "return_code"):
            where.append(table.c.trade_date < day("09-18"))
        return desk.rows(table, *where)
    return desk.rows(table)


def this(row: sa.Row[Any], table: sa.Table) -> list[sa.ColumnElement[bool]]:
    return [key == row._mapping[key.name] for key in table.primary_key.columns]


@pytest.mark.parametrize("column", dict.fromkeys(SEALED), ids=str)
def test_any_other_value_is_found(sealed: Desk, column: sa.Column[Any]) -> None:
    table: Any = column.table
    rows = rows_of(sealed, column)
    chosen = rows if sealed.engine.dialect.name == "sqlite" and len(rows) < 8 else [rows[0], rows[len(rows) // 2]]
    changed = 0
    for row in chosen:
        value = row._mapping[column.name]
        for other in others(value, column):
            try:
                said = found(sealed, sa.update(table).where(*this(row, table)).values({column.name: other}))
            except (sa.exc.IntegrityError, sa.exc.DataError):
                continue
            changed += 1
            assert said, f"{column} of {tuple(row)}: {other!r}"
            assert all(
                " of 2013-09-" in place or "seal after 2013-09-" in place or "seal after none" in place
                for place in said
            ), said
    assert changed, f"{column}: the table refuses every other value"


def test_a_small_number_of_more_than_sixteen_bits_is_another(sealed: Desk) -> None:
    """SQLite keeps whole numbers of any size in any column; cut to its width, this one would be the same."""
    if sealed.engine.dialect.name != "sqlite":
        pytest.skip("PostgreSQL keeps to the width of a column")
    [row] = sealed.rows(posting, posting.c.entry_id == 1)
    assert found(sealed, sa.update(posting).where(*this(row, posting)).values(line=row.line + 2**16))


def test_a_link_is_sealed_with_the_trade_dates_that_a_day_confirms(filled_desk: Desk) -> None:
    """What is answered in files is digested with the files, so its outcomes are no longer sealed beside the orders."""
    filled_desk.run("09-19")
    version = links.Link(day("09-17"), "甲1", "乙2", 5)
    with filled_desk.engine.begin() as connection:
        connection.execute(sa.insert(link).values(links.row_of(filled_desk.book, version)))
    assert [place.split(":")[0] for place in found(filled_desk)] == ["seal.records of 2013-09-18"]
    take_seals_away(filled_desk)
    seals.seal_days(filled_desk.engine, filled_desk.book)
    assert found(filled_desk) == []
    assert found(filled_desk, sa.update(customer_order).values(outcome=None, return_code=None)) == []
    [row] = filled_desk.rows(link)
    for column in link.c:
        for other in others(row._mapping[column.name], column):
            assert found(filled_desk, sa.update(link).values({column.name: other})), column
    assert found(filled_desk, sa.delete(link))
    assert found(filled_desk, sa.insert(link).values(dict(row._mapping) | {"valid_from": day("09-16")}))
    later = sa.insert(link).values(dict(row._mapping) | {"valid_from": day("09-18")})
    assert found(filled_desk, later) == [], "that trade date is not confirmed yet"


# Rows too few, too many, in another order

TABLES: tuple[sa.Table, ...] = (
    *(journal_entry, posting, customer_order, announcement, fund_terms, day_step, wallet, trail, proposal, decision),
    *(outside_file, recon_break, break_event),
)


@pytest.mark.parametrize("table", TABLES, ids=str)
def test_a_missing_row_is_found(sealed: Desk, table: sa.Table) -> None:
    rows = rows_of(sealed, next(iter(table.c)))
    assert rows
    for row in rows if sealed.engine.dialect.name == "sqlite" else rows[:2]:
        if table is announcement and row.day == day("09-16"):
            continue
        assert found(sealed, sa.delete(table).where(*this(row, table))), tuple(row)


ADDED: list[tuple[sa.Table, dict[str, Any]]] = [
    (journal_entry, {"entry_id": 999, "request_id": "more"}),
    (posting, {"line": 9}),
    (posting, {"holder_id": 4}),
    (customer_order, {"entry_id": 6, "holder_id": 0}),
    (announcement, {"version": 0}),
    (fund_terms, {"valid_from": day("09-18")}),
    (day_step, {"step": "again"}),
    (wallet, {"holder_id": 0, "reference": "more"}),
    (trail, {"number": 0}),
    (proposal, {"number": 0}),
    (decision, {"number": 0, "proposal": 9}),
    (outside_file, {"number": 0, "name": "more"}),
    (recon_break, {"number": 0}),
    (break_event, {"number": 0}),
]


@pytest.mark.parametrize(("table", "changed"), ADDED, ids=[f"{t.name} {next(iter(c))}" for t, c in ADDED])
def test_an_added_row_is_found(sealed: Desk, table: sa.Table, changed: dict[str, Any]) -> None:
    row = next(iter(rows_of(sealed, next(iter(table.c)))))
    assert found(sealed, sa.insert(table).values(dict(row._mapping) | changed))


def swapped(table: sa.Table, one: sa.Row[Any], other: sa.Row[Any], *names: str) -> list[sa.Executable]:
    """Return statements that give two rows each other's values; a third value keeps keys apart meanwhile."""
    first, second = ({name: row._mapping[name] for name in names} for row in (one, other))
    keys = {key.name for key in table.primary_key.columns}
    aside = {name: value + 10_000 if name in keys else value for name, value in first.items()}
    parked = [key == aside.get(key.name, one._mapping[key.name]) for key in table.primary_key.columns]
    return [
        sa.update(table).where(*this(one, table)).values(aside),
        sa.update(table).where(*this(other, table)).values(first),
        sa.update(table).where(*parked).values(second),
    ]


def test_swapped_amounts_and_numbers_are_found(sealed: Desk) -> None:
    """Nothing is added or missing, and every sum is the same."""
    rows = sealed.rows(posting, posting.c.entry_id == sealed.rows(day_chunk, day_chunk.c.step == "confirm")[0].entry_id)
    one = rows[0]
    other = next(row for row in rows if row.amount != one.amount and row.debit == one.debit)
    amounts = found(sealed, *swapped(posting, one, other, "amount"))
    assert [said.partition(":")[0] for said in amounts] == [
        "seal.root of 2013-09-17, with as many rows and the same sums"
    ]
    one, other = sealed.rows(journal_entry, journal_entry.c.entry_id.in_([1, 2]))
    assert found(sealed, *swapped(journal_entry, one, other, "entry_id"))
    for table in (trail, proposal):
        rows = sealed.rows(table)
        assert found(sealed, *swapped(table, rows[0], rows[1], "number")), table


def test_what_differs_is_told_by_counts_and_sums(sealed: Desk) -> None:
    [row] = sealed.rows(posting, posting.c.entry_id == 1)
    said = found(sealed, sa.update(posting).where(*this(row, posting)).values(amount=row.amount + 1))
    assert said == ["seal.cny of 2013-09-16: stored 3000680.00, derived 3000680.01"]
    first = sa.delete(wallet).where(wallet.c.holder_id == 1)
    assert found(sealed, first) == ["seal.records of 2013-09-16: stored 14, derived 13"]


def test_a_day_that_cannot_be_read_is_a_finding(sealed: Desk) -> None:
    if sealed.engine.dialect.name != "sqlite":
        pytest.skip("PostgreSQL keeps only days as days")
    [said] = found(sealed, sa.text("UPDATE fund_terms SET valid_from = '20130916' WHERE valid_from = '2013-09-16'"))[:1]
    assert "of 2013-09-16" in said
    stretched = "UPDATE journal_entry SET value_date = '2013-09-16x' WHERE entry_id = 1"
    said = " ".join(found(sealed, sa.text(stretched)))
    assert "rows of 2013-09-17: stored cannot be read, derived Invalid isoformat string" in said


# The chain


def test_a_gap_and_a_restart_of_the_chain_are_found(sealed: Desk) -> None:
    gap = found(sealed, sa.delete(seal).where(seal.c.day == day("09-17")))
    assert gap[0] == "seal.day of the seal after 2013-09-16: stored 2013-09-18, derived 2013-09-17"
    assert gap[1].startswith("seal.previous of 2013-09-18: ")
    first = found(sealed, sa.delete(seal).where(seal.c.day == day("09-16")))
    assert first[0] == "seal.day of the seal after none: stored 2013-09-17, derived 2013-09-16"
    again = sa.update(seal).where(seal.c.day == day("09-18")).values(previous=bytes(32))
    assert any(said.startswith("seal.previous of 2013-09-18: ") for said in found(sealed, again))


def test_the_last_seals_taken_away_leave_no_trace_in_the_chain(sealed: Desk) -> None:
    assert found(sealed, sa.delete(seal).where(seal.c.day == day("09-19"))) == []


def test_a_seal_made_anew_for_changed_rows_breaks_the_next(sealed: Desk) -> None:
    with facade.reading(sealed.engine) as connection:
        chain = seals.all_seals(connection, sealed.book)
    with sealed.engine.connect() as connection, connection.begin() as transaction:
        _drop_guards(connection)
        connection.execute(sa.update(posting).where(posting.c.entry_id == 1).values(amount=1))
        anew = seals.digest(connection, seals.span_of(sealed.book, None, chain[0]), None)
        assert anew.head != chain[0].head
        values = {"root": anew.root, "head": anew.head, "cny": anew.cny}
        connection.execute(sa.update(seal).where(seal.c.day == chain[0].day).values(values))
        places = [each.what for each in seals.verify(connection, sealed.book).kept]
        transaction.rollback()
    assert places == ["seal.previous"]


# Once, whatever happens


def take_seals_away(desk: Desk) -> None:
    """Leave the book as one that an older version proved."""
    with desk.engine.begin() as connection:
        _drop_guards(connection)
        connection.execute(sa.delete(seal))


def test_days_that_were_proved_before_are_sealed_by_the_next_run(desk: Desk) -> None:
    desk.run("09-18")
    before = heads(desk)
    take_seals_away(desk)
    desk.run("09-18")
    assert heads(desk) == before
    assert seals.seal_days(desk.engine, desk.book) == 0


def test_two_who_seal_at_once_seal_every_day_once(desk: Desk) -> None:
    desk.run("10-31")
    before = heads(desk)
    take_seals_away(desk)
    made: list[int] = []
    start = threading.Barrier(2)

    def work() -> None:
        engine = facade.connect(desk.engine.url)
        start.wait()
        made.append(seals.seal_days(engine, desk.book))
        engine.dispose()

    both = [threading.Thread(target=work) for _ in range(2)]
    for thread in both:
        thread.start()
    for thread in both:
        thread.join()
    assert heads(desk) == before
    assert len(made) == 2, "one of them failed"
    assert sum(made) == len(before) == 46


@pytest.mark.parametrize("moment", ["before the row", "before its commit"])
def test_a_run_that_is_stopped_between_proof_and_seal_goes_on(desk: Desk, moment: str) -> None:
    written: list[str] = []

    def fail(connection: sa.Connection, _cursor: Any, statement: str, *_: object) -> None:
        if statement.startswith("INSERT INTO seal"):
            written.append(statement)
            if moment == "before the row":
                raise Interrupted

    def fail_commit(_: sa.Connection) -> None:
        if written:
            raise Interrupted

    sa.event.listen(desk.engine, "before_cursor_execute", fail)
    sa.event.listen(desk.engine, "commit", fail_commit)
    with pytest.raises(Interrupted):
        desk.run("09-17")
    sa.event.remove(desk.engine, "before_cursor_execute", fail)
    sa.event.remove(desk.engine, "commit", fail_commit)
    proved = [row.day for row in desk.rows(day_step, day_step.c.step == "prove")]
    assert proved == [day("09-16"), day("09-17")]
    assert heads(desk) == []
    desk.run("09-17")
    assert [on for on, _ in heads(desk)] == [day("09-16"), day("09-17")]
    assert not desk.verify()


def test_nobody_waits_while_a_day_is_sealed(desk: Desk) -> None:
    """While the day's rows are read a customer pays and another opens a wallet; neither is of that seal."""
    desk.transfer_in("alice", 100_00, "09-16 10:00")
    desk.publish("09-16", "09-18")
    desk.run("09-16")
    take_seals_away(desk)
    customers = Desk(facade.connect(desk.engine.url), desk.book)
    opened: list[int] = []

    def meanwhile(connection: sa.Connection, _cursor: Any, statement: str, *_: object) -> None:
        if "FROM posting" in statement and not opened:
            opened.append(customers.open_wallet("dora"))
            customers.pay("alice", 1_00, "09-17 10:00", "paid meanwhile")

    sa.event.listen(desk.engine, "before_cursor_execute", meanwhile)
    assert seals.seal_days(desk.engine, desk.book) == 1
    sa.event.remove(desk.engine, "before_cursor_execute", meanwhile)
    assert opened == [4]
    desk.run("09-17")
    assert [row.last_holder for row in desk.rows(seal)] == [3, 4]
    assert not desk.verify()
    customers.engine.dispose()


def test_what_may_still_come_for_a_sealed_day_does_not_touch_its_seal(desk: Desk) -> None:
    """A day on which nobody held shares takes its first figure at any time; its income does not follow from it."""
    desk.run("09-17")
    desk.announce("09-16", 1_0000)
    desk.announce("2013-07-01", 1_0000)
    assert not desk.verify()


def test_outcomes_are_those_of_the_trade_date_that_the_day_confirms(sealed: Desk) -> None:
    named: dict[date, list[str]] = {}

    def note(on: date, leaf: leaves.Leaf, _: bytes) -> None:
        if leaf.kind == "outcome":
            named.setdefault(on, []).append(str(leaf))

    with facade.reading(sealed.engine) as connection:
        seals.check(connection, sealed.book, note=note)
    answered = sealed.rows(customer_order, customer_order.c.outcome.is_not(None))
    assert len(answered) == 3
    assert named == {
        day("09-18"): [
            f"outcome of order {row.entry_id} of holder {row.holder_id}"
            for row in sorted(answered, key=lambda row: row.entry_id)
        ]
    }


def test_postings_may_come_in_any_pieces(sealed: Desk) -> None:
    """Whoever reads the postings for something else feeds them as they come."""
    with facade.reading(sealed.engine) as connection:
        checked = seals.SealCheck(connection, sealed.book)
        for on in checked.seals:
            made = checked.digest(on)
            assert made is not None
            for rows in leaves.postings(connection, made.span):
                for start in range(0, len(rows), 3):
                    made.feed(rows[start : start + 3])
                made.feed(rows[:0])
            checked.compare(made)
        assert checked.digest(day("09-20")) is None
        checked.compare(None)
        assert checked.findings.kept == []
