"""Four eyes: proposed by one, decided by another, applied once and with the decision, or waiting as it was."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from ledger.schema import journal_entry
from tests import power
from tests.busy_book import failing
from tests.conftest import MADE
from tests.desk import SHANGHAI, Desk, at, day, free_terms
from tests.rendezvous import Client, refusal
from wallet import approvals, facade
from wallet.approvals import OPERATIONS, Applied, Proposal
from wallet.changes import Change
from wallet.facade import ChangedTerms, Figure, ManualEntry, ReplacedFigures, Reversal
from wallet.schema import announcement, decision, fund_terms, proposal

ALL = tuple(OPERATIONS)
ASKED = tuple(operation for operation in ALL if operation != "taken_back_confirmations")
"""What a person asks for; the other one files ask for: see tests/test_outside_corrections.py."""

NOON, LATER = "09-18 12:00", "09-18 13:00"
FEE = ManualEntry(debit="cash", credit="merchant_payable", amount=5_00, memo="银行手续费", request_id="fee")

MADE["watched"] = lambda url: Desk.open(url, terms=[free_terms(four_eyes=ALL)], wallets=("alice",))
MADE["trusting"] = lambda url: Desk.open(url, terms=[free_terms()], wallets=("alice",))


@pytest.fixture
def desk(copy_of: Callable[[str], Desk]) -> Desk:
    """Give a book whose terms want a second operator for everything, run through 09-17."""
    return ready(copy_of("watched"))


@pytest.fixture
def trusting(copy_of: Callable[[str], Desk]) -> Desk:
    """Give a book whose terms want a second operator for nothing, run through 09-17."""
    return ready(copy_of("trusting"))


def ready(desk: Desk) -> Desk:
    desk.publish("09-16", "09-18")
    desk.transfer_in("alice", 100_00, "09-16 10:00", "in")
    desk.run("09-17")
    return desk


def ask(desk: Desk, change: Change, by: str = "li", when: str = NOON) -> tuple[Applied, Proposal | None]:
    return desk.ask(facade.ask, change, by, at(when))


def propose(desk: Desk, change: Change, by: str = "li", when: str = NOON) -> int:
    """Ask for what needs a second operator, and return the proposal's number."""
    applied, waiting = ask(desk, change, by, when)
    assert waiting is not None
    assert applied == Applied(False)
    return waiting.number


def approve(desk: Desk, number: int, by: str = "zhang", when: str = LATER) -> Proposal:
    return desk.ask(facade.approve, number, by, at(when))


def reject(desk: Desk, number: int, by: str = "zhang", why: str = "金额不对") -> Proposal:
    return desk.ask(facade.reject, number, by, at(LATER), why)


def reloaded(desk: Desk) -> Desk:
    """Return the desk with the terms that were added since."""
    with facade.reading(desk.engine) as connection:
        desk.book = facade.load(connection)
    return desk


def waiting(desk: Desk) -> list[int]:
    with facade.reading(desk.engine) as connection:
        return [each.number for each in facade.proposals(connection, desk.book)]


def changes(desk: Desk) -> dict[str, Change]:
    """Return one change of each operation, each of which can be applied at NOON."""
    add = ManualEntry(debit="register", credit="shares", amount=5_00, memo="补", request_id="add", wallet="alice")
    number = propose(desk, add) if desk.book.terms[0].four_eyes else ask(desk, add)[0].entry
    made = approve(desk, number or 0).entry if desk.book.terms[0].four_eyes else number
    assert made is not None
    return {
        "manual_entry": FEE,
        "reversal": Reversal(reverses=made, why="错", request_id="back"),
        "changed_terms": ChangedTerms(valid_from=day("09-19"), minimum=2_00, holding_cap=None),
        "replaced_figures": ReplacedFigures.of([Figure(day("09-18"), 1_3000)]),
    }


