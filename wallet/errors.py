"""What fundwallet refuses. One root for everything the library raises: `FundwalletError`.

FundwalletError (LedgerError)       `code` is stable, `retryable` says whether the same call may succeed later
├── the ledger's own                no_transaction, request_conflict, day_closed, …: see ledger/errors.py
├── InvalidRequest                  a request that cannot be read
│   ├── InvalidAmount
│   └── InvalidFigure
├── NoBook, BookExists              the database holds no book, or one already
├── SchemaMismatch                  the database is of another version
├── DayBusy                         another operator is running the day
├── OutsideCalendar, BeforeOpening  a date the trading calendar does not know, or before the books
├── UnknownWallet, WalletExists
├── TradeDateCut                    the cutoff of the order's trade date is booked
├── LimitExceeded                   a term of the fund: `limit` names it
│   └── PurchasesSuspended, BelowMinimum, HoldingCapExceeded, DailyTransferInExceeded, QuotaExceeded,
│       DailyInstantExceeded, FacilityExhausted
├── InsufficientFunds
├── UnknownPayment, NotRefundable, RefundExceedsPayment
├── UnknownOrder, NotOpen           an outcome recorded for an order that is not there, or not open
├── FigureAnnounced, FigureDistributed
├── NotSealed, SealsBroken          a day or entry that is not sealed yet; seals that differ from the books
├── ResultExists, FileBusy          a file of orders that is done, or being done
├── ApprovalNeeded                  the terms want a second operator for it; what that may be refused for besides
│                                   stands with the operations: see wallet/approvals.py, entries.py, book.py
└── ControlTotalMismatch            the control total and the holdings do not belong together

What is exchanged with others has its refusals beside it, all of this root: a file that departs from the format in
wallet/transfer_agent/errors.py; files, statements, links and breaks in wallet/outside (links.py, sending.py, files.py,
taking.py, statements.py, bank_lines.py, items.py, breaks.py, reconciliation.py); rehearsals in wallet/simulator.

Facts are attributes; messages are built from them. Amounts are in fen.
"""

from __future__ import annotations

from datetime import date, datetime

from calendars import DateOutOfRange
from ledger.errors import LedgerError
from wallet.rules.amounts import show_amount

FundwalletError = LedgerError


class InvalidRequest(FundwalletError):
    """A request that cannot be read: `field` and what is wrong with it."""

    code = "invalid_request"

    def __init__(self, field: str, problem: str) -> None:
        self.field, self.problem = field, problem
        super().__init__(f"{field}: {problem}")


class InvalidAmount(InvalidRequest):
    """Text that is no amount."""

    def __init__(self, text: str, problem: str) -> None:
        self.text = text
        super().__init__(f"amount {shortened(text)!r}", problem)


class InvalidFigure(InvalidRequest):
    """Text that is no published figure."""

    code = "invalid_figure"

    def __init__(self, text: str, problem: str) -> None:
        self.text = text
        super().__init__(f"figure {shortened(text)!r}", problem)


class NoBook(FundwalletError):
    """The database holds no book of fundwallet."""

    code = "no_book"

    def __init__(self) -> None:
        super().__init__("this database holds no book: create one with `fundwallet init`")


class BookExists(FundwalletError):
    """The database is not empty."""

    code = "book_exists"

    def __init__(self, what: str) -> None:
        super().__init__(f"this database is not empty: it holds {what} already")


class SchemaMismatch(FundwalletError):
    """The database was written by another version."""

    code = "schema_mismatch"

    def __init__(self, found: str, expected: str) -> None:
        self.found, self.expected = found, expected
        way = "upgrade it with `fundwallet db upgrade`" if found < expected else "use the fundwallet that wrote it"
        super().__init__(f"this database is of schema version {found}, this program needs {expected}: {way}")


class DayBusy(FundwalletError):
    """Another operator is running the day: who, and since when (None: that is being written down)."""

    code = "day_busy"
    retryable = True

    def __init__(self, operator: str, since: datetime | None) -> None:
        self.operator, self.since = operator, since
        when = f" since {since.isoformat(timespec='seconds')}" if since is not None else ""
        super().__init__(f"the day is being run by {operator}{when}")


