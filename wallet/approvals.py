"""Four eyes: what one operator proposes and another one approves or rejects. The only writer of `proposal`, `decision`.

The fund's terms say which operations need it; OPERATIONS says which there are and how each is applied. What is
approved is applied in the transaction of the decision, or refused with it: then the proposal goes on waiting. Both
tables are numbered in the order of the commits; whoever decides holds the proposal first of all, its number last.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

import sqlalchemy as sa

from ledger import gates, journal
from ledger.database import lock, require_transaction
from wallet import book as books
from wallet import entries, figures, trail
from wallet.changes import Change, ChangedTerms, ManualEntry, ReplacedFigures, Reversal, TakenBackConfirmation
from wallet.errors import FundwalletError, InvalidRequest, shortened
from wallet.outside import corrections
from wallet.requests import PlainText, Strict
from wallet.rules.fund import Fund
from wallet.schema import decision, proposal

APPROVED, REJECTED = "approved", "rejected"

_PROPOSALS = sa.select(
    proposal, decision.c.verdict, decision.c.decided_by, decision.c.decided_at, decision.c.why, decision.c.entry_id
).join(decision, decision.c.proposal == proposal.c.number, isouter=True)


@dataclass(frozen=True, slots=True)
class Applied:
    """What an operation did: whether there was anything left to do, which entry it made, how many rows."""

    anew: bool
    entry: int | None = None
    new: int = 0
    value_date: date | None = None


@dataclass(frozen=True, slots=True)
class Proposal:
    """What was proposed, by whom, and what became of it; without a verdict it waits."""

    number: int
    operation: str
    arguments: dict[str, Any]
    proposed_by: str
    proposed_at: datetime
    verdict: str | None = None
    decided_by: str | None = None
    decided_at: datetime | None = None
    why: str | None = None
    entry: int | None = None


class Reason(Strict):
    """Why a proposal is rejected."""

    why: PlainText


class UnknownProposal(FundwalletError):
    """There is no proposal of this number."""

    code = "unknown_proposal"

    def __init__(self, number: int) -> None:
        self.number = number
        super().__init__(f"there is no proposal {number}")


class SameOperator(FundwalletError):
    """Whoever proposed it does not decide on it."""

    code = "same_operator"

    def __init__(self, number: int, operator: str) -> None:
        self.number, self.operator = number, operator
        super().__init__(f"proposal {number} was made by {shortened(operator)}: another operator has to decide on it")


class AlreadyDecided(FundwalletError):
    """The proposal was decided the other way."""

    code = "already_decided"

    def __init__(self, number: int, verdict: str, operator: str) -> None:
        self.number, self.verdict, self.operator = number, verdict, operator
        super().__init__(f"proposal {number} was {verdict} already, by {shortened(operator)}")


def _enter(connection: sa.Connection, book: Fund, change: ManualEntry, at: datetime) -> Applied:
    made = entries.post(connection, book, change, at)
    return Applied(not made.repeated, made.entry_id, value_date=made.value_date)


def _reverse(connection: sa.Connection, book: Fund, change: Reversal, at: datetime) -> Applied:
    made = entries.reverse(connection, book, change, at)
    return Applied(not made.repeated, made.entry_id, value_date=made.value_date)


def _change_terms(connection: sa.Connection, book: Fund, change: ChangedTerms, at: datetime) -> Applied:
    if unknown := sorted(set(change.four_eyes) - OPERATIONS.keys()):
        raise InvalidRequest("four eyes", f"{unknown[0]} is none of {', '.join(sorted(OPERATIONS))}")
    new = books.change_terms(connection, book, change, at)
    return Applied(new, new=int(new))


def _replace_figures(connection: sa.Connection, book: Fund, change: ReplacedFigures, at: datetime) -> Applied:
    if change.distributed:
        made = [corrections.correct_income(connection, book, figure, at) for figure in change.figures()]
        entries_made = [entry for entry in made if entry is not None]
        return Applied(bool(entries_made), max(entries_made, default=None), len(entries_made))
    new = figures.announce(connection, book, change.figures(), replace=True, approved=True)
    return Applied(new > 0, new=new)


def _take_back(connection: sa.Connection, book: Fund, change: TakenBackConfirmation, at: datetime) -> Applied:
    entry = corrections.take_back(connection, book, change, at)
    return Applied(entry is not None, entry)


OPERATIONS: dict[str, tuple[type[Change], Callable[..., Applied]]] = {
    ManualEntry.operation: (ManualEntry, _enter),
    Reversal.operation: (Reversal, _reverse),
    ChangedTerms.operation: (ChangedTerms, _change_terms),
    ReplacedFigures.operation: (ReplacedFigures, _replace_figures),
    TakenBackConfirmation.operation: (TakenBackConfirmation, _take_back),
}
"""By the name that the terms use: what the operation says, and what applies it."""


def ask(
    connection: sa.Connection, book: Fund, change: Change, operator: str, at: datetime
) -> tuple[Applied, Proposal | None]:
    """Do what `change` says, or propose it where the terms want a second operator; return what was done or proposed.

    What is proposed would be applied now: it is rehearsed, and refused as the operation refuses it. The same proposal
    again is the one that waits; what was done before is answered as it is.
    Raises: NoTransaction, InvalidRequest, and what the operation raises.
    """
    require_transaction(connection)
    operator = trail.named(operator)
    _, apply = OPERATIONS[change.operation]
    first_open = gates.read(connection, book.code)[0] + timedelta(1)
    needed = book.needs_approval(change.operation, first_open, book.calendar.local_date(at))
    if not needed or (isinstance(change, ReplacedFigures) and not figures.replaces(connection, book, change.figures())):
        return apply(connection, book, change, at), None
    rehearsal = connection.begin_nested()
    try:
        with journal.noting() as made:
            applied = apply(connection, book, change, at)
            made.clear()
    finally:
        rehearsal.rollback()
    if not applied.anew:
        return applied, None
    return Applied(False), _propose(connection, book, change, operator, at)


def approve(connection: sa.Connection, book: Fund, number: int, operator: str, at: datetime) -> Proposal:
    """Approve a proposal and apply it, as of `at`; approved already, it is answered as it is.

    Raises: NoTransaction, InvalidRequest, UnknownProposal, SameOperator, AlreadyDecided, and what the operation raises:
    then nothing has changed, and the proposal goes on waiting.
    """
    known = _decidable(connection, book, number, operator, APPROVED)
    if known.verdict is not None:
        return known
    model, apply = OPERATIONS[known.operation]
    applied = apply(connection, book, model(**known.arguments), at)
    return _decide(connection, book, known, APPROVED, operator, at, entry=applied.entry)


def reject(connection: sa.Connection, book: Fund, number: int, operator: str, at: datetime, why: str) -> Proposal:
    """Reject a proposal; rejected already, it is answered as it is.

    Raises: NoTransaction, InvalidRequest, UnknownProposal, SameOperator, AlreadyDecided.
    """
    reason = Reason(why=why).why
    known = _decidable(connection, book, number, operator, REJECTED)
    return known if known.verdict is not None else _decide(connection, book, known, REJECTED, operator, at, why=reason)


def proposals(connection: sa.Connection, book: Fund, *, decided: bool = False) -> list[Proposal]:
    """Return the proposals that wait, with those `decided` if asked for, in the order they were made."""
    query = _PROPOSALS.where(proposal.c.book == book.code).order_by(proposal.c.number)
    if not decided:
        query = query.where(decision.c.verdict.is_(None))
    return [_proposal(book, row) for row in connection.execute(query)]


def _proposal(book: Fund, row: sa.Row[Any]) -> Proposal:
    zone = book.calendar.zone
    return Proposal(
        row.number,
        row.operation,
        json.loads(row.arguments),
        row.proposed_by,
        row.proposed_at.astimezone(zone),
        row.verdict,
        row.decided_by,
        row.decided_at.astimezone(zone) if row.decided_at is not None else None,
        row.why,
        row.entry_id,
    )


def _find(connection: sa.Connection, book: Fund, number: int) -> Proposal:
    here = proposal.c.book == book.code, proposal.c.number == number
    row = connection.execute(_PROPOSALS.where(*here)).one_or_none() if 0 < number < 2**63 else None
    if row is None:
        raise UnknownProposal(number)
    return _proposal(book, row)


def _propose(connection: sa.Connection, book: Fund, change: Change, operator: str, at: datetime) -> Proposal:
    """Write a proposal down, unless the same one waits, and return it."""
    number, arguments = trail.next_number(connection, book, proposal), change.arguments()
    same = proposal.c.operation == change.operation, proposal.c.arguments == arguments
    waits = _PROPOSALS.where(proposal.c.book == book.code, *same, decision.c.verdict.is_(None))
    if (row := connection.execute(waits).first()) is not None:
        return _proposal(book, row)
    row_of = {"operation": change.operation, "arguments": arguments, "proposed_by": operator, "proposed_at": at}
    connection.execute(sa.insert(proposal).values(number=number, book=book.code, **row_of))
    return _find(connection, book, number)


def _decidable(connection: sa.Connection, book: Fund, number: int, operator: str, verdict: str) -> Proposal:
    """Hold a proposal until the transaction ends, and return it if `operator` may decide on it so."""
    lock(connection, f"proposal {book.code} {number}")
    known = _find(connection, book, number)
    if trail.named(operator) == known.proposed_by:
        raise SameOperator(number, known.proposed_by)
    if known.verdict not in (None, verdict):
        raise AlreadyDecided(number, str(known.verdict), str(known.decided_by))
    return known


def _decide(
    connection: sa.Connection,
    book: Fund,
    known: Proposal,
    verdict: str,
    operator: str,
    at: datetime,
    *,
    why: str | None = None,
    entry: int | None = None,
) -> Proposal:
    row = {"verdict": verdict, "decided_by": trail.named(operator), "decided_at": at, "why": why, "entry_id": entry}
    number = trail.next_number(connection, book, decision)
    connection.execute(sa.insert(decision).values(number=number, proposal=known.number, **row))
    return _find(connection, book, known.number)