@pytest.mark.parametrize("operation", ASKED)
def test_what_needs_it_waits_and_is_applied_when_another_approves(desk: Desk, operation: str) -> None:
    change = changes(desk)[operation]
    before = {table: rows for table, rows in desk.dump().items() if table != "proposal"}
    number = propose(desk, change)
    assert {table: rows for table, rows in desk.dump().items() if table != "proposal"} == before
    assert waiting(desk) == [number]
    done = approve(desk, number)
    assert (done.verdict, done.proposed_by, done.decided_by) == ("approved", "li", "zhang")
    assert done.decided_at == at(LATER)
    assert waiting(desk) == []
    after = desk.dump()
    table = {"changed_terms": "fund_terms", "replaced_figures": "announcement"}.get(operation, "journal_entry")
    assert len(after[table]) == len(before[table]) + 1
    assert (done.entry is not None) is (table == "journal_entry")
    assert approve(desk, number) == done
    assert desk.dump() == after, "approved twice, applied once"
    assert not reloaded(desk).verify()


@pytest.mark.parametrize("operation", ASKED)
def test_what_does_not_need_it_is_done_at_once(trusting: Desk, operation: str) -> None:
    applied, proposed = ask(trusting, changes(trusting)[operation])
    assert proposed is None
    assert applied.anew
    assert trusting.rows(proposal) == []
    assert not reloaded(trusting).verify()


@pytest.mark.parametrize("operation", ASKED)
def test_the_switch_names_each_operation_by_itself(copy_of: Callable[[str], Desk], operation: str) -> None:
    desk = ready(copy_of("trusting"))
    ask(desk, ChangedTerms(valid_from=day("09-19"), four_eyes=(operation,)))
    desk.run("09-18")
    reloaded(desk).announce("09-19", 1_2000)
    add = ManualEntry(debit="register", credit="shares", amount=5_00, memo="补", request_id="add", wallet="alice")
    tried: dict[str, Change] = {
        "manual_entry": add,
        "changed_terms": ChangedTerms(valid_from=day("09-21"), minimum=2_00),
        "replaced_figures": ReplacedFigures.of([Figure(day("09-19"), 1_3000)]),
    }
    needed = {name for name, change in tried.items() if ask(desk, change, when="09-19 12:00")[1] is not None}
    assert needed == {operation} - {"reversal"}


def test_nobody_approves_or_rejects_what_he_proposed(desk: Desk) -> None:
    number = propose(desk, FEE, by=" li ")
    for same in ("li", "  li"):
        with desk.refuses("same_operator"):
            approve(desk, number, by=same)
        with desk.refuses("same_operator"):
            reject(desk, number, by=same)
    approve(desk, number, by="Li")
    with desk.refuses("same_operator"):
        approve(desk, number, by="li")


def test_rejected_then_approved_and_the_other_way_round(desk: Desk) -> None:
    number = propose(desk, FEE)
    done = reject(desk, number)
    assert (done.verdict, done.why, done.entry) == ("rejected", "金额不对", None)
    assert reject(desk, number, why="again") == done
    with desk.refuses("already_decided"):
        approve(desk, number)
    again = propose(desk, FEE)
    assert (again, waiting(desk)) == (number + 1, [number + 1]), "what was rejected may be proposed anew"
    approve(desk, again)
    with desk.refuses("already_decided"):
        reject(desk, again)
    with facade.reading(desk.engine) as connection:
        told = facade.proposals(connection, desk.book, decided=True)
    assert [each.verdict for each in told] == ["rejected", "approved"]
    assert not desk.verify()


def test_the_same_proposal_twice_waits_once_and_what_was_done_is_answered(desk: Desk) -> None:
    number = propose(desk, FEE)
    before = desk.dump()
    assert propose(desk, FEE, by="wang", when=LATER) == number
    assert desk.dump() == before
    done = approve(desk, number)
    applied, proposed = ask(desk, FEE)
    assert (applied.anew, applied.entry, proposed) == (False, done.entry, None)
    assert waiting(desk) == []


