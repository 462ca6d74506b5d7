"""The rules of a fund-backed wallet, said a second time: an independent model for auditors and tests.

It imports nothing but the standard library, nothing of the product, and works by other methods: plain whole numbers,
sorted lists, one holder at a time. What the product and this model say differently is a finding about one of them.

Money is in fen, shares in hundredths, figures in 1e-4 yuan per 10,000 shares. Holder 0 is the advancer.
Source: the rule book; the section stands with each rule.
"""

from __future__ import annotations

import tomllib
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import NamedTuple
from zoneinfo import ZoneInfo

ZONE = ZoneInfo("Asia/Shanghai")
CUTOFF = time(15)
ONE_DAY = timedelta(days=1)
ADVANCER = 0
HOLDING_TIMES_RATE = 10**8
"""Divides holding x figure into fen."""

SUBSCRIPTIONS = ("transfer_in", "refund")
SPENDINGS = ("payment", "transfer_out_instant")
REDEMPTION = "transfer_out_standard"

ACCOUNTS = {
    "cash": ("CNY", 1),
    "in_transit": ("CNY", -1),
    "customer_payable": ("CNY", -1),
    "merchant_payable": ("CNY", -1),
    "advancer_receivable": ("CNY", 1),
    "advancer_in_transit": ("CNY", -1),
    "advancer_payable": ("CNY", -1),
    "subscription_payable": ("CNY", -1),
    "redemption_receivable": ("CNY", 1),
    "suspense": ("CNY", -1),
    "shares": ("shares", -1),
    "redeeming": ("shares", -1),
    "shortfall": ("shares", 1),
    "register": ("shares", 1),
    "advancer_shares": ("shares", -1),
    "advancer_income_shares": ("shares", -1),
}
"""Account: its unit, and +1 where a debit increases it, -1 where a credit does. Source: section 6."""

HERS = ("shares", "redeeming", "in_transit", "customer_payable")
PER_HOLDER = (*HERS, "shortfall")
ADVANCED = ("advancer_shares", "advancer_in_transit", "advancer_payable")
SETTLED = ("subscription_payable", "redemption_receivable", "advancer_payable", "customer_payable")
HELD = ("shares", "redeeming", "advancer_shares", "advancer_income_shares")
"""What the register is the sum of, less the shortfall."""

INCOME, DIFFERENCE, CORRECTED = INCOMES = "income", "income_difference", "income_corrected"
"""Kinds of entries of income: by figure and holdings, what the transfer agent's records give more, what a figure that
was published again gives more."""

_INCOME = (
    *("register>shares", "shares>register", "shortfall>register", "shares>shortfall"),
    *("register>advancer_income_shares", "advancer_income_shares>register", "advancer_income_shares>shortfall"),
)
_SPENT = ("in_transit>advancer_in_transit", "shares>advancer_shares")
_LINES = {
    "transfer_in": ("cash>in_transit",),
    "refund": ("merchant_payable>in_transit",),
    "payment": (*_SPENT, "in_transit>merchant_payable", "advancer_receivable>merchant_payable"),
    "transfer_out_instant": (
        *_SPENT,
        "in_transit>customer_payable",
        "advancer_receivable>customer_payable",
        "cash>advancer_receivable",
        "customer_payable>cash",
    ),
    "transfer_out_standard": ("shares>redeeming",),
    "confirmation": (
        *("in_transit>subscription_payable", "register>shares"),
        *("advancer_in_transit>subscription_payable", "register>advancer_shares"),
        *("in_transit>customer_payable", "advancer_in_transit>advancer_payable"),
        *("redemption_receivable>customer_payable", "redeeming>register", "redeeming>shares"),
        *("redemption_receivable>advancer_payable", "advancer_shares>register", "shares>shortfall"),
    ),
    "claim_returned": ("advancer_in_transit>in_transit", "shares>advancer_shares"),
    "settlement": (
        *("cash>advancer_receivable", "merchant_payable>cash", "subscription_payable>cash"),
        *("cash>redemption_receivable", "advancer_payable>cash", "cash>subscription_payable"),
    ),
    "pay_out": ("customer_payable>cash",),
    **dict.fromkeys(INCOMES, _INCOME),
    "advancer_adjusted": (
        *("redemption_receivable>advancer_payable", "advancer_shares>register"),
        *("advancer_payable>redemption_receivable", "register>advancer_shares"),
    ),
    "confirmation_reversed": (
        *("subscription_payable>in_transit", "in_transit>customer_payable"),
        *("shares>register", "shortfall>register"),
    ),
    "suspense": ("cash>suspense", "suspense>cash"),
}
MANUAL = {kind: {tuple(line.split(">")) for line in lines} for kind, lines in _LINES.items()}
"""The accounting manual: by kind of entry, the (debit, credit) pairs that it may book. Source: section 6."""

