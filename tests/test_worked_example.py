"""A fortnight worked by hand, typed as commands: the figures of the README, on both engines, byte for byte the same.

The books open on Monday 2013-09-16; Mid-Autumn closes the exchange from Thursday 09-19 through Sunday 09-22. A row
of RESULTS is what `wallet show` and `report day` say straight after `day run --through` that day.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests import postgres
from tests.shell import Shell

ROOT = Path(__file__).resolve().parent.parent
FIGURES, README = ROOT / "wallet" / "data" / "000198_2013H2.csv", ROOT / "README.md"

# What is typed between the days; the dates are those that the receipt must show.
ORDERS: dict[str, list[tuple[str, str | None, str | None]]] = {
    "2013-09-17": [
        ("transfer-in alice 10000.00 --request a1 --at 2013-09-16T10:00:00", "2013-09-16", "2013-09-17"),
        ("transfer-in bob 3333.33 --request b1 --at 2013-09-16T14:59:59", "2013-09-16", "2013-09-17"),
        ("transfer-in carol 89.28 --request c1 --at 2013-09-16T15:00:00", "2013-09-17", "2013-09-18"),
    ],
    "2013-09-18": [
        ("pay alice 1234.56 --merchant shop --request a2 --at 2013-09-18T09:30:00", None, None),
        ("transfer-out bob 1000.00 --standard --request b2 --at 2013-09-18T14:00:00", "2013-09-18", "2013-09-23"),
        ("transfer-in bob 500.00 --request b3 --at 2013-09-18T16:00:00", "2013-09-23", "2013-09-24"),
    ],
    "2013-09-19": [],
    "2013-09-22": [("pay bob 200.00 --merchant shop --request b4 --at 2013-09-20T12:00:00", None, None)],
    "2013-09-23": [("pay bob 100.00 --merchant shop --request b5 --at 2013-09-23T16:00:00", None, None)],
    "2013-09-24": [],
    "2013-09-25": [],
}

# figure, pool, whole, left over | alice shares | bob shares, redeeming, in transit | carol shares | advancer's income
RESULTS = {
    "2013-09-17": "1.2495 13333.33 1.66 0.01 | 10001.25 | 3333.74    0.00   0.00 |  0.00 | 0.00",
    "2013-09-18": "1.3366 13424.27 1.79 0.01 |  8767.86 | 2334.19 1000.00 500.00 | 89.29 | 0.16",
    "2013-09-19": "1.2594 13426.06 1.69 0.02 |  8768.96 | 2334.61 1000.00 500.00 | 89.30 | 0.16",
    "2013-09-22": "1.2567 13431.12 1.68 0.01 |  8772.26 | 2335.87 1000.00 300.00 | 89.33 | 0.15",
    "2013-09-23": "1.2346 11198.24 1.38 0.01 |  8773.34 | 2336.16    0.00 200.00 | 89.34 | 0.00",
    "2013-09-24": "1.3281 11499.62 1.52 0.01 |  8774.50 | 2536.50    0.00   0.00 | 89.35 | 0.01",
    "2013-09-25": "1.3895 11401.14 1.58 0.01 |  8775.72 | 2536.85    0.00   0.00 | 89.36 | 0.00",
}


@dataclass
class Fortnight:
    """The example in one database, and everything that its commands wrote."""

    shell: Shell
    written: list[str]

    def do(self, line: str) -> Any:
        ended = self.shell.run("--json", *line.split())
        assert (ended.code, ended.err) == (0, ""), line
        self.written.append(ended.out)
        return ended.document

    def open(self) -> None:
        self.do("init --opened-on 2013-09-16")
        self.do(f"announce --csv {FIGURES}")
        for name in ("alice", "bob", "carol"):
            self.do(f"wallet open {name} --at 2013-09-16T09:00:00")

    def advancer_income(self, day: str) -> str:
        """The income shares that the advancer has as of the end of a day."""
        trial = self.do(f"report trial-balance --on {day}")
        accounts = {row["account"]: row["balance"] for row in trial["units"]["000198"]["accounts"]}
        return str(accounts["advancer_income_shares"])

    def row(self, day: str) -> str:
        """What the commands say of a day that was just run."""
        report = self.do(f"report day {day}")
        alice, bob, carol = (self.do(f"wallet show {name}") for name in ("alice", "bob", "carol"))
        seen = f"{day[:8]}{int(day[8:]) + 1:02}"
        income = cents(self.advancer_income(seen)) - cents(self.advancer_income(day))
        figures = [report[key] for key in ("income_per_10k", "pool_shares", "distributed", "left_over")]
        holds = [bob[key] for key in ("shares", "redeeming", "in_transit")]
        return " ".join([*figures, "|", alice["shares"], "|", *holds, "|", carol["shares"], "|", f"0.{income:02}"])


def cents(amount: str) -> int:
    return int(amount.replace(".", ""))


def play(shell: Shell) -> list[str]:
    """Type the whole example, compare it with the tables, and return what was written."""
    example = Fortnight(shell, [])
    example.open()
    for day, orders in ORDERS.items():
        for line, trade_date, confirmation_date in orders:
            receipt = example.do(line)
            assert (receipt["trade_date"], receipt["confirmation_date"]) == (trade_date, confirmation_date), line
        assert example.do(f"day run --through {day}")["blocked_by"] is None
        assert example.row(day) == " ".join(RESULTS[day].split()), day
        if day == "2013-09-17":
            assert example.do("wallet show carol")["in_transit"] == "89.28"
    assert example.do("verify")["ok"]
    for name in ("alice", "bob", "carol"):
        example.do(f"wallet statement {name}")
    example.do("report trial-balance")
    example.do("report yields --from 2013-09-16 --to 2013-09-30")
    example.do("day status --at 2013-09-26T00:00:00")
    return example.written


def test_the_readme_shows_these_numbers() -> None:
    readme = README.read_text(encoding="utf-8")
    for day, row in RESULTS.items():
        assert f"| {day[5:]} | {' | '.join(row.replace('|', ' ').split())} |" in readme, day
    for line, trade_date, confirmation_date in (order for orders in ORDERS.values() for order in orders):
        command, wallet, amount, *words = line.split()
        at = words[-1][5:].replace("T", " ")
        standard = " --standard" * ("--standard" in words)
        assert f"| {at} | {wallet} `{command}{standard}` {amount} |" in readme, line
        if trade_date and confirmation_date:
            assert f"{amount} | trade date {trade_date[5:]}, confirmed {confirmation_date[5:]} |" in readme, line


@pytest.fixture(scope="module")
def on_sqlite(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Give what the example wrote with its books in SQLite."""
    return play(Shell(f"sqlite:///{tmp_path_factory.mktemp('example') / 'books.db'}"))


def test_the_example_says_what_was_worked_out(on_sqlite: list[str]) -> None:
    assert on_sqlite


def test_postgresql_writes_the_same_byte_for_byte(on_sqlite: list[str], postgres_server: postgres.Server) -> None:
    url = postgres_server.create_database()
    assert play(Shell(url)) == on_sqlite
    postgres_server.drop_database(url)