def test_what_would_be_refused_is_not_proposed(desk: Desk) -> None:
    with desk.refuses("day_closed"):
        ask(desk, ManualEntry(**{**dict(FEE), "day": day("09-17")}))
    with desk.refuses("figure_distributed"):
        ask(desk, ReplacedFigures.of([Figure(day("09-17"), 1_3000)]))
    with desk.refuses("terms_begun"):
        ask(desk, ChangedTerms(valid_from=day("09-18"), minimum=2_00))
    with desk.refuses("not_reversible"):
        ask(desk, Reversal(reverses=1, why="x", request_id="x"))


def test_refusals_come_in_their_order(desk: Desk) -> None:
    number = propose(desk, FEE)
    with desk.engine.connect() as connection:
        for call in (facade.approve, facade.reject):
            with pytest.raises(facade.FundwalletError) as refused:
                call(connection, desk.book, number, "zhang", at(NOON), *(["x"] if call is facade.reject else []))
            assert refused.value.code == "no_transaction"
    for none in (0, -1, 99, 2**63, 2**80):
        with desk.refuses("unknown_proposal"):
            approve(desk, none)
    for name in ("", " ", "a\tb"):
        with desk.refuses("invalid_request"):
            approve(desk, number, by=name)
        with desk.refuses("invalid_request"):
            reject(desk, number, why=name)


def test_what_is_refused_at_approval_goes_on_waiting(desk: Desk) -> None:
    figure = propose(desk, ReplacedFigures.of([Figure(day("09-18"), 1_3000)]))
    dated = propose(desk, ManualEntry(**{**dict(FEE), "day": day("09-18")}))
    terms = propose(desk, ChangedTerms(valid_from=day("09-19"), minimum=2_00))
    desk.run("09-18")
    for number, code in ((figure, "figure_distributed"), (dated, "day_closed"), (terms, "terms_begun")):
        with desk.refuses(code):
            approve(desk, number, when="09-19 10:00")
    assert waiting(desk) == [figure, dated, terms]
    reject(desk, terms)
    assert waiting(desk) == [figure, dated]
    assert not desk.verify()


def test_an_entry_without_a_date_is_dated_when_it_is_approved(desk: Desk) -> None:
    number = propose(desk, FEE)
    desk.run("09-18")
    done = approve(desk, number, when="09-19 10:00")
    [row] = desk.rows(journal_entry, journal_entry.c.entry_id == done.entry)
    assert (row.value_date, row.booked_at) == (day("09-19"), at("09-19 10:00"))
    assert not desk.verify()


def test_nobody_gets_around_it_by_an_instant_in_the_past(trusting: Desk) -> None:
    ask(trusting, ChangedTerms(valid_from=day("09-19"), four_eyes=ALL))
    trusting.run("09-18")
    change = ChangedTerms(valid_from=day("09-21"), minimum=2_00)
    assert ask(reloaded(trusting), change, when="09-16 10:00")[1] is not None
    trusting.announce("09-19", 1_2000)
    with trusting.refuses("approval_needed"):
        trusting.announce("09-19", 1_3000, replace=True)


def test_two_who_approve_at_once_apply_it_once(desk: Desk, first: Client, second: Client) -> None:
    number = propose(desk, FEE)
    with first.holds(approve, first.desk, number) as done:
        other = second.starts(approve, second.desk, number, "wang")
        second.waits_for(first, "pg_advisory_xact_lock")
    assert other.result() == done.result()
    assert len(desk.rows(journal_entry, journal_entry.c.kind == "manual_entry")) == 1
    assert len(desk.rows(decision)) == 1


def test_approved_and_rejected_at_once_the_first_counts(desk: Desk, first: Client, second: Client) -> None:
    number = propose(desk, FEE)
    with first.holds(reject, first.desk, number):
        other = second.starts(approve, second.desk, number, "wang")
        second.waits_for(first, "pg_advisory_xact_lock")
    assert refusal(other) == "already_decided"
    number = propose(desk, FEE)
    with first.holds(reject, first.desk, number):
        other = second.starts(approve, second.desk, number, "wang")
        second.waits_for(first, "pg_advisory_xact_lock")
        first.gives_up()
    assert other.result().verdict == "approved"


