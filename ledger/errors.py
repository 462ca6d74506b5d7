"""What the ledger refuses.

LedgerError                 root; `code` is stable, `retryable` says whether the same call may succeed later
├── NoTransaction           the caller holds no open transaction
├── UnknownHolder           no such holder in this book
├── RequestConflict         the request id was used before for something else
├── DayClosed               the value date lies in a closed day
├── InsufficientBalance     a balance per holder would fall below zero
├── UnknownEntry            there is no such entry to reverse
└── AlreadyReversed         the entry was reversed before

Facts are attributes; messages are built from them.
"""

from __future__ import annotations

from datetime import date


class LedgerError(Exception):
    """A refusal: what was asked is not done, and nothing has changed."""

    code = "ledger_error"
    retryable = False


class NoTransaction(LedgerError):
    """The function was called on a connection without an open transaction."""

    code = "no_transaction"

    def __init__(self) -> None:
        super().__init__("no transaction is open: begin one, the caller owns it")


class UnknownHolder(LedgerError):
    """The book has no such holder."""

    code = "unknown_holder"

    def __init__(self, book: str, holder_id: int) -> None:
        self.book, self.holder_id = book, holder_id
        super().__init__(f"book {book} has no holder {holder_id}")


class RequestConflict(LedgerError):
    """The holder used this request id before, for other content."""

    code = "request_conflict"

    def __init__(self, request_id: str) -> None:
        self.request_id = request_id
        super().__init__(f"request {request_id} was used before with other content")


class DayClosed(LedgerError):
    """No entry may be dated in a closed day any more."""

    code = "day_closed"

    def __init__(self, value_date: date, closed_through: date) -> None:
        self.value_date, self.closed_through = value_date, closed_through
        super().__init__(f"{value_date} is closed: the books are closed through {closed_through}")


class InsufficientBalance(LedgerError):
    """A balance kept per holder would fall below zero."""

    code = "insufficient_balance"

    def __init__(self, holder_id: int, account: str, available: int, wanted: int) -> None:
        self.holder_id, self.account, self.available, self.wanted = holder_id, account, available, wanted
        super().__init__(f"holder {holder_id} has {available} in {account}, {wanted} wanted")


class UnknownEntry(LedgerError):
    """There is no such entry."""

    code = "unknown_entry"

    def __init__(self, holder_id: int, entry_id: int) -> None:
        self.holder_id, self.entry_id = holder_id, entry_id
        super().__init__(f"holder {holder_id} has no entry {entry_id}")


class AlreadyReversed(LedgerError):
    """An entry is reversed once, and a reversal never."""

    code = "already_reversed"

    def __init__(self, holder_id: int, entry_id: int) -> None:
        self.holder_id, self.entry_id = holder_id, entry_id
        super().__init__(f"entry {entry_id} of holder {holder_id} is reversed already, or is a reversal")
