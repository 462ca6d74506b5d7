"""Mutated files go through the whole import: each is applied whole, as a second reading says, or refused whole.

FUNDWALLET_MUTANTS and FUNDWALLET_SEED set how many there are in the long run, and the seed, which is printed.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest
import sqlalchemy as sa

from tests import agent_files as ta
from tests import paper_files
from tests.agent_files import LATER, C, T
from tests.desk import Desk, at
from tests.mutants import mutate
from tests.paper_files import Facts, Refused
from wallet import facade
from wallet.errors import FundwalletError
from wallet.facade import Fund
from wallet.outside import records, taking
from wallet.outside.schema import OUTSIDE, agent_cash, agent_figure, agent_income, agent_shares, answer, outside_file
from wallet.outside.taking import Taken
from wallet.schema import announcement, day_chunk, day_step, decision, proposal

SAMPLE, LONG = 400, int(os.environ.get("FUNDWALLET_MUTANTS", "100000"))
SEED = int(os.environ.get("FUNDWALLET_SEED", "20130917"))
PARTS = 20
"""No part takes so long that it would be taken for one that hangs."""

VERIFIED = 100
"""Of so many mutants one has the whole book verified with it, if it is taken."""

WATCHED = (*OUTSIDE, announcement, proposal, decision)
NEEDED_BY = {"confirm": ("04",), "distribute": ("06",)}
ROWS: dict[str, tuple[sa.Table, str]] = {
    "04": (answer, "holder_id application business_code applied confirmed return_code final ta_serial original"),
    "05": (agent_shares, "holder_id kind total frozen"),
    "06": (agent_income, "holder_id basis income"),
    "07": (agent_figure, "day income_per_10k seven_day total_shares day_income"),
    "25": (agent_cash, "sequence trade_date business_code amount pay_date"),
}
ROWS |= {"34": ROWS["04"], "35": ROWS["05"]}


@dataclass
class Ground:
    """A book in the middle of its days, the files that come next, and what a second reader has to know of it."""

    desk: Desk
    directory: Path
    files: dict[str, bytes]
    facts: Facts
    failing: list[str]


@pytest.fixture(scope="module")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ground]:
    """Give a book whose first confirmations are booked, and which has sent redemptions and quick transfers since."""
    place = tmp_path_factory.mktemp("ground")
    desk = Desk.open(f"sqlite:///{place / 'books.db'}", wallets=("alice", "bob", "carol"))
    agent = ta.Agent.of(desk, place)
    agent.take(ta.put(agent.directory, "04", C, agent.confirmed()))
    desk.run("09-17", at("09-17 01:00"))
    desk.transfer_out("alice", 90_00, "standard", "09-17 10:00", "out")
    desk.transfer_in("carol", 12_34, "09-17 11:00", "d")
    desk.run("09-17", at("09-17 16:00"))
    desk.pay("bob", 5_00, "09-17 18:00", "p")
    ta.sent(desk, "03", C, control=80_00)
    ta.sent(desk, "33", C)
    written = written_files(agent)
    with facade.reading(desk.engine) as connection:
        wrong = failing(connection, desk.book)
    yield Ground(desk, agent.directory, {path.name: path.read_bytes() for path in written}, facts_of(agent), wrong)
    desk.engine.dispose()


def written_files(agent: ta.Agent) -> list[Path]:
    """Write the files that come next, one of each type."""
    back = {"OriginalSerialNo": "04000000000000000002", "OriginalCfmDate": ta.digits(C), "AppSheetSerialNo": ""}
    dated = {"TransactionDate": ta.digits(C), "PayDate": ta.digits(LATER), "CalculateDate": ta.digits(LATER)}
    quick = {"OriginalAppDate": ta.digits(C), "ConfirmedAmount": 0}
    answers = [
        ta.answer("124", 1, C, agent.entry("out"), 90_00, 30_00, BusinessFinishFlag="0", LargeRedemptionFlag="1"),
        ta.answer("122", 3, C, agent.entry("d"), 12_34, 12_00, Specification="增利宝𠮷"),
        ta.answer("124", 0, C, 0, 80_00, 80_00),
        ta.answer("145", 2, C, 0, 0, 20_00, **back),
    ]
    held = [ta.held(0, 5_00), ta.held(1, 100_00, 90_00), ta.held(777, 1), ta.held(1, 60_00, DetailFlag="1")]
    figures = [ta.figure("09-17", 1_23450), ta.figure("09-16", 1_00000, FundIncomeFlag="1")]
    cleared = [
        dated | {"SequenceNO": "1", "BusinessCode": "122", "ConfirmedAmount": 12_00, "ReceOrPayFlag": "1"},
        dated | {"SequenceNO": "2", "BusinessCode": "124", "ConfirmedAmount": 110_00, "ReceOrPayFlag": "0"},
    ]
    return [
        ta.put(agent.directory, "04", LATER, answers),
        ta.put(agent.directory, "05", C, held),
        ta.put(agent.directory, "06", C, [ta.earned(1, 100_00, 2), ta.earned(2, 20_00, -1), ta.earned(0, 5_00, 0)]),
        ta.put(agent.directory, "07", C, figures),
        ta.put(agent.directory, "25", LATER, cleared),
        ta.put(agent.directory, "34", C, [ta.answer("198", 2, C, agent.entry("p"), 5_00, 5_00, **quick)]),
        ta.put(agent.directory, "35", C, held[:2]),
    ]


def facts_of(agent: ta.Agent) -> Facts:
    """Return what the second reader has to know, from what was done to fill the book."""
    desk, entry = agent.desk, ta.entries(agent.desk)
    calendar = desk.book.calendar
    days = (calendar.first + timedelta(n) for n in range((calendar.last - calendar.first).days + 1))
    steps = {(row.step, row.day) for table in (day_step, day_chunk) for row in desk.rows(table)}
    taken_before = f"OFD_TA_WALLET_{ta.digits(C)}_04.TXT"
    first = {"a": (1, 100_00, 100_00), "b": (2, 50_00, 20_00), "c": (3, 7_00, 0)}
    return Facts(
        trading_days={day for day in days if calendar.is_trading_day(day)},
        first=T,
        last=calendar.last,
        wallets={1, 2, 3},
        booked={(kind, day) for step, day in steps for kind in NEEDED_BY.get(step, ())},
        known={taken_before: (agent.directory / taken_before).read_bytes()},
        orders={(1, entry["out"]): ("124", C, 90_00), (3, entry["d"]): ("122", C, 12_34)},
        quick={(2, entry["p"]): (C, 5_00)},
        advancer={C: 80_00},
        sent={T, C},
        quick_sent={C},
        answered={(who, entry[of], "122"): [(C, part, True)] for of, (who, _, part) in first.items()},
        confirmed={
            (who, C, f"04{n:018}"): (entry[of], part) for n, (of, (who, _, part)) in enumerate(first.items(), 1)
        },
        serials={(C, f"04{n:018}") for n in (1, 2, 3)},
    )


def failing(connection: sa.Connection, book: Fund) -> list[str]:
    """Return the checks of the whole book that fail."""
    return [check.name for check in facade.verify(connection, book) if not check.ok]


@contextmanager
def undone(connection: sa.Connection) -> Iterator[None]:
    """Undo what is done within."""
    savepoint = connection.begin_nested()
    try:
        yield
    finally:
        savepoint.rollback()


def seen(connection: sa.Connection) -> list[Any]:
    """Return every row that an import could write."""
    return [connection.exec_driver_sql(f"SELECT * FROM {table.name}").fetchall() for table in WATCHED]


def stored(connection: sa.Connection, kind: str, number: int) -> list[tuple[Any, ...]]:
    """Return what a file left."""
    table, names = ROWS[kind]
    query = sa.select(*(table.c[name] for name in names.split())).where(table.c.file == number)
    return sorted((tuple(row) for row in connection.execute(query)), key=lambda row: tuple(map(str, row)))


def try_one(
    ground: Ground, connection: sa.Connection, name: str, content: bytes, before: list[Any], *, verified: bool = False
) -> str:
    """Take one file, hold what becomes of it against the second reading, undo it, and return what became of it."""
    path = ground.directory / name
    path.write_bytes(content)
    book = ground.desk.book
    try:
        paper = paper_files.read(name, content, ground.facts)
    except Refused as wrong:
        paper, why = None, str(wrong)
    with undone(connection):
        taken: Taken | str
        try:
            taken = taking.take(connection, book, path, ta.RECEIVED)
        except FundwalletError as refused:
            taken = str(refused)
        if isinstance(taken, str):
            assert paper is None, f"refused: {taken}"
            assert len(taken.splitlines()) == 1, taken
            assert seen(connection) == before, taken
            return "refused"
        assert paper is not None, f"taken, but {why}"
        if not taken.new:
            assert seen(connection) == before
            return "known"
        row = connection.execute(sa.select(outside_file).order_by(outside_file.c.number.desc()).limit(1)).one()
        assert (row.name, row.kind, row.day, row.records) == (name, paper.kind, paper.day, paper.records)
        assert row.control == paper.control
        assert stored(connection, paper.kind, row.number) == paper.rows
        assert bytes(row.content) == records.content_digest(connection, book, row.number, row.kind)
        if verified:
            assert failing(connection, book) == ground.failing
    return "taken"


def storm(ground: Ground, mutants: range) -> Counter[str]:
    """Try the mutants of these numbers and return what became of them."""
    print(f"FUNDWALLET_SEED={SEED}")
    outcomes: Counter[str] = Counter()
    originals = sorted(ground.files.items())
    with ground.desk.engine.connect() as connection, connection.begin() as whole:
        before = seen(connection)
        for number in mutants:
            dice = Random(f"{SEED} {number}")
            name, content = mutate(dice, *dice.choice(originals))
            try:
                outcome = try_one(ground, connection, name, content, before, verified=number % VERIFIED == 0)
            except BaseException:
                print(f"mutant {number} of seed {SEED}: {name}\n{content!r}")
                raise
            outcomes[outcome] += 1
            (ground.directory / name).unlink()
        whole.rollback()
    print(dict(outcomes))
    return outcomes


def test_files_as_they_should_be_are_taken(ground: Ground) -> None:
    with ground.desk.engine.connect() as connection, connection.begin() as whole:
        before = seen(connection)
        for name, content in ground.files.items():
            assert try_one(ground, connection, name, content, before, verified=True) == "taken", name
        whole.rollback()


def test_some_mutants(ground: Ground) -> None:
    outcomes = storm(ground, range(SAMPLE))
    assert outcomes["taken"] > SAMPLE // 20
    assert outcomes["refused"] > SAMPLE // 2


@pytest.mark.slow
@pytest.mark.parametrize("part", range(PARTS))
def test_many_mutants(ground: Ground, part: int) -> None:
    storm(ground, range(part * LONG // PARTS, (part + 1) * LONG // PARTS))