def test_two_who_propose_the_same_at_once_make_one_proposal(desk: Desk, first: Client, second: Client) -> None:
    with first.holds(propose, first.desk, FEE):
        other = second.starts(propose, second.desk, FEE, "wang")
        second.waits_for(first, "pg_advisory_xact_lock")
    assert other.result() == 1
    assert waiting(desk) == [1]


def approve_it(engine: sa.Engine, _diary: power.Diary) -> None:
    """Approve the first proposal, as a process that is killed."""
    with facade.reading(engine) as connection:
        book = facade.load(connection)
    with engine.begin() as connection:
        facade.approve(connection, book, 1, "zhang", at(LATER))


@pytest.mark.parametrize("moment", ["before", "after"])
def test_killed_at_the_commit_it_is_applied_once_with_its_decision_or_waits(
    desk: Desk, tmp_path: Path, moment: power.Moment
) -> None:
    propose(desk, FEE)
    url = desk.engine.url.render_as_string(hide_password=False)
    power.killed_at(url, approve_it, power.Diary(str(tmp_path / "diary")), 1, moment)
    entries = len(desk.rows(journal_entry, journal_entry.c.kind == "manual_entry"))
    assert (entries, waiting(desk)) == ((0, [1]) if moment == "before" else (1, []))
    assert approve(desk, 1).verdict == "approved"
    assert len(desk.rows(journal_entry, journal_entry.c.kind == "manual_entry")) == 1
    assert not desk.verify()


def test_arguments_are_kept_in_one_form(desk: Desk) -> None:
    propose(desk, FEE)
    [row] = desk.rows(proposal)
    assert row.arguments == (
        '{"amount":500,"credit":"merchant_payable","day":null,"debit":"cash","memo":"银行手续费","request_id":"fee",'
        '"wallet":null}'
    )
    assert row.proposed_at == at(NOON).astimezone(SHANGHAI)


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (sa.update(decision).values(decided_by="li"), "decision 1 on proposal 1"),
        (sa.update(decision).values(verdict="rejected"), "decision 1 on proposal 1"),
        (sa.update(decision).values(entry_id=1), "decision 1 on proposal 1"),
        (sa.update(decision).values(entry_id=None), "decision of manual_entry"),
        (sa.update(decision).values(proposal=7), "decision 1 on proposal 7"),
        (sa.delete(decision), "decision of manual_entry"),
        (sa.delete(proposal), "decision 1 on proposal 1"),
        (sa.update(proposal).values(number=5), "proposal.number of its last row: stored 5, derived 1"),
    ],
    ids=str,
)
def test_a_changed_decision_is_found(desk: Desk, change: Any, found: str) -> None:
    approve(desk, propose(desk, FEE))
    assert not desk.verify()
    assert found in str(failing(desk, change))


# Terms


def terms(desk: Desk, text: str, when: str = NOON, **said: Any) -> bool:
    return ask(desk, ChangedTerms(valid_from=day(text), **said), when=when)[0].anew


def test_changed_terms_hold_from_their_day_and_leave_the_rest_as_it_was(trusting: Desk) -> None:
    assert terms(trusting, "09-19", minimum=5_00, facility=50_00, suspended=((day("09-25"), day("09-26")),))
    assert terms(trusting, "09-23", holding_cap=300_00)
    assert terms(trusting, "09-21", holding_cap=None, quota_daily=200_00, order_of_use="confirmed_first")
    book = reloaded(trusting).book
    assert [t.valid_from.day for t in book.terms] == [16, 19, 21, 23]
    assert [(t.minimum, t.facility) for t in book.terms[1:]] == [(5_00, 50_00)] * 3
    assert book.terms[2].quota_daily == 200_00
    assert book.terms[3].quota_daily is None, "a later version stays as it is"
    with trusting.refuses("below_minimum"):
        trusting.transfer_in("alice", 4_99, "09-19 10:00")
    trusting.transfer_in("alice", 4_99, "09-18 13:00")
    with trusting.refuses("quota_exceeded"):
        trusting.transfer_in("alice", 200_01, "09-21 10:00")
    trusting.transfer_in("alice", 200_00, "09-21 10:00")
    with trusting.refuses("purchases_suspended"):
        trusting.transfer_in("alice", 5_00, "09-26 10:00")
    assert not trusting.verify()


