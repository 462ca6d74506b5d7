"""The properties of a book, each seen to fail: rows are falsified behind the code's back, one property at a time."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from ledger.schema import APPEND_ONLY
from tests.desk import Desk
from tests.simulation import VARIANTS, Dice, Files, Simulation, Street
from wallet.audit.books import Book, open_book
from wallet.audit.plugin import sampler
from wallet.audit.properties import test_days, test_income, test_journal, test_limits, test_orders, test_wallets
from wallet.audit.walk import Walk
from wallet.schema import KEPT

MODULES: tuple[ModuleType, ...] = (test_days, test_income, test_journal, test_limits, test_orders, test_wallets)
PROPERTIES: dict[str, Callable[..., None]] = {
    name: thing
    for module in MODULES
    for name, thing in vars(module).items()
    if name.startswith("test_") and inspect.isfunction(thing)
}
SAMPLES = 60

_BULK = "SELECT MIN(entry_id) FROM journal_entry WHERE kind = 'income'"
_IN = "SELECT MIN(entry_id) FROM customer_order WHERE kind = 'transfer_in'"
_CONFIRMED = "SELECT MIN(entry_id) FROM customer_order WHERE confirmed_by IS NOT NULL AND kind = 'transfer_in'"
_PAID = "SELECT MIN(entry_id) FROM customer_order WHERE kind = 'payment'"
_ACCOUNT = "(SELECT account_id FROM account WHERE code = '{}')"

TAMPERED: dict[str, str] = {
    "test_the_chart_of_accounts_is_that_of_the_rule_book": (
        "UPDATE account SET normal_side = 'debit' WHERE code = 'shares'"
    ),
    "test_every_posting_is_positive_and_within_one_unit": f"UPDATE posting SET credit = 22 WHERE entry_id = ({_IN})",
    "test_every_posting_is_one_of_the_accounting_manual": f"UPDATE posting SET credit = 4 WHERE entry_id = ({_IN})",
    "test_every_posting_belongs_to_one_entry_that_names_its_holder": (
        f"UPDATE journal_entry SET last_holder = first_holder WHERE entry_id = ({_BULK})"
    ),
    "test_every_entry_is_of_this_book_and_of_its_time": (
        f"UPDATE journal_entry SET value_date = '2013-09-15' WHERE entry_id = ({_IN})"
    ),
    "test_debits_equal_credits_in_the_totals_of_every_closed_day": (
        "UPDATE account_total SET debits = debits + 1 WHERE account_id = 1 AND value_date = '2013-09-17'"
    ),
    "test_balances_are_the_sums_of_postings": (
        "UPDATE balance SET amount = amount + 1 WHERE holder_id = 2 AND account_id = 22"
    ),
    "test_no_balance_was_ever_negative": f"UPDATE posting SET amount = 1 WHERE entry_id = ({_IN})",
    "test_control_accounts_are_what_their_holders_have": (
        "UPDATE balance SET amount = amount + 1 WHERE holder_id = 2 AND account_id = 3"
    ),
    "test_the_register_is_what_everybody_holds_on_every_day": (
        "UPDATE posting SET credit = 26 WHERE debit = 4 AND credit = 1"
    ),
    "test_every_step_was_done_once_on_each_of_its_days": (
        "DELETE FROM day_step WHERE step = 'settle' AND day = '2013-09-18'"
    ),
    "test_a_step_waited_for_those_before_it": "DELETE FROM day_step WHERE step = 'distribute' AND day = '2013-09-18'",
    "test_every_chunk_of_a_done_step_was_booked_by_one_entry": "UPDATE day_chunk SET entry_id = NULL WHERE number = 1",
    "test_nothing_was_booked_into_a_closed_day": (
        "UPDATE journal_entry SET value_date = '2013-09-16' WHERE entry_id ="
        " (SELECT MAX(entry_id) FROM customer_order WHERE kind = 'payment')"
    ),
    "test_everything_is_settled_after_the_settlement_of_a_trading_day": (
        "UPDATE posting SET amount = amount + 1 WHERE entry_id ="
        " (SELECT MIN(entry_id) FROM journal_entry WHERE kind = 'confirmation') AND credit = 8"
    ),
    "test_the_advancer_was_paid_back_what_it_laid_out": (
        "UPDATE posting SET amount = amount + 1 WHERE credit = 5 AND debit = 1 AND holder_id = 0"
    ),
    "test_the_use_of_the_facility_is_the_advance_outstanding": (
        "UPDATE limit_slot SET used = used + 1 WHERE name = 'facility'"
    ),
    "test_every_holders_income_follows_from_figure_and_holdings": (
        "UPDATE announcement SET income_per_10k = income_per_10k + 1 WHERE day = '2013-09-19'"
    ),
    "test_a_days_income_adds_up_to_its_whole": (
        f"UPDATE posting SET amount = amount + 1 WHERE entry_id = ({_BULK}) AND holder_id = 1"
    ),
    "test_a_days_income_was_booked_once_for_every_holder": (
        "INSERT INTO posting (entry_id, holder_id, line, debit, credit, amount) SELECT"
        " (SELECT MAX(entry_id) FROM journal_entry e WHERE e.kind = 'income' AND e.value_date = '2013-09-20'),"
        " holder_id, 99, debit, credit, amount FROM posting WHERE debit = 21 AND entry_id ="
        " (SELECT MIN(entry_id) FROM journal_entry e WHERE e.kind = 'income' AND e.value_date = '2013-09-20')"
    ),
    "test_income_is_of_a_distributed_or_begun_day": "DELETE FROM distribution WHERE day = '2013-09-19'",
    "test_income_of_a_wallet_and_day_is_within_a_fen_of_its_exact_share": (
        "UPDATE announcement SET income_per_10k = income_per_10k + 100"
    ),
    "test_no_transfer_in_was_below_the_minimum_or_in_a_suspension": (
        """UPDATE fund_terms SET suspended = '[["2013-09-17", "2013-09-17"]]'"""
    ),
    "test_transfers_in_of_a_wallet_kept_within_the_daily_limit": "UPDATE fund_terms SET transfer_in_daily = 99999999",
    "test_instant_transfers_out_of_a_wallet_kept_within_the_daily_limit": "UPDATE fund_terms SET instant_daily = 59999",
    "test_transfers_in_of_a_day_kept_within_the_quota": "UPDATE fund_terms SET quota_daily = 299999999",
    "test_the_facility_was_never_exceeded": "UPDATE fund_terms SET facility = 99999999",
    "test_no_transfer_in_passed_the_holding_cap": "UPDATE fund_terms SET holding_cap = 99999999",
    "test_every_order_is_an_entry_and_every_entry_of_an_order_an_order": (
        f"DELETE FROM customer_order WHERE entry_id = ({_PAID})"
    ),
    "test_every_order_moved_its_amount": f"UPDATE customer_order SET amount = amount + 1 WHERE entry_id = ({_PAID})",
    "test_every_order_is_dated_the_day_of_its_instant": (
        f"UPDATE customer_order SET at = at + 1 WHERE entry_id = ({_IN})"
    ),
    "test_every_order_has_the_trade_date_of_its_instant": (
        f"UPDATE customer_order SET at = at + 18000000000 WHERE entry_id = ({_IN})"
    ),
    "test_every_order_was_confirmed_on_the_trading_day_after_its_trade_date": (
        f"UPDATE customer_order SET trade_date = '2013-09-13' WHERE entry_id = ({_CONFIRMED})"
    ),
    "test_money_in_transit_is_that_of_open_orders": (
        "UPDATE customer_order SET remaining = remaining - 1 WHERE status = 'accepted' AND kind = 'transfer_in'"
    ),
    "test_shares_under_redemption_are_those_of_open_orders": (
        "UPDATE customer_order SET remaining = 1 WHERE status = 'accepted' AND kind = 'transfer_out_standard'"
    ),
    "test_what_was_confirmed_became_shares_or_cash": (
        f"UPDATE customer_order SET confirmed = confirmed - 1 WHERE entry_id = ({_CONFIRMED})"
    ),
    "test_refunds_never_exceed_their_payment": "UPDATE customer_order SET refunded = refunded - 1 WHERE refunded > 0",
    "test_the_advancer_has_what_passed_to_it": (
        "UPDATE advance SET amount = amount + 1 WHERE payment = (SELECT MIN(payment) FROM advance)"
    ),
    "test_the_advancer_redeems_on_the_later_of_trade_and_confirmation_date": (
        "UPDATE advance SET redeem_on = '2013-09-24' WHERE payment = (SELECT MIN(payment) FROM advance)"
    ),
    "test_an_order_earns_from_its_confirmation_date_on": (
        "UPDATE journal_entry SET value_date = '2013-09-18' WHERE kind = 'confirmation' AND value_date = '2013-09-17'"
    ),
    "test_a_balance_as_of_any_day_follows_from_postings": (
        "UPDATE balance SET amount = amount + 1 WHERE account_id = 22"
    ),
    "test_a_statement_adds_up": "UPDATE customer_order SET amount = amount + 1",
    "test_a_wallets_life_follows_from_its_orders": (
        "UPDATE customer_order SET outcome = outcome + 1 WHERE outcome IS NOT NULL AND kind = 'transfer_in'"
    ),
    "test_every_request_was_booked_once": (
        "CREATE TABLE loose AS SELECT * FROM journal_entry; DROP TABLE journal_entry;"
        "ALTER TABLE loose RENAME TO journal_entry; UPDATE journal_entry SET request_id = 'r' WHERE holder_id = 1"
    ),
}
"""By property, the statements after which it does not hold; the last one changes a row."""

TAMPERED_IN_FILES: list[tuple[str, str]] = [
    ("test_every_answer_was_booked_on_its_day", "UPDATE answer SET confirmed = confirmed - 1 WHERE ta_serial = 'S1'"),
    ("test_every_answer_was_booked_on_its_day", "UPDATE answer SET application = 2 WHERE ta_serial = 'S1'"),
    ("test_every_answer_was_booked_on_its_day", "UPDATE answer SET final = 0 WHERE ta_serial = 'S5'"),
    (
        "test_every_order_was_confirmed_on_the_trading_day_after_its_trade_date",
        "UPDATE answer SET confirmation_date = '2013-09-17' WHERE ta_serial = 'S5'",
    ),
    (
        "test_an_order_earns_from_its_confirmation_date_on",
        "UPDATE answer SET confirmation_date = '2013-09-25' WHERE business_code = '122'",
    ),
    (
        "test_a_wallets_life_follows_from_its_orders",
        "UPDATE answer SET confirmed = confirmed + 1 WHERE final = 0 AND holder_id = 1",
    ),
    (
        "test_the_advancer_redeems_on_the_later_of_trade_and_confirmation_date",
        "UPDATE answer SET confirmation_date = '2013-09-23' WHERE ta_serial = 'S5'",
    ),
    ("test_every_holders_income_follows_from_figure_and_holdings", "UPDATE agent_income SET income = income + 1"),
    (
        "test_every_holders_income_follows_from_figure_and_holdings",
        "UPDATE announcement SET income_per_10k = income_per_10k + 500 WHERE day = '2013-09-18' AND version = 2",
    ),
    (
        "test_a_days_income_adds_up_to_its_whole",
        "UPDATE journal_entry SET kind = 'income_difference' WHERE kind = 'income_corrected'",
    ),
    (
        "test_the_transfer_agents_register_agrees_or_there_is_a_break",
        "UPDATE agent_shares SET total = total + 1 WHERE day = '2013-09-20' AND holder_id = 1",
    ),
    ("test_the_transfer_agents_register_agrees_or_there_is_a_break", "DELETE FROM recon_break WHERE kind = 'shares'"),
    ("test_the_transfer_agents_register_agrees_or_there_is_a_break", "DELETE FROM agent_shares WHERE holder_id = 0"),
    (
        "test_every_posting_is_one_of_the_accounting_manual",
        "UPDATE journal_entry SET kind = 'income' WHERE kind = 'confirmation_reversed'",
    ),
    (
        "test_a_step_waited_for_those_before_it",
        "DELETE FROM day_step WHERE step = 'prove' AND day >= '2013-09-22';"
        "DELETE FROM day_step WHERE step = 'reconcile' AND day = '2013-09-22'",
    ),
]
"""The same of a book that works with files, by what only such a book has."""


@contextmanager
def audited(desk: Desk) -> Iterator[Book]:
    """Open the desk's book as the plugin does."""
    with ExitStack() as stack:
        yield open_book(stack, desk.engine.url.render_as_string(hide_password=False))


