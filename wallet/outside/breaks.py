"""What books and outside records differ in, each difference a break with its history: who saw, explained, resolved it.

The only writer of `recon_break` and `break_event`. Both are numbered without a gap in the order of the commits; whoever
writes one holds all that is numbered until the transaction ends, so that is the last thing a transaction does.

open → explained → resolved. A break of a lasting kind is a difference that stays until books and record agree: it is
one break all that time, and reconciliation alone resolves it. One of another kind is of a single day, which its
subject names, and an operator resolves it. An explained break whose difference changes is open again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa

from ledger.database import require_transaction
from wallet import trail
from wallet.errors import FundwalletError, InvalidRequest, shortened
from wallet.outside import links
from wallet.outside.schema import break_event, recon_break
from wallet.requests import PlainText, Strict
from wallet.rules.amounts import show_amount
from wallet.rules.fund import Fund

OPEN, EXPLAINED, RESOLVED = "open", "explained", "resolved"
STATES = (OPEN, EXPLAINED, RESOLVED)

RECONCILIATION = "reconciliation"
"""The operator of what is done by itself; no person's name."""

KINDS = {
    "shares": True,
    "in_transit": True,
    "redeeming": True,
    "advance": True,
    "cash": True,
    "bank_line": False,
    "income": False,
    "income_total": False,
    "clearing": False,
}
"""Every kind, and whether it is a lasting one."""

Difference = tuple[str, int, int]
"""The unit, CNY or the fund's, and how much it is by the books and by the record. Units: fen, hundredths."""

_B, _E = recon_break.c, break_event.c


@dataclass(frozen=True, slots=True)
class Break:
    """A difference as it was last seen: what, whose, since when, ours, theirs, and what was said of it last, by whom.

    Units: fen, hundredths of a share.
    """

    number: int
    kind: str
    subject: str
    since: date
    unit: str
    ours: int
    theirs: int
    difference: int
    state: str
    operator: str
    note: str | None

    def __str__(self) -> str:
        figures = f"ours {show_amount(self.ours)}, theirs {show_amount(self.theirs)}"
        return f"break {self.number} ({self.kind.replace('_', ' ')} of {shortened(self.subject)}: {figures})"


@dataclass(frozen=True, slots=True)
class Event:
    """What became of a break on a day; `ours`, `theirs` as they were last seen to differ."""

    number: int
    day: date
    state: str
    ours: int
    theirs: int
    at: datetime
    operator: str
    note: str | None


class Explanation(Strict):
    """What an operator says of a break."""

    note: PlainText


class UnknownBreak(FundwalletError):
    """There is no break of this number."""

    code = "unknown_break"

    def __init__(self, number: int) -> None:
        self.number = number
        super().__init__(f"there is no break {number}")


class BreakResolved(FundwalletError):
    """The break is resolved, and stays so."""

    code = "break_resolved"

    def __init__(self, number: int, operator: str) -> None:
        self.number, self.operator = number, operator
        super().__init__(f"break {number} is resolved already, by {shortened(operator)}")


class StillDiffers(FundwalletError):
    """Only reconciliation resolves a lasting break. Units: fen, hundredths of a share."""

    code = "still_differs"

    def __init__(self, number: int, difference: int) -> None:
        self.number, self.difference = number, difference
        super().__init__(
            f"break {number} still differs by {show_amount(difference)}: explain it;"
            " the reconciliation of a day on which it no longer differs resolves it"
        )


def observe(
    connection: sa.Connection, book: Fund, day: date, at: datetime, kind: str, differences: Mapping[str, Difference]
) -> None:
    """Write down what differs as of `day`, by subject, and resolve what of a lasting kind no longer does.

    Shape: of a lasting kind `differences` are all that there are; of another kind those that are seen now, so it can
    be called for parts of a day. What is seen again as it is known changes nothing.
    Raises: NoTransaction.
    """
    event = trail.next_number(connection, book, break_event)
    lasting = KINDS[kind]
    known = {each.subject: each for each in _known(connection, book, kind, None if lasting else list(differences))}
    new: list[dict[str, Any]] = []
    events: list[dict[str, Any]] = []
    number = trail.next_number(connection, book, recon_break)
    facts = {"day": day, "at": at, "operator": RECONCILIATION, "note": None}
    for subject, (unit, ours, theirs) in differences.items():
        assert ours != theirs, (kind, subject)
        seen, before = {"ours": ours, "theirs": theirs}, known.get(subject)
        if before is not None and (before.ours, before.theirs) == (ours, theirs):
            continue
        if before is None or before.state == RESOLVED:
            new.append({"number": number, "fund": book.code, "kind": kind, "subject": subject, "since": day} | seen)
            new[-1]["unit"] = unit
            events.append({"break": number, "state": OPEN} | seen | facts)
            number += 1
        else:
            state = before.state if before.difference == ours - theirs else OPEN
            events.append({"break": before.number, "state": state} | seen | facts)
    if lasting:
        ended = (each for subject, each in known.items() if subject not in differences)
        events += [_standing(each) | {"state": RESOLVED} | facts for each in ended]
    if new:
        connection.execute(sa.insert(recon_break), new)
    if events:
        connection.execute(sa.insert(break_event), _numbered(events, event))


def explain(connection: sa.Connection, book: Fund, number: int, operator: str, at: datetime, note: str) -> Break:
    """Say why a break is there, so that it lets the next day close; said already by the same, it is answered as it is.

    Raises: NoTransaction, InvalidRequest, UnknownBreak, BreakResolved.
    """
    return _say(connection, book, number, operator, at, EXPLAINED, Explanation(note=note.strip()).note)