def test_a_lower_facility_leaves_what_is_out_and_lets_nothing_more_out(trusting: Desk) -> None:
    trusting.pay("alice", 60_00, "09-18 12:00")
    terms(trusting, "09-19", facility=50_00)
    terms(trusting, "09-20", facility=70_00)
    with reloaded(trusting).refuses("facility_exhausted"):
        trusting.pay("alice", 1, "09-19 10:00")
    trusting.pay("alice", 10_00, "09-20 10:00")
    with trusting.refuses("facility_exhausted"):
        trusting.pay("alice", 1, "09-20 10:00")
    assert not trusting.verify()


def test_terms_begin_on_a_day_that_has_not_begun(trusting: Desk) -> None:
    for text, when in (("09-18", NOON), ("09-17", "09-16 10:00"), ("2013-01-02", NOON)):
        with trusting.refuses("terms_begun"):
            terms(trusting, text, when, minimum=2_00)
    trusting.transfer_in("alice", 1_00, "09-20 10:00")
    with trusting.refuses("terms_begun"):
        terms(trusting, "09-20", NOON, minimum=2_00)
    with trusting.refuses("outside_calendar"):
        terms(trusting, "2050-01-01", NOON, minimum=2_00)
    assert terms(trusting, "09-21", NOON, minimum=2_00)


def test_a_version_stays_as_it_is(trusting: Desk) -> None:
    assert terms(trusting, "09-19", minimum=2_00)
    assert not terms(trusting, "09-19", minimum=2_00)
    assert not terms(trusting, "09-19", "09-25 10:00", minimum=2_00)
    with trusting.refuses("terms_exist"):
        terms(trusting, "09-19", minimum=3_00)
    with trusting.refuses("invalid_request"):
        terms(trusting, "09-20")
    with trusting.refuses("invalid_request"):
        terms(trusting, "09-20", four_eyes=("manual_entry", "nonsense"))
    assert len(trusting.rows(fund_terms)) == 2


@pytest.mark.parametrize(
    "said",
    [
        {"minimum": 0},
        {"minimum": None},
        {"facility": -1},
        {"holding_cap": 10**13 + 1},
        {"quota_daily": 1.0},
        {"order_of_use": "any"},
        {"suspended": ((day("09-26"), day("09-25")),)},
        {"nothing": 1},
    ],
    ids=str,
)
def test_terms_that_cannot_be_read(said: dict[str, Any]) -> None:
    with pytest.raises(facade.FundwalletError) as refused:
        ChangedTerms(valid_from=day("09-19"), **said)
    assert refused.value.code == "invalid_request"


def test_a_change_survives_its_own_json() -> None:
    span = ((day("09-25"), day("09-26")),)
    change = ChangedTerms(valid_from=day("09-19"), holding_cap=None, suspended=span, four_eyes=("reversal",))
    figures = ReplacedFigures.of([Figure(day("09-18"), -1, None, 5, "手工")])
    for each in (change, figures, FEE):
        again = type(each)(**each.values())
        assert again == each
        assert again.arguments() == each.arguments()
    assert change.values().keys() == {"valid_from", "holding_cap", "suspended", "four_eyes"}
    assert figures.figures() == [Figure(day("09-18"), -1, None, 5, "手工")]


def test_new_figures_need_nobody(desk: Desk) -> None:
    assert ask(desk, ReplacedFigures.of([Figure(day("09-19"), 1_2000)])) == (Applied(True, new=1), None)
    both = ReplacedFigures.of([Figure(day("09-19"), 1_3000), Figure(day("09-20"), 1_2000)])
    number = propose(desk, both)
    assert len(desk.rows(announcement, announcement.c.day >= day("09-19"))) == 1
    approve(desk, number)
    assert len(desk.rows(announcement, announcement.c.day >= day("09-19"))) == 3
    assert approvals.ask is facade.ask