BY_HAND = ("manual_entry", "reversal")
"""Kinds of entries whose accounts an operator chooses."""


class Refused(Exception):
    """A request that the rules do not allow; nothing of it was booked."""

    def __init__(self, code: str, detail: str = "") -> None:
        super().__init__(f"{code}: {detail}" if detail else code)
        self.code = code
        self.detail = detail


@dataclass(frozen=True)
class Terms:
    """One version of a fund's terms, valid from a date until the next; None = no such limit. Source: section 5.

    A suspension is a pair (first, last), both inclusive: natural days of the fund's zone, or instants.
    """

    valid_from: date
    minimum: int
    holding_cap: int | None
    transfer_in_daily: int | None
    quota_daily: int | None
    instant_daily: int | None
    facility: int
    order_of_use: str = "unconfirmed_first"
    suspended: tuple[tuple[date, date], ...] = ()


def in_force(terms: Iterable[Terms], day: date) -> Terms:
    """Return the version of `terms`, in order of validity, that holds on `day`."""
    valid = [version for version in terms if version.valid_from <= day]
    assert valid, f"no terms on {day}"
    return valid[-1]


@dataclass(frozen=True)
class Calendar:
    """The days on which the exchange trades, in order, of a span whose ends are included. Source: section 2."""

    first: date
    last: date
    trading_days: Sequence[date]

    @classmethod
    def read(cls, *files: Path) -> Calendar:
        """Return the calendar of files that name whole years and the closed weekdays in them."""
        tables = [tomllib.loads(file.read_text(encoding="utf-8")) for file in files]
        years = sorted(year for table in tables for year in table.get("years", ()))
        closed = [(row["first"], row["last"]) for table in tables for row in table["closed"]]
        first, last = date(years[0], 1, 1), date(years[-1], 12, 31)
        shut = {a + n * ONE_DAY for a, b in closed for n in range((b - a).days + 1)}
        days = (first + n * ONE_DAY for n in range((last - first).days + 1))
        return cls(first, last, [day for day in days if day.isoweekday() <= 5 and day not in shut])

    def trades(self, day: date) -> bool:
        """Tell whether the exchange trades on `day`."""
        place = bisect_left(self.trading_days, day)
        return place < len(self.trading_days) and self.trading_days[place] == day

    def after(self, day: date) -> date:
        """Return the first trading day after `day`. Raises: Refused outside_calendar."""
        place = bisect_right(self.trading_days, day)
        if place == len(self.trading_days):
            raise Refused("outside_calendar", f"no trading day after {day}")
        return self.trading_days[place]

    def before(self, day: date) -> date | None:
        """Return the last trading day before `day`, or None."""
        place = bisect_left(self.trading_days, day)
        return self.trading_days[place - 1] if place else None

    def trade_date(self, at: datetime) -> date:
        """Return the trading day of an instant: its own before 15:00:00, else the next. Raises: Refused."""
        local = at.astimezone(ZONE)
        if self.trades(local.date()) and local.time() < CUTOFF:
            return local.date()
        return self.after(local.date())


def local_day(at: datetime) -> date:
    """Return the natural day of an instant in the fund's zone."""
    return at.astimezone(ZONE).date()


