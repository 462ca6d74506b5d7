"""What the transfer agent answers to applications (files 04, 34), held against them: the only writer of `answer`.

An answer is written down when its file is taken, and booked when the confirm step of its day runs. Source: rule book,
section 3; GB/T 39595-2020 for the natural keys of a confirmation.
"""

from __future__ import annotations

from datetime import date
from typing import Any

import sqlalchemy as sa

from ledger.expressions import total
from ledger.schema import Day, Integer, Small, Text, column, journal_entry
from wallet.outside import staging
from wallet.outside.contents import QUICK, REDEEMED, SUBSCRIBED, TAKEN_BACK
from wallet.outside.schema import answer
from wallet.rules.amounts import show_amount
from wallet.rules.fund import Fund
from wallet.rules.orders import REDEEMED_OR_SUBSCRIBED, SUBSCRIPTIONS
from wallet.schema import advance, customer_order
from wallet.transfer_agent.errors import MalformedFile

STAGED = staging.table(
    "answer",
    column("holder_id", Integer),
    column("application", Integer),
    column("business_code", Text),
    column("applied", Integer),
    column("confirmed", Integer),
    column("return_code", Text),
    column("final", Small),
    column("ta_serial", Text),
    column("asked_on", Day, null=True),
    column("original", Text, null=True),
    column("original_on", Day, null=True),
)
"""`asked_on`: the day of the application, `original_on`: that of the confirmation that is taken back."""

_S, _N, _O, _A = STAGED.c, answer.c, customer_order.c, advance.c
_APPLICATION = "AppSheetSerialNo"


def check(connection: sa.Connection, book: Fund, file: str, day: date) -> None:
    """Hold the staged answers of a day against applications and earlier answers. Raises: MalformedFile."""
    codes = set(connection.execute(sa.select(_S.business_code).distinct()).scalars())
    if TAKEN_BACK in codes:
        _find_originals(connection, book, file, day)
    _refuse_repeated(connection, book, file, day)
    if codes & {SUBSCRIBED, REDEEMED}:
        _check_orders(connection, book, file)
    if QUICK in codes:
        _check_quick(connection, book, file)
    _check_earlier(connection, book, file, day)


def add(connection: sa.Connection, book: Fund, number: int, day: date) -> None:
    """Write the staged answers down as those of file `number`."""
    fixed = {"book": book.code, "confirmation_date": day, "file": number}
    connection.execute(sa.insert(answer).from_select(*staging.rows(STAGED, answer, **fixed)))


def _find_originals(connection: sa.Connection, book: Fund, file: str, day: date) -> None:
    """Give each confirmation that is taken back its application, and refuse what was never confirmed."""
    earlier = answer.alias()
    of = (
        earlier.c.book == book.code,
        earlier.c.confirmation_date == _S.original_on,
        earlier.c.confirmation_date < day,
        earlier.c.ta_serial == _S.original,
        earlier.c.holder_id == _S.holder_id,
        earlier.c.business_code == SUBSCRIBED,
        _S.business_code == TAKEN_BACK,
    )
    connection.execute(
        sa.update(STAGED).where(*of).values(application=earlier.c.application, applied=earlier.c.confirmed)
    )
    again = sa.exists().where(
        _N.holder_id == _S.holder_id, _N.application == _S.application, _N.business_code == TAKEN_BACK
    )
    back = sa.select(_S.line, _S.original, _S.application, _S.confirmed, _S.applied, again.label("again")).where(
        _S.business_code == TAKEN_BACK, sa.or_(_S.application == 0, _S.confirmed != _S.applied, again)
    )
    if (wrong := staging.first(connection, back, _S.line)) is None:
        return
    if wrong.application and not wrong.again:
        raise MalformedFile(
            file, wrong.line, "ConfirmedVol", show_amount(wrong.confirmed), f"{show_amount(wrong.applied)}, all of it"
        )
    expected = "a confirmation 122 of this account on OriginalCfmDate, before this file, that still holds"
    raise MalformedFile(file, wrong.line, "OriginalSerialNo", wrong.original, expected)


def _refuse_repeated(connection: sa.Connection, book: Fund, file: str, day: date) -> None:
    """Refuse a second record of one natural key, in the file or of an earlier one."""
    if wrong := staging.repeated(connection, STAGED, _S.ta_serial):
        raise MalformedFile(file, wrong.line, "TASerialNO", wrong.ta_serial, "each serial once a day")
    same = (_S.holder_id, _S.application, _S.business_code)
    if wrong := staging.repeated(connection, STAGED, *same):
        raise MalformedFile(file, wrong.line, _APPLICATION, str(wrong.application), "each application once a day")
    known = sa.and_(_N.book == book.code, _N.confirmation_date == day, _N.ta_serial == _S.ta_serial)
    taken = sa.select(_S.line, _S.ta_serial).join(answer, known)
    if wrong := staging.first(connection, taken, _S.line):
        raise MalformedFile(file, wrong.line, "TASerialNO", wrong.ta_serial, "a serial that no earlier file has")


