"""A book with rows in every sealed table, run and sealed through 09-19: the ground on which seals are tried."""

from __future__ import annotations

import sqlalchemy as sa

from tests import busy_book
from tests.desk import Desk, at, day
from wallet.outside.schema import break_event, outside_file, recon_break
from wallet.schema import decision, proposal, trail


def write_numbered_rows(desk: Desk) -> None:
    """Write rows of the trail, approvals, files and breaks, as they are before the first day is sealed."""
    when, code = at("09-16 09:00"), desk.book.code
    step = {"book": code, "at": when, "operator": "李雷", "host": "h", "outcome": "done", "entries": ""}
    asked = {"book": code, "operation": "reversal", "proposed_by": "李雷", "proposed_at": when}
    said = {"verdict": "approved", "decided_by": "韩梅梅", "decided_at": when}
    sent = {
        "kind": "03",
        "first_day": day("09-13"),
        "day": day("09-13"),
        "records": 3,
        "control": 0,
        "received_at": when,
    }
    differs = {"fund": code, "kind": "shares", "since": day("09-16"), "unit": code, "ours": 5_00, "theirs": 4_00}
    became = {"day": day("09-16"), "ours": 5_00, "theirs": 4_00, "at": when, "operator": "李雷"}
    with desk.engine.begin() as connection:
        for number in (1, 2):
            connection.execute(
                sa.insert(trail).values(number=number, command="pay", arguments="[]", began=number - 1 or None, **step)
            )
            connection.execute(sa.insert(proposal).values(number=number, arguments=f"[{number}]", **asked))
            connection.execute(
                sa.insert(decision).values(number=number, proposal=3 - number, why="" if number == 1 else None, **said)
            )
            content = {"name": f"{number}.TXT", "digest": bytes([number]) * 32, "content": bytes([number + 1]) * 32}
            connection.execute(sa.insert(outside_file).values(number=number, fund=code, **sent, **content))
            connection.execute(sa.insert(recon_break).values(number=number, subject=f"wallet {number} ü", **differs))
            event = {"number": number, "break": number, "state": "open", "note": "" if number == 1 else None}
            connection.execute(sa.insert(break_event).values(**event, **became))


def sealed_book(url: str) -> Desk:
    """Give the busy book, run and sealed through 09-19, with rows in every sealed table."""
    desk = busy_book.filled(url)
    write_numbered_rows(desk)
    desk.open_wallet("客户 ü")
    desk.run("09-19", chunk_size=2)
    return desk