def hold(name: str, book: Book) -> None:
    """Hold a book to one property, with the fixtures that the plugin would give it."""
    options = SimpleNamespace(getoption={"book_samples": SAMPLES}.__getitem__)
    given: dict[str, Callable[[], Any]] = {
        "audited_book": lambda: book,
        "walk": lambda: Walk(book),
        "sampled": lambda: sampler(SAMPLES, 1),
        "pytestconfig": lambda: options,
    }
    PROPERTIES[name](**{wanted: given[wanted]() for wanted in inspect.signature(PROPERTIES[name]).parameters})


def tamper(desk: Desk, statements: str) -> None:
    """Go around the guards and execute statements, the last of which changes a row."""
    with desk.engine.begin() as connection:
        if connection.dialect.name == "postgresql":
            for table in (*APPEND_ONLY, *KEPT):
                connection.exec_driver_sql(f"ALTER TABLE {table.name} DISABLE TRIGGER USER")
        else:
            triggers = connection.exec_driver_sql("SELECT name FROM sqlite_master WHERE type = 'trigger'")
            for name in triggers.scalars().all():
                connection.exec_driver_sql(f"DROP TRIGGER {name}")
        for each in statements.split(";"):
            done = connection.exec_driver_sql(each)
        assert done.rowcount > 0, statements


