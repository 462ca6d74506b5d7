"""The ledger replayed from its postings: what differs from what is stored is found, per holder and day."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from ledger.schema import account_total, balance, posting
from tests.busy_book import failing
from tests.desk import Desk, day
from wallet import facade
from wallet.audit.findings import Finding, Findings
from wallet.audit.postings import Postings
from wallet.audit.provenance import BALANCES, INCOME, NEVER_NEGATIVE, TURNOVER, UNITS
from wallet.audit.sources import Audit
from wallet.book import GATES
from wallet.progress import silent
from wallet.schema import announcement, distribution


def test_the_first_findings_are_told_and_the_rest_is_counted() -> None:
    findings = Findings("some")
    for n in range(8):
        findings.expect("shares", f"holder {n}", n, 0)
    assert (findings.checked, findings.wrong, len(findings.kept)) == (8, 7, 7)
    check = findings.outcome()
    assert not check.ok
    assert check.detail.startswith("shares of holder 1: stored 1, derived 0; shares of holder 2: ")
    assert check.detail.endswith("shares of holder 5: stored 5, derived 0; and 2 more")
    assert check.findings[0] == Finding("shares", "holder 1", 1, 0)


def test_no_more_findings_are_kept_than_a_reader_can_use(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wallet.audit.findings.KEPT", 7)
    findings = Findings("some")
    for n in range(100):
        findings.expect("shares", f"holder {n}", 1, 0)
    check = findings.outcome()
    assert (len(check.findings), check.detail.rpartition("; ")[2]) == (7, "and 95 more")


def test_rows_are_compared_in_the_order_of_their_keys() -> None:
    findings = Findings("some")
    stored, derived = [(1, 5), (2, 5), (4, 5), (5, 5)], [(1, 5), (3, 5), (4, 6)]
    findings.compare("t", ["key", "cell"], 1, stored, derived, lambda row: f"row {row[0]}")
    told = [("t", "row 2", "a row", "nothing"), ("t", "row 3", "nothing", "a row"), ("t.cell", "row 4", 5, 6)]
    told.append(("t", "row 5", "a row", "nothing"))
    assert [(f.what, f.where, f.stored, f.derived) for f in findings.kept] == told
    assert findings.checked == 5


def test_a_balance_off_its_postings_is_named_by_account_and_holder(busy_desk: Desk) -> None:
    shares = busy_desk.book.chart["shares"].id
    wrong = sa.update(balance).where(balance.c.holder_id == 4, balance.c.account_id == shares)
    held = busy_desk.holding("dora")["shares"]
    found = failing(busy_desk, wrong.values(amount=balance.c.amount + 1))
    assert found == {BALANCES: f"balance.amount of shares of holder 4: stored {held + 1}, derived {held}"}
    strange = sa.insert(balance).values(holder_id=4, account_id=99, amount=0)
    assert failing(busy_desk, strange)[BALANCES] == "balance of 99 of holder 4: stored a row, derived nothing"


def test_totals_of_a_closed_day_are_its_postings(busy_desk: Desk) -> None:
    cash = busy_desk.book.chart["cash"].id
    of_day = account_total.c.value_date == day("09-17"), account_total.c.account_id == cash
    [row] = busy_desk.rows(account_total, *of_day)
    found = failing(busy_desk, sa.update(account_total).where(*of_day).values(debits=row.debits + 1))
    told = f"account_total.debits of cash on 2013-09-17: stored {row.debits + 1}, derived {row.debits}"
    assert found == {TURNOVER: told}
    before = sa.insert(account_total).values(dict(row._mapping) | {"value_date": day("09-15")})
    assert failing(busy_desk, before) == {
        TURNOVER: "account_total of cash on 2013-09-15: stored a row, derived nothing"
    }


def test_income_is_worked_out_again_from_figure_and_holdings(busy_desk: Desk) -> None:
    of_day = distribution.c.day == day("09-19")
    wrong = failing(busy_desk, sa.update(distribution).where(of_day).values(whole=distribution.c.whole + 1))
    assert wrong == {INCOME: "distribution.whole of 2013-09-19: stored 39885, derived 39884"}
    missing = failing(busy_desk, sa.delete(distribution).where(of_day))
    assert missing == {INCOME: "distribution of 2013-09-19: stored nothing, derived a row"}


def test_a_control_total_that_no_longer_fits_is_a_finding(busy_desk: Desk) -> None:
    of_day = announcement.c.day == day("09-18")
    found = failing(busy_desk, sa.update(announcement).where(of_day).values(control_total=1))
    said = "control total 0.01 does not belong to the holdings: they allow 358.90 to 358.95"
    assert found[INCOME].startswith(f"announcement.control_total of 2013-09-18: stored 1, derived {said}")


def test_a_posting_across_units_or_of_nobody_is_a_finding(busy_desk: Desk) -> None:
    chart = busy_desk.book.chart
    line = busy_desk.rows(posting, posting.c.debit == chart["register"].id, posting.c.holder_id == 1)[0]
    mine = posting.c.entry_id == line.entry_id, posting.c.holder_id == 1, posting.c.line == line.line
    found = failing(busy_desk, sa.update(posting).where(*mine).values(debit=chart["cash"].id))
    told = f"posting of holder 1 dated 2013-09-17: stored {line.amount} from 1 to 22, derived nothing"
    assert found[UNITS] == told
    beyond = failing(busy_desk, sa.update(posting).where(*mine).values(credit=23 + 2**14))
    assert beyond[UNITS].startswith("posting of holder 1 dated 2013-09-17")


def test_shares_that_were_not_there_on_a_day_are_a_finding(busy_desk: Desk) -> None:
    """A payment of shares is moved before the confirmation that brought them: the total is right, the days are not."""
    entries = sa.text("UPDATE journal_entry SET value_date = '2013-09-16' WHERE request_id = 'out' AND holder_id = 2")
    found = failing(busy_desk, entries)
    assert "shares of holder 2 as of 2013-09-16: stored -1000000" in found[NEVER_NEGATIVE]


def test_the_replay_ends_with_the_balances_of_the_books(busy_desk: Desk) -> None:
    with facade.reading(busy_desk.engine) as connection:
        audit = Audit(busy_desk.book, connection, connection, GATES[connection.dialect.name])
        replay = Postings(audit)
        findings = replay.run(silent)
    assert [each.name for each in findings if each.wrong] == []
    codes = {account.id: account.code for account in busy_desk.book.chart}
    replayed = {codes[number]: amount for number, amount in replay.house.items() if amount}
    assert replayed == busy_desk.house()
