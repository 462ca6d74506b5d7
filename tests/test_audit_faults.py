"""Planted faults: a copy of the product is made wrong in one place, and the properties tell by name what is wrong."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("wallet", "ledger", "calendars", "tests")
REFUSED = ["refund_exceeds_payment", "daily_instant_exceeded", "quota_exceeded", "insufficient_funds"]
"""What the season is refused when the product is right."""


@dataclass(frozen=True)
class Fault:
    """One fault: (file, what stands there once, what is put in its place), and the properties that fail by it."""

    name: str
    patches: tuple[tuple[str, str, str], ...]
    named: str
    others: tuple[str, ...] = ()


FAULTS = (
    Fault(
        "the whole of a day is rounded half up",
        (("wallet/rules/income.py", "int(fraction.sum()) // SCALE", "(int(fraction.sum()) + SCALE // 2) // SCALE"),),
        "test_a_days_income_adds_up_to_its_whole",
        ("test_every_holders_income_follows_from_figure_and_holdings",),
    ),
    Fault(
        "the fen left over goes to the higher number",
        (
            (
                "wallet/rules/income.py",
                "ties = np.sort(holders[fraction == threshold])",
                "ties = -np.sort(-holders[fraction == threshold])",
            ),
            ("wallet/rules/income.py", "(holders <= allocation.last_tie)", "(holders >= allocation.last_tie)"),
            (
                "wallet/distribution.py",
                "holdings.c.holder_id > allocation.last_tie",
                "holdings.c.holder_id < allocation.last_tie",
            ),
        ),
        "test_every_holders_income_follows_from_figure_and_holdings",
    ),
    Fault(
        "income on the holdings of the day after",
        (("wallet/distribution.py", "earning, day, chunk.first", "earning, day + timedelta(1), chunk.first"),),
        "test_every_holders_income_follows_from_figure_and_holdings",
        (
            "test_a_days_income_adds_up_to_its_whole",
            "test_income_of_a_wallet_and_day_is_within_a_fen_of_its_exact_share",
        ),
    ),
    Fault(
        "shares under a redemption do not earn",
        (
            (
                "wallet/distribution.py",
                'earning = [book.chart["shares"], book.chart["redeeming"]]',
                'earning = [book.chart["shares"]]',
            ),
        ),
        "test_income_of_a_wallet_and_day_is_within_a_fen_of_its_exact_share",
        ("test_a_days_income_adds_up_to_its_whole", "test_every_holders_income_follows_from_figure_and_holdings"),
    ),
    Fault(
        "the cutoff is a second late",
        (("wallet/rules/fund.py", "CUTOFF = time(15, 0)", "CUTOFF = time(15, 0, 1)"),),
        "test_every_order_has_the_trade_date_of_its_instant",
        ("test_a_wallets_life_follows_from_its_orders", "test_an_order_earns_from_its_confirmation_date_on"),
    ),
    Fault(
        "a make-up Sunday is a trading day",
        (
            (
                "calendars/trading.py",
                "day.weekday() < SATURDAY and day not in closed",
                "(day.weekday() < SATURDAY or day == date(2013, 9, 22)) and day not in closed",
            ),
        ),
        "test_every_step_was_done_once_on_each_of_its_days",
        (
            "test_a_wallets_life_follows_from_its_orders",
            "test_an_order_earns_from_its_confirmation_date_on",
            "test_every_order_has_the_trade_date_of_its_instant",
            "test_every_order_was_confirmed_on_the_trading_day_after_its_trade_date",
            "test_the_advancer_redeems_on_the_later_of_trade_and_confirmation_date",
        ),
    ),
    Fault(
        "a refund is held against the payment, not against what is left of it",
        (
            ("wallet/subscription.py", "payment.amount - visit.refunded(payment)", "payment.amount"),
            ("wallet/schema.py", "refunded >= 0 AND refunded <= amount", "refunded >= 0"),
        ),
        "test_refunds_never_exceed_their_payment",
    ),
    Fault(
        "the chunks of a day overlap by one holder",
        (
            ("wallet/steps.py", "[first - 1 for first in firsts[1:]]", "firsts[1:]"),
            ("wallet/distribution.py", "    assert booked == whole", "    assert booked or whole"),
        ),
        "test_a_days_income_was_booked_once_for_every_holder",
        (
            "test_every_holders_income_follows_from_figure_and_holdings",
            "test_a_days_income_adds_up_to_its_whole",
            "test_income_of_a_wallet_and_day_is_within_a_fen_of_its_exact_share",
        ),
    ),
    Fault(
        "the facility is not given back",
        (("wallet/settlement.py", "limits.FACILITY, repaid)", "limits.FACILITY, 0)"),),
        "test_the_use_of_the_facility_is_the_advance_outstanding",
    ),
    Fault(
        "a back-dated payment spends shares that came later",
        (("wallet/counter.py", "return max(0, lowest_since(balance, moves, self.day))", "return max(0, balance)"),),
        "test_no_balance_was_ever_negative",
        ("test_a_wallets_life_follows_from_its_orders", "test_a_balance_as_of_any_day_follows_from_postings"),
    ),
    Fault(
        "an order is booked on its trade date",
        (
            (
                "wallet/counter.py",
                "str(kind), self.day, request.at, manual",
                "str(kind), self.trade_date, request.at, manual",
            ),
        ),
        "test_every_order_is_dated_the_day_of_its_instant",
        ("test_transfers_in_of_a_day_kept_within_the_quota", "test_a_statement_adds_up"),
    ),
    Fault(
        "the daily limit looks at one order at a time",
        (("wallet/redemption.py", "if before + amount > bound:", "if amount > bound:"),),
        "test_instant_transfers_out_of_a_wallet_kept_within_the_daily_limit",
    ),
    Fault(
        "the quota is counted by trade date",
        (("wallet/subscription.py", "limits.quota(day), amount", "limits.quota(visit.trade_date), amount"),),
        "test_transfers_in_of_a_day_kept_within_the_quota",
    ),
    Fault(
        "the oldest money in transit is spent first",
        (("wallet/rules/spending.py", "(order.at, order.entry_id), reverse=True)", "(order.at, order.entry_id))"),),
        "test_a_wallets_life_follows_from_its_orders",
    ),
)


def book_of(directory: Path, patches: Sequence[tuple[str, str, str]]) -> tuple[str, list[str]]:
    """Play the season with a build that is patched, and return the address of the book and what was refused."""
    build = directory / "build"
    build.mkdir()
    shutil.copy(ROOT / "cli.py", build)
    for package in PACKAGES:
        shutil.copytree(ROOT / package, build / package)
    for file, right, wrong in patches:
        text = (build / file).read_text(encoding="utf-8")
        assert text.count(right) == 1, f"{file} has {right!r} {text.count(right)} times"
        (build / file).write_text(text.replace(right, wrong), encoding="utf-8")
    url = f"sqlite:///{directory / 'books.db'}"
    said = run(build, "-m", "tests.season", url, path=build)
    assert said.returncode == 0, said.stderr
    return url, said.stdout.split()


def run(directory: Path, *words: str, path: Path = ROOT) -> subprocess.CompletedProcess[str]:
    """Run Python in a directory, with one checkout or build of the product."""
    environment = os.environ | {"PYTHONPATH": str(path), "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, *words]
    return subprocess.run(
        command, cwd=directory, env=environment, capture_output=True, text=True, timeout=300, check=False
    )


def failing(directory: Path, url: str) -> set[str]:
    """Return the names of the properties that the book does not have."""
    words = ["--pyargs", "wallet.audit.properties", "--book", url, "--book-seed", "1", "-q", "-p", "no:cacheprovider"]
    done = run(directory, "-m", "pytest", *plugin(), *words)
    assert done.returncode in (0, 1), done.stdout + done.stderr
    return set(re.findall(r"^(?:FAILED|ERROR) .*::(\w+)", done.stdout, re.MULTILINE))


def plugin() -> list[str]:
    """Return the words that load the plugin where the distribution that pytest finds does not announce it."""
    announced = any(point.value == "wallet.audit.plugin" for point in entry_points(group="pytest11"))
    return [] if announced else ["-p", "wallet.audit.plugin"]


def test_a_book_of_the_right_build_has_every_property(tmp_path: Path) -> None:
    url, refused = book_of(tmp_path, ())
    assert refused == REFUSED
    assert failing(tmp_path, url) == set()


@pytest.mark.parametrize(
    "fault", [pytest.param(fault, id=fault.name, marks=pytest.mark.slow if n else ()) for n, fault in enumerate(FAULTS)]
)
def test_the_properties_find_a_planted_fault(fault: Fault, tmp_path: Path) -> None:
    url, _ = book_of(tmp_path, fault.patches)
    found = failing(tmp_path, url)
    assert fault.named in found
    assert found <= {fault.named, *fault.others}
