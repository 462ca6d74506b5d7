"""The ledger replayed from its postings: what differs from what is stored is found, per holder and day."""

from __future__ import annotations

import numpy as np
import sqlalchemy as sa

from ledger.schema import account_total, balance, posting
from tests.busy_book import failing
from tests.desk import Desk, day
from wallet import facade
from wallet.replay import Findings, Replay
from wallet.schema import announcement, distribution

BALANCES = "balances equal the postings"
TURNOVER = "turnover of closed days equals the postings"
INCOME = "income follows from figures and holdings"


def test_the_first_places_are_kept_and_the_rest_is_counted() -> None:
    findings = Findings("some")
    for n in range(8):
        findings.expect(n == 0, f"place {n}")
    findings.expect_all(np.array([7, 8]), np.array([1, 1]), np.array([1, 2]), "shares")
    assert (findings.checked, findings.wrong, len(findings.places)) == (10, 8, 5)
    few = Findings("few")
    few.expect_all(np.array([7, 8]), np.array([1, 1]), np.array([1, 2]), "shares")
    assert few.places == ["shares of holder 8: stored 1, derived 2"]


def test_a_balance_off_its_postings_is_named_by_account_and_holder(busy_desk: Desk) -> None:
    shares = busy_desk.book.chart["shares"].id
    wrong = sa.update(balance).where(balance.c.holder_id == 4, balance.c.account_id == shares)
    held = busy_desk.holding("dora")["shares"]
    found = failing(busy_desk, wrong.values(amount=balance.c.amount + 1))
    assert found == {BALANCES: f"shares of holder 4: stored {held + 1}, derived {held}"}
    strange = sa.insert(balance).values(holder_id=4, account_id=99, amount=0)
    assert failing(busy_desk, strange)[BALANCES] == "a balance of holder 4 in account 99"


def test_totals_of_a_closed_day_are_its_postings(busy_desk: Desk) -> None:
    cash = busy_desk.book.chart["cash"].id
    of_day = account_total.c.value_date == day("09-17"), account_total.c.account_id == cash
    [row] = busy_desk.rows(account_total, *of_day)
    found = failing(busy_desk, sa.update(account_total).where(*of_day).values(debits=row.debits + 1))
    stored, derived = (row.debits + 1, row.credits), (row.debits, row.credits)
    assert found[TURNOVER] == f"cash on 2013-09-17: stored {stored}, derived {derived}"
    before = sa.insert(account_total).values(dict(row._mapping) | {"value_date": day("09-15")})
    assert failing(busy_desk, before) == {TURNOVER: "totals of 2013-09-15, a day that is not closed"}


def test_income_is_worked_out_again_from_figure_and_holdings(busy_desk: Desk) -> None:
    of_day = distribution.c.day == day("09-19")
    wrong = failing(busy_desk, sa.update(distribution).where(of_day).values(whole=distribution.c.whole + 1))
    assert wrong[INCOME].startswith("distribution of 2013-09-19: stored (1, 13333, ")
    missing = failing(busy_desk, sa.delete(distribution).where(of_day))
    assert "income dated 2013-09-20 of holder 1: stored 5, derived 0" in missing[INCOME]


def test_a_control_total_that_no_longer_fits_is_a_finding(busy_desk: Desk) -> None:
    of_day = announcement.c.day == day("09-18")
    found = failing(busy_desk, sa.update(announcement).where(of_day).values(control_total=1))
    said = "distribution of 2013-09-18: control total 0.01 does not belong to the holdings: they allow 358.90 to 358.95"
    assert found[INCOME].startswith(said)


def test_a_posting_across_units_or_of_nobody_is_a_finding(busy_desk: Desk) -> None:
    chart = busy_desk.book.chart
    line = busy_desk.rows(posting, posting.c.debit == chart["register"].id, posting.c.holder_id == 1)[0]
    mine = posting.c.entry_id == line.entry_id, posting.c.holder_id == 1, posting.c.line == line.line
    found = failing(busy_desk, sa.update(posting).where(*mine).values(debit=chart["cash"].id))
    assert found["every posting stays within one unit and one entry"].startswith("a posting of holder 1 dated 2013-09-")


def test_shares_that_were_not_there_on_a_day_are_a_finding(busy_desk: Desk) -> None:
    """A payment of shares is moved before the confirmation that brought them: the total is right, the days are not."""
    entries = sa.text("UPDATE journal_entry SET value_date = '2013-09-16' WHERE request_id = 'out' AND holder_id = 2")
    found = failing(busy_desk, entries)
    assert "shares of holder 2 as of 2013-09-16: -1000000" in found["no balance per holder is negative as of any day"]


def test_the_replay_ends_with_the_balances_of_the_books(busy_desk: Desk) -> None:
    with facade.reading(busy_desk.engine) as connection:
        replay = Replay(connection, busy_desk.book)
        findings = replay.run(lambda *_: None)
    assert [each.name for each in findings if each.wrong] == []
    codes = {account.id: account.code for account in busy_desk.book.chart}
    replayed = {codes[number]: amount for number, amount in replay.house.items() if amount}
    assert replayed == busy_desk.house()