class OutsideCalendar(FundwalletError):
    """A date beyond the trading calendar: never guessed."""

    code = "outside_calendar"

    def __init__(self, error: DateOutOfRange) -> None:
        self.day, self.first, self.last = error.day, error.first, error.last
        super().__init__(str(error))


class BeforeOpening(FundwalletError):
    """A date before the books were opened."""

    code = "before_opening"

    def __init__(self, day: date, opened_on: date) -> None:
        self.day, self.opened_on = day, opened_on
        super().__init__(f"{day} is before the books were opened on {opened_on}")


class UnknownWallet(FundwalletError):
    """No wallet has this reference."""

    code = "unknown_wallet"

    def __init__(self, wallet: str) -> None:
        self.wallet = wallet
        super().__init__(f"there is no wallet {shortened(wallet)}")


class WalletExists(FundwalletError):
    """A wallet has this reference already."""

    code = "wallet_exists"

    def __init__(self, wallet: str) -> None:
        self.wallet = wallet
        super().__init__(f"wallet {shortened(wallet)} is open already")


class TradeDateCut(FundwalletError):
    """The cutoff of the order's trade date is booked: its orders are with the transfer agent."""

    code = "trade_date_cut"

    def __init__(self, trade_date: date) -> None:
        self.trade_date = trade_date
        super().__init__(f"trade date {trade_date} is cut: its orders are applications already")


class LimitExceeded(FundwalletError):
    """A term of the fund forbids it. Units: fen; `used` counts what was accepted before."""

    code = "limit_exceeded"
    limit = "limit"

    def __init__(self, amount: int, bound: int, used: int = 0) -> None:
        self.amount, self.bound, self.used = amount, bound, used
        before = f" on top of {show_amount(used)}" if used else ""
        super().__init__(f"{show_amount(amount)}{before} exceeds the {self.limit} of {show_amount(bound)}")


class PurchasesSuspended(LimitExceeded):
    """Purchases are suspended on the order's day; redemptions stay open."""

    code = "purchases_suspended"

    def __init__(self, day: date) -> None:
        self.day = day
        FundwalletError.__init__(self, f"purchases are suspended on {day}")


class BelowMinimum(LimitExceeded):
    """A transfer-in below the minimum."""

    code = "below_minimum"

    def __init__(self, amount: int, bound: int) -> None:
        self.amount, self.bound, self.used = amount, bound, 0
        FundwalletError.__init__(
            self, f"{show_amount(amount)} is below the minimum transfer-in of {show_amount(bound)}"
        )


class HoldingCapExceeded(LimitExceeded):
    """Shares, redeeming and in transit together would exceed the holding cap."""

    code, limit = "holding_cap_exceeded", "holding cap"


class DailyTransferInExceeded(LimitExceeded):
    """The transfers-in of one natural day."""

    code, limit = "daily_transfer_in_exceeded", "daily transfer-in limit"


class QuotaExceeded(LimitExceeded):
    """The transfers-in of one natural day into the whole product."""

    code, limit = "quota_exceeded", "product's daily quota"


class DailyInstantExceeded(LimitExceeded):
    """The instant transfers-out of one natural day."""

    code, limit = "daily_instant_exceeded", "daily instant transfer-out limit"


class FacilityExhausted(LimitExceeded):
    """The advance outstanding may not exceed the facility; room comes back when the advancer is paid."""

    code, limit = "facility_exhausted", "advancer's facility"
    retryable = True


class InsufficientFunds(FundwalletError):
    """The wallet does not hold that much (as of the order's day). Units: fen."""

    code = "insufficient_funds"

    def __init__(self, amount: int, available: int) -> None:
        self.amount, self.available = amount, available
        super().__init__(f"{show_amount(amount)} wanted, {show_amount(available)} available")


