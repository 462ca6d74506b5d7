"""What an audit knows of an order, of what was answered to it, and of what the advancer paid out of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from wallet.audit.confirmations import Confirmed
from wallet.audit.findings import Cells
from wallet.rules.orders import Kind

LATER = ("remaining", "passed_to_advancer", "refunded", "status", "confirmed", "confirmed_by")
"""What becomes of an order after it was accepted: the columns that are derived."""

SUBSCRIBED, REDEEMED = ANSWERS = "122", "124"
"""Business codes of what the transfer agent answers to subscriptions and to redemptions."""


@dataclass(slots=True)
class Order:
    """An order's inputs, those of its entry, and what becomes of it. Units: fen."""

    entry_id: int
    book: str
    asked: str
    at: datetime
    amount: int
    merchant: str | None
    payment: int | None
    trade_date: date | None
    outcome: int | None
    return_code: str | None
    of_kind: str | None
    of_book: str | None
    value_date: date
    booked_at: datetime
    request_id: str
    of_digest: bytes
    plain: int
    remaining: int = 0
    passed: int = 0
    refunded: int = 0
    status: str = ""
    confirmed: int | None = None
    by: Confirmed | None = None

    @property
    def kind(self) -> Kind:
        """Return the kind. Raises: ValueError."""
        return Kind(self.asked)

    def state(self, holder_id: int) -> Cells:
        """Return the key and the derived columns, as `LATER` names them."""
        by = self.by.entry_id if self.confirmed is not None and self.by else None
        state = self.remaining, self.passed, self.refunded, self.status, self.confirmed, by
        return (holder_id, self.entry_id, *state)


@dataclass(frozen=True, slots=True)
class Answer:
    """What the transfer agent said of one application on one day. Units: fen, hundredths of a share."""

    application: int
    business_code: str
    day: date
    applied: int
    confirmed: int
    return_code: str
    final: int


@dataclass(slots=True)
class Part:
    """What the advancer paid for `order` out of `source` (None: shares). Units: fen."""

    order: Order
    source: Order | None
    amount: int
    redeem_on: date
    shares: int | None = None
    redeemed: Confirmed | None = None