def resolve(
    connection: sa.Connection, book: Fund, number: int, operator: str, at: datetime, note: str | None = None
) -> Break:
    """Resolve a break of a single day; resolved already by the same, it is answered as it is.

    Raises: NoTransaction, InvalidRequest, UnknownBreak, BreakResolved, StillDiffers.
    """
    said = None if note is None else Explanation(note=note.strip()).note
    return _say(connection, book, number, operator, at, RESOLVED, said)


def find(connection: sa.Connection, book: Fund, number: int) -> Break:
    """Return a break as it stands. Raises: UnknownBreak."""
    here = _standing_breaks().where(_B.fund == book.code, _B.number == number)
    row = connection.execute(here).one_or_none() if 0 < number < 2**63 else None
    if row is None:
        raise UnknownBreak(number)
    return _break(row)


def history(connection: sa.Connection, number: int) -> list[Event]:
    """Return what became of a break, in order; the first says that it was opened."""
    rows = connection.execute(sa.select(break_event).where(_E["break"] == number).order_by(_E.number))
    return [Event(row.number, row.day, row.state, row.ours, row.theirs, row.at, row.operator, row.note) for row in rows]


def all_of(
    connection: sa.Connection, book: Fund, states: Sequence[str] = (OPEN, EXPLAINED), kind: str | None = None
) -> list[Break]:
    """Return the breaks that stand in one of `states`, by number."""
    query = _standing_breaks().where(_B.fund == book.code, _E.state.in_(list(states))).order_by(_B.number)
    if kind is not None:
        query = query.where(_B.kind == kind)
    return [_break(row) for row in connection.execute(query)]


def of_day(connection: sa.Connection, book: Fund, day: date) -> list[Break]:
    """Return the breaks that something became of on `day`, and those that were there and are not resolved."""
    there = sa.and_(_B.since <= day, _E.state != RESOLVED)
    touched = _B.number.in_(sa.select(_E["break"]).where(_E.day == day))
    query = _standing_breaks().where(_B.fund == book.code, there | touched).order_by(_B.number)
    return [_break(row) for row in connection.execute(query)]


def blocking(connection: sa.Connection, book: Fund, through: date) -> str | None:
    """Return what keeps the day after `through` from closing: open breaks above the tolerance, or None.

    Breaks that were opened by the reconciliation of `through` or an earlier day count.
    """
    link = links.on(connection, book, through)
    if link is None:
        return None
    size = sa.func.abs(_E.ours - _E.theirs)
    counted = _B.fund == book.code, _E.state == OPEN, _B.since <= through, size > link.tolerance
    found = connection.execute(_standing_breaks().where(*counted).order_by(_B.number)).all()
    if not found:
        return None
    others = f" and {len(found) - 1} more are" if len(found) > 1 else " is"
    return f"{_break(found[0])}{others} above the tolerance {show_amount(link.tolerance)}"


def _say(
    connection: sa.Connection, book: Fund, number: int, operator: str, at: datetime, state: str, note: str | None
) -> Break:
    require_transaction(connection)
    said = {"state": state, "operator": trail.named(operator), "note": note}
    if said["operator"] == RECONCILIATION:
        raise InvalidRequest("operator", f"{RECONCILIATION} is nobody's name")
    event = trail.next_number(connection, book, break_event)
    known = find(connection, book, number)
    if said == {"state": known.state, "operator": known.operator, "note": known.note}:
        return known
    if known.state == RESOLVED:
        raise BreakResolved(number, known.operator)
    if state == RESOLVED and KINDS[known.kind]:
        raise StillDiffers(number, known.difference)
    row = _standing(known) | said | {"number": event, "day": book.calendar.local_date(at), "at": at}
    connection.execute(sa.insert(break_event).values(row))
    return find(connection, book, number)


def _standing_breaks() -> sa.Select[Any]:
    """Return the select of breaks with their last event."""
    later = break_event.alias("later")
    last = sa.select(sa.func.max(later.c.number)).where(later.c["break"] == _B.number).scalar_subquery()
    facts = (_B.number, _B.kind, _B.subject, _B.since, _B.unit)
    return sa.select(*facts, _E.ours, _E.theirs, _E.state, _E.operator, _E.note).join_from(
        recon_break, break_event, sa.and_(_E["break"] == _B.number, _E.number == last)
    )


def _known(connection: sa.Connection, book: Fund, kind: str, subjects: list[str] | None) -> list[Break]:
    """Return what stands of a kind: all that is not resolved, or the last break of each of some subjects."""
    query = _standing_breaks().where(_B.fund == book.code, _B.kind == kind).order_by(_B.number)
    if subjects is None:
        return [_break(row) for row in connection.execute(query.where(_E.state != RESOLVED))]
    named = query.where(_B.subject.in_(sa.bindparam("subjects", expanding=True)))
    parts = (subjects[start : start + 10_000] for start in range(0, len(subjects), 10_000))
    return [_break(row) for part in parts for row in connection.execute(named, {"subjects": part})]


def _break(row: Any) -> Break:
    figures = row.ours, row.theirs, row.ours - row.theirs
    return Break(row.number, row.kind, row.subject, row.since, row.unit, *figures, row.state, row.operator, row.note)


def _standing(known: Break) -> dict[str, Any]:
    return {"break": known.number, "ours": known.ours, "theirs": known.theirs}


def _numbered(rows: list[dict[str, Any]], first: int) -> list[dict[str, Any]]:
    return [{"number": number} | row for number, row in enumerate(rows, first)]