class UnknownPayment(FundwalletError):
    """The wallet made no such payment by the instant of the refund."""

    code = "unknown_payment"

    def __init__(self, payment: str) -> None:
        self.payment = payment
        super().__init__(f"there is no payment {shortened(payment)} to refund")


class NotRefundable(FundwalletError):
    """Only a payment can be refunded: not a refund, not a transfer."""

    code = "not_refundable"

    def __init__(self, request_id: str, kind: str) -> None:
        self.request_id, self.kind = request_id, kind
        super().__init__(f"{shortened(request_id)} is a {kind}, only a payment can be refunded")


class RefundExceedsPayment(FundwalletError):
    """The refunds of one payment may not add up to more than the payment. Units: fen."""

    code = "refund_exceeds_payment"

    def __init__(self, amount: int, refundable: int) -> None:
        self.amount, self.refundable = amount, refundable
        super().__init__(f"{show_amount(amount)} exceeds the {show_amount(refundable)} of the payment not refunded yet")


class UnknownOrder(FundwalletError):
    """The wallet made no such order."""

    code = "unknown_order"

    def __init__(self, request_id: str) -> None:
        self.request_id = request_id
        super().__init__(f"there is no order {shortened(request_id)} to confirm")


class NotOpen(FundwalletError):
    """The order is not an application that waits for its confirmation."""

    code = "not_open"

    def __init__(self, request_id: str, why: str) -> None:
        self.request_id = request_id
        super().__init__(f"order {shortened(request_id)} cannot be given an outcome: {why}")


class FigureAnnounced(FundwalletError):
    """Another figure was announced for the day; replacing it must be said."""

    code = "figure_announced"

    def __init__(self, day: date) -> None:
        self.day = day
        super().__init__(f"another figure is announced for {day}: say --replace to replace it")


class FigureDistributed(FundwalletError):
    """The day's figure is distributed and can no longer be replaced."""

    code = "figure_distributed"

    def __init__(self, day: date) -> None:
        self.day = day
        super().__init__(f"the figure for {day} is distributed already and stays as it is")


class NotSealed(FundwalletError):
    """It is of no sealed day; a day is sealed once it is proved."""

    code = "not_sealed"

    def __init__(self, what: str) -> None:
        self.what = what
        super().__init__(f"{what} is not sealed yet")


class SealsBroken(FundwalletError):
    """The seals and the books differ."""

    code = "seals_broken"

    def __init__(self, places: list[str]) -> None:
        self.places = places
        super().__init__(f"the seals and the books differ: {'; '.join(places)}")


class ResultExists(FundwalletError):
    """What became of a file of orders stands there already: it was done, or the name is another's."""

    code = "result_exists"

    def __init__(self, file: str) -> None:
        self.file = file
        super().__init__(f"{file} exists: the orders were taken already, or say another name for the result")


class FileBusy(FundwalletError):
    """Another run is taking the orders of this file."""

    code = "file_busy"
    retryable = True

    def __init__(self, file: str) -> None:
        self.file = file
        super().__init__(f"the orders of {file} are being taken by another run")


class ControlTotalMismatch(FundwalletError):
    """The control total would move someone a whole fen or more off the exact share. Units: fen."""

    code = "control_total_mismatch"

    def __init__(self, control_total: int, lowest: int, highest: int) -> None:
        self.control_total, self.lowest, self.highest = control_total, lowest, highest
        super().__init__(
            f"control total {show_amount(control_total)} does not belong to the holdings: "
            f"they allow {show_amount(lowest)} to {show_amount(highest)}"
        )


class ApprovalNeeded(FundwalletError):
    """The terms want a second operator for this operation."""

    code = "approval_needed"

    def __init__(self, operation: str) -> None:
        self.operation = operation
        super().__init__(f"{operation} has to be proposed, and approved by a second operator")


def reason(error: Exception) -> str:
    """Return why a file cannot be read or written, without its name."""
    return error.strerror or str(error) if isinstance(error, OSError) else str(error)


def shortened(text: str) -> str:
    """Return text for a message, the end of a long one left out."""
    return text if len(text) <= 60 else f"{text[:57]}..."
