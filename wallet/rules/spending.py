"""Where the money of a payment or an instant transfer-out comes from. Source: rule book, section 3, "Payment"."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from wallet.errors import InsufficientFunds


class OrderOfUse(StrEnum):
    """Which money goes first: a term of the fund that a caller may override."""

    UNCONFIRMED_FIRST = "unconfirmed_first"
    CONFIRMED_FIRST = "confirmed_first"


@dataclass(frozen=True, slots=True)
class Transit:
    """An order whose money is in transit, as one payment sees it.

    `applied`: its trade date is cut. `late`: its confirmation date is before the payment's day, only the booking
    is missing; the payment counts as paid from the shares that the money became.
    Units: `remaining` (still hers) and `passed` (to the advancer before) in fen.
    """

    entry_id: int
    at: datetime
    trade_date: date
    remaining: int
    passed: int
    applied: bool
    late: bool = False


@dataclass(frozen=True, slots=True)
class Sources:
    """What is used, in fen: `taken_back` and `passed` name orders, newest first."""

    taken_back: tuple[tuple[Transit, int], ...]
    passed: tuple[tuple[Transit, int], ...]
    shares: int

    @property
    def from_orders(self) -> int:
        """Return what is taken back from orders before their cutoff."""
        return sum(amount for _, amount in self.taken_back)

    @property
    def from_applications(self) -> int:
        """Return what passes to the advancer while in transit."""
        return sum(amount for _, amount in self.passed)

    @property
    def advance(self) -> int:
        """Return what the advancer pays in advance."""
        return self.from_applications + self.shares


def choose(amount: int, transit: Sequence[Transit], shares: int, order_of_use: OrderOfUse) -> Sources:
    """Return the sources of `amount`: money in transit newest order first (of equal instants the later booked).

    Shape: `transit` in any order. Units: fen, and hundredths of a share worth one fen each.
    Raises: InsufficientFunds.
    """
    in_order = sorted(transit, key=lambda order: (order.at, order.entry_id), reverse=True)
    if order_of_use is OrderOfUse.CONFIRMED_FIRST:
        in_order.sort(key=lambda order: not order.late)
    available = shares + sum(order.remaining for order in transit)
    if available < amount:
        raise InsufficientFunds(amount, available)
    from_shares = min(amount, shares) if order_of_use is OrderOfUse.CONFIRMED_FIRST else 0
    used: list[tuple[Transit, int]] = []
    wanted = amount - from_shares
    for order in in_order:
        if part := min(wanted, order.remaining):
            used.append((order, part))
            wanted -= part
    return Sources(
        taken_back=tuple((o, part) for o, part in used if not o.applied),
        passed=tuple((o, part) for o, part in used if o.applied),
        shares=from_shares + wanted,
    )