def allocate(holdings: Mapping[int, int], rate: int, control_total: int | None = None) -> dict[int, int]:
    """Share a day's income out: cut to the fen, then a fen each by largest cut fraction, then lowest number.

    **Shape**: every holder of `holdings`, signed as the rate. A negative day is computed for |rate|, and its
    control total may be given with or without the sign.
    **Raises**: Refused control_total_misfit, where somebody would be a fen or more away from the exact share.
    **Source**: section 3, "Cutting and handing out the rest".
    """
    exact = {holder: held * abs(rate) for holder, held in holdings.items()}
    parts = {holder: product // HOLDING_TIMES_RATE for holder, product in exact.items()}
    whole = sum(exact.values()) // HOLDING_TIMES_RATE
    if control_total is not None:
        whole = abs(control_total) if rate < 0 else control_total
    left = whole - sum(parts.values())
    cut = [holder for holder, product in exact.items() if product % HOLDING_TIMES_RATE]
    if not 0 <= left <= len(cut):
        raise Refused("control_total_misfit", f"{control_total} for {sum(holdings.values())} at {rate}")
    cut.sort(key=lambda holder: (-(exact[holder] % HOLDING_TIMES_RATE), holder))
    for holder in cut[:left]:
        parts[holder] += 1
    return {holder: -part if rate < 0 else part for holder, part in parts.items()}


class Movement(NamedTuple):
    """One posting of one holder, with what its entry says; `entry` counts in the order of booking."""

    entry: int
    kind: str
    value_date: date
    holder: int
    debit: str
    credit: str
    amount: int


def income(movement: Movement) -> int:
    """Return what a movement of an income entry brings its holder, signed; shortfall counts as taken."""
    return (movement.debit == "register") * movement.amount - (movement.credit == "register") * movement.amount


class Changes:
    """What movements do to balances, by account and value date, in the account's own direction."""

    def __init__(self, movements: Iterable[Movement] = ()) -> None:
        self._nets: defaultdict[str, defaultdict[date, int]] = defaultdict(lambda: defaultdict(int))
        for movement in movements:
            self.add(movement)

    def add(self, movement: Movement) -> None:
        """Count one movement on both its sides."""
        for account, side in ((movement.debit, 1), (movement.credit, -1)):
            self._nets[account][movement.value_date] += side * ACCOUNTS[account][1] * movement.amount

    def balance(self, account: str, on: date | None = None) -> int:
        """Return the sum of what is dated on or before `on` (None: of everything)."""
        return sum(net for day, net in self._nets[account].items() if on is None or day <= on)

    def lowest(self, account: str, since: date) -> int:
        """Return the lowest balance of any day from `since` on, everything that was counted included."""
        low = running = self.balance(account, since)
        for day, net in sorted(self._nets[account].items()):
            if day > since:
                running += net
                low = min(low, running)
        return low


class Source(NamedTuple):
    """Money in transit of one order, as a spending sees it.

    `applied`: from the cutoff of its trade date on it cannot be taken back; `late`: its confirmation date is past.
    """

    order: int
    at: datetime
    remaining: int
    applied: bool
    late: bool


def sources(
    amount: int, transit: Iterable[Source], shares: int, order_of_use: str
) -> list[tuple[Source | None, int]] | None:
    """Return where a spending takes its money, in the order of use; None stands for shares, None alone for too little.

    Money in transit goes newest first (of equal instants the later booked); what is `late` stands next to the shares
    that it became. Source: section 3, "Payment".
    """
    newest = sorted(transit, key=lambda source: (source.at, source.order), reverse=True)
    live = [(source, source.remaining) for source in newest if not source.late]
    late = [(source, source.remaining) for source in newest if source.late]
    held: list[tuple[Source | None, int]] = [(None, shares)]
    chosen: list[tuple[Source | None, int]] = []
    for source, there in [*live, *late, *held] if order_of_use == "unconfirmed_first" else [*held, *late, *live]:
        if part := min(amount, there):
            chosen.append((source, part))
            amount -= part
    return chosen if not amount else None