def _check_orders(connection: sa.Connection, book: Fund, file: str) -> None:
    """Refuse answers to what no order applied for; the advancer's are checked against the file that was sent."""
    subscribes = _O.kind.in_(list(SUBSCRIPTIONS))
    this = sa.and_(
        _O.holder_id == _S.holder_id,
        _O.entry_id == _S.application,
        _O.book == book.code,
        _O.trade_date == _S.asked_on,
        _O.status == sa.text("'accepted'"),
        _O.kind.in_(list(REDEEMED_OR_SUBSCRIBED)),
        _S.business_code == sa.case((subscribes, SUBSCRIBED), else_=REDEEMED),
    )
    ours = sa.case((subscribes, _O.remaining + _O.passed_to_advancer), else_=_O.amount)
    wrong = staging.first(
        connection,
        sa.select(_S.line, _S.application, _S.business_code, _S.applied, ours.label("ours"))
        .join(customer_order, this, isouter=True)
        .where(
            _S.business_code.in_([SUBSCRIBED, REDEEMED]),
            _S.holder_id > 0,
            sa.or_(_O.entry_id.is_(None), ours != _S.applied),
        ),
        _S.line,
    )
    if wrong is None:
        return
    if wrong.ours is None:
        expected = "an application of this account and day that is open"
        raise MalformedFile(file, wrong.line, _APPLICATION, str(wrong.application), expected)
    field = "ApplicationAmount" if wrong.business_code == SUBSCRIBED else "ApplicationVol"
    raise MalformedFile(file, wrong.line, field, show_amount(wrong.applied), show_amount(wrong.ours))


def _check_quick(connection: sa.Connection, book: Fund, file: str) -> None:
    """Refuse answers to quick transfers that were not asked for: what passed to the advancer on their day."""
    source, entry = customer_order.alias("source"), journal_entry.alias("confirmed")
    confirmed_on = sa.func.coalesce(entry.c.value_date, _A.value_date)
    passed_on = sa.case((confirmed_on > _A.value_date, confirmed_on), else_=_A.value_date)
    ours = (
        sa.select(total(_A.shares))
        .select_from(
            advance.join(
                source, sa.and_(source.c.holder_id == _A.holder_id, source.c.entry_id == _A.source), True
            ).join(entry, sa.and_(entry.c.entry_id == source.c.confirmed_by, entry.c.holder_id == 0), True)
        )
        .where(
            _A.book == book.code, _A.holder_id == _S.holder_id, _A.payment == _S.application, passed_on == _S.asked_on
        )
        .scalar_subquery()
    )
    asked = sa.select(_S.line, _S.application, _S.applied, ours.label("ours")).where(_S.business_code == QUICK)
    each = asked.subquery()
    wrong = staging.first(connection, sa.select(each).where(each.c.ours != each.c.applied), each.c.line)
    if wrong is None:
        return
    if not wrong.ours:
        expected = "a payment of this account whose shares passed to the advancer that day"
        raise MalformedFile(file, wrong.line, _APPLICATION, str(wrong.application), expected)
    raise MalformedFile(file, wrong.line, "ApplicationVol", show_amount(wrong.applied), show_amount(wrong.ours))


def _check_earlier(connection: sa.Connection, book: Fund, file: str, day: date) -> None:
    """Refuse answers beyond what others of the same application leave, and any after the final one."""
    since = connection.execute(sa.select(sa.func.min(_S.asked_on))).scalar()
    if since is None:
        return
    final_before = total(1, sa.and_(_N.final == 1, _N.confirmation_date <= day))
    final_early = total(1, sa.and_(_S.final == 1, _N.confirmation_date >= day))
    others: Any = total(_N.confirmed)
    sums = (
        sa.select(_S.line, _S.application, _S.confirmed, _S.applied, others.label("others"))
        .add_columns((final_before + final_early).label("ended"))
        .join(
            answer,
            sa.and_(
                _N.book == book.code,
                _N.confirmation_date >= since,
                _N.holder_id == _S.holder_id,
                _N.application == _S.application,
                _N.business_code == _S.business_code,
            ),
        )
        .where(_S.business_code != TAKEN_BACK)
        .group_by(_S.line, _S.application, _S.confirmed, _S.applied)
        .having(sa.or_(final_before + final_early > 0, others + _S.confirmed > _S.applied))
    )
    if (wrong := staging.first(connection, sums, _S.line)) is None:
        return
    if wrong.ended:
        expected = "an application whose answers this one can follow: none is final, or this is not and comes before"
        raise MalformedFile(file, wrong.line, _APPLICATION, str(wrong.application), expected)
    raise MalformedFile(
        file, wrong.line, "ConfirmedVol", show_amount(wrong.confirmed), show_amount(wrong.applied - wrong.others)
    )
