"""Wallets: opened under the host's reference, numbered 1, 2, 3 … in order of opening. The only writer of `wallet`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import sqlalchemy as sa

from ledger import balances
from ledger.database import require_transaction
from ledger.model import HOUSE
from ledger.rows import Query
from ledger.schema import book_gate, holder
from wallet.errors import UnknownWallet, WalletExists
from wallet.requests import Opening
from wallet.rules.fund import Fund
from wallet.schema import wallet

_NAMED = {"reference": wallet.c.reference.type}


def _find(_dialect: str, named: sa.FromClause) -> sa.Select[Any]:
    same = sa.and_(wallet.c.book == sa.bindparam("book"), wallet.c.reference == named.c.reference)
    return sa.select(wallet.c.reference, wallet.c.holder_id).join_from(wallet, named, same)


def _find_locked(_dialect: str, named: sa.FromClause) -> sa.Select[Any]:
    same = sa.and_(wallet.c.book == sa.bindparam("book"), wallet.c.reference == named.c.reference)
    return (
        sa.select(wallet.c.reference, wallet.c.holder_id, holder.c.gate)
        .select_from(holder.join(wallet, wallet.c.holder_id == holder.c.holder_id).join(named, same))
        .order_by(holder.c.holder_id)
        .with_for_update(key_share=True, of=holder)
    )


_FIND, _LOCK = Query(_NAMED, _find), Query(_NAMED, _find_locked)


def open_wallet(connection: sa.Connection, book: Fund, request: Opening) -> int:
    """Open a wallet and return its number. Raises: as `open_wallets`."""
    return open_wallets(connection, book, [request])[0]


def open_wallets(connection: sa.Connection, book: Fund, requests: Sequence[Opening]) -> list[int]:
    """Open wallets, all or none, and return their numbers in the order of `requests`.

    Raises: NoTransaction, OutsideCalendar, BeforeOpening, WalletExists.
    """
    require_transaction(connection)
    if not requests:
        return []
    for request in requests:
        book.day(request.at)
    house = sa.select(holder.c.holder_id).where(holder.c.holder_id == HOUSE).with_for_update(key_share=True)
    connection.execute(house).all()
    references = [request.wallet for request in requests]
    taken = wallet.c.book == book.code, wallet.c.reference.in_(sa.bindparam("references", expanding=True))
    for start in range(0, len(references), 10_000):
        part = references[start : start + 10_000]
        if known := connection.execute(sa.select(wallet.c.reference).where(*taken), {"references": part}).scalar():
            raise WalletExists(known)
    if len(set(references)) < len(references):
        raise WalletExists(next(r for r in references if references.count(r) > 1))
    last = connection.execute(sa.select(sa.func.max(holder.c.holder_id))).scalar_one()
    numbers = list(range(last + 1, last + 1 + len(requests)))
    gates = connection.execute(
        sa.select(sa.func.count()).select_from(book_gate).where(book_gate.c.book == book.code)
    ).scalar_one()
    balances.create_holders(connection, book.code, numbers, gates, book.chart)
    connection.execute(
        sa.insert(wallet),
        [
            {"holder_id": number, "book": book.code, "reference": request.wallet, "opened_at": request.at}
            for number, request in zip(numbers, requests, strict=True)
        ],
    )
    return numbers


def find_all(connection: sa.Connection, book: Fund, references: Sequence[str]) -> dict[str, int]:
    """Return the numbers of the wallets opened under `references`; what is not there is left out."""
    named = [[reference] for reference in sorted(set(references))]
    return {row.reference: row.holder_id for row in _FIND.run(connection, named, book=book.code)}


def lock_all(connection: sa.Connection, book: Fund, references: Iterable[str]) -> tuple[dict[str, int], dict[int, int]]:
    """Lock the holders of the wallets opened under `references`, ascending, and return their numbers and their gates.

    What is not there is left out. Whatever is to be judged is read after this, in statements of their own.
    """
    named = [[reference] for reference in sorted(set(references))]
    rows = _LOCK.run(connection, named, book=book.code)
    return {row.reference: row.holder_id for row in rows}, {row.holder_id: row.gate for row in rows}


def find(connection: sa.Connection, book: Fund, reference: str) -> int:
    """Return the number of the wallet opened as `reference`. Raises: UnknownWallet."""
    number = find_all(connection, book, [reference]).get(reference)
    if number is None:
        raise UnknownWallet(reference)
    return number