def test_a_busy_book_has_every_property(busy_desk: Desk) -> None:
    with audited(busy_desk) as book:
        for name in PROPERTIES:
            hold(name, book)


def test_every_property_is_seen_to_fail() -> None:
    assert set(PROPERTIES) == {*TAMPERED, *(name for name, _ in TAMPERED_IN_FILES)}


@pytest.mark.parametrize("name", TAMPERED)
def test_a_falsified_row_breaks_the_property(name: str, copy_of: Callable[[str], Desk]) -> None:
    desk = copy_of("busy")
    tamper(desk, TAMPERED[name])
    with audited(desk) as book, pytest.raises(AssertionError):
        hold(name, book)


def test_a_book_that_works_with_files_has_every_property(linked_desk: Desk) -> None:
    with audited(linked_desk) as book:
        for name in PROPERTIES:
            hold(name, book)


@pytest.mark.parametrize(("name", "statements"), TAMPERED_IN_FILES)
def test_a_falsified_answer_breaks_the_property(name: str, statements: str, copy_of: Callable[[str], Desk]) -> None:
    desk = copy_of("linked")
    tamper(desk, statements)
    with audited(desk) as book, pytest.raises(AssertionError):
        hold(name, book)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2 * len(VARIANTS)))
def test_a_book_of_random_days_has_every_property(seed: int, tmp_path: Path) -> None:
    variant = VARIANTS[seed % len(VARIANTS)]
    simulation = Simulation(Files(tmp_path).fresh(variant), variant, seed)
    street = Street(simulation, Dice(seed))
    street.begin()
    while len(simulation.log) < 300:
        street.step()
    with ExitStack() as stack:
        book = open_book(stack, simulation.engine.url.render_as_string(hide_password=False))
        for name in PROPERTIES:
            hold(name, book)
    simulation.close()
