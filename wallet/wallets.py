"""Wallets: opened under the host's reference, numbered 1, 2, 3 … in order of opening. The only writer of `wallet`."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa

from ledger import balances
from ledger.database import require_transaction
from ledger.model import HOUSE
from ledger.schema import book_gate, holder
from wallet.errors import UnknownWallet, WalletExists
from wallet.requests import Opening
from wallet.rules.fund import Fund
from wallet.schema import wallet

_FIND_ALL = sa.select(wallet.c.reference, wallet.c.holder_id).where(
    wallet.c.book == sa.bindparam("book"), wallet.c.reference.in_(sa.bindparam("references", expanding=True))
)


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
    rows = connection.execute(_FIND_ALL, {"book": book.code, "references": sorted(set(references))})
    return {row.reference: row.holder_id for row in rows}


def find(connection: sa.Connection, book: Fund, reference: str) -> int:
    """Return the number of the wallet opened as `reference`. Raises: UnknownWallet."""
    number = find_all(connection, book, [reference]).get(reference)
    if number is None:
        raise UnknownWallet(reference)
    return number
