"""An independent model of a fund-backed wallet's books: one list of movements, and sums over it.

A second opinion for the tests: it knows nothing of the product but `wallet.audit.model`, the rules as an auditor has
them, and works by another method. A balance as of a day is the sum of the movements dated on or before it; what may
be spent from a day on is the lowest such sum from that day on. Orders and advances are kept beside the list, and
`check` compares the two.

Money is in fen, shares in hundredths, rates in 1e-4 yuan per 10,000 shares. Holder 0 is the advancer.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time
from decimal import Decimal
from fractions import Fraction
from math import floor, prod
from typing import NamedTuple, TypedDict
from unicodedata import category

from wallet.audit.model import (
    ACCOUNTS,
    ADVANCED,
    ADVANCER,
    CUTOFF,
    HERS,
    HOLDING_TIMES_RATE,
    ONE_DAY,
    PER_HOLDER,
    SETTLED,
    SPENDINGS,
    SUBSCRIPTIONS,
    ZONE,
    Calendar,
    Refused,
    Terms,
    allocate,
    in_force,
)

LARGEST_AMOUNT = 10**13
LONGEST_TEXT = 200
LARGEST_RATE = 10**6  # exclusive
Use = str | None  # an order of use; None = the fund's term
ORDERS_OF_USE: tuple[Use, ...] = (None, "unconfirmed_first", "confirmed_first")
STEPS = ("confirm", "settle", "cutoff", "close", "distribute", "reconcile", "prove")
DONE, NOT_DUE, WAITING, BLOCKED = "done", "not due", "waiting", "blocked"
NO_TRADING, SKIPPED = "not a trading day", "skipped: no outside record"


def sample_terms() -> tuple[Terms, ...]:
    """Give the dated limits of fund 000198, oldest first."""
    a = Terms(date(2013, 6, 1), 1_00, 1_000_000_00, None, None, 50_000_00, 1_000_000_000_00)
    b = replace(a, valid_from=date(2017, 5, 27), holding_cap=250_000_00)
    c = replace(b, valid_from=date(2017, 8, 14), holding_cap=100_000_00)
    d = replace(c, valid_from=date(2017, 12, 8), transfer_in_daily=20_000_00)
    e = replace(d, valid_from=date(2018, 2, 1))  # the quota starts here; the sample leaves it empty
    f = replace(e, valid_from=date(2018, 6, 6), instant_daily=10_000_00)
    g = replace(f, valid_from=date(2019, 4, 10), holding_cap=None, transfer_in_daily=None)
    return a, b, c, d, e, f, g


class Movement(NamedTuple):
    value_date: date
    holder: int
    debit: str
    credit: str
    unit: str
    amount: int
    kind: str
    number: int  # booked order, from 1


# Net change by account and holder (None: the house), and by value date.
Nets = defaultdict[tuple[str, int | None], defaultdict[date, int]]


class Receipt(TypedDict):
    request_id: str
    kind: str
    wallet: int
    amount: int
    status: str
    at: datetime
    trade_date: date | None
    confirmation_date: date | None


class Shown(TypedDict):
    shares: int
    redeeming: int
    in_transit: int
    customer_payable: int
    total: int
    yesterday_income: int
    cumulative_income: int
    as_of: date


class Distribution(TypedDict):
    rate: int | None  # None: nobody held shares and no figure was there
    pool: int
    whole: int  # signed as the rate
    left_over: int  # what cutting left, handed out one fen each; never negative
    holders_paid: int


@dataclass(eq=False)
class Order:
    """One accepted request, and what of it is still open."""

    kind: str
    wallet: int
    amount: int
    request_id: str
    at: datetime
    reference: str | None = None  # the merchant, or the payment a refund refers to
    order_of_use: str | None = None
    number: int = 0  # booked order, from 1; 0 = not accepted
    trade_date: date = date.min
    confirmation_date: date = date.max
    status: str = ""
    remaining: int = 0  # of a subscription: still the customer's; of a standard redemption: still asked
    passed: "list[Advance]" = field(default_factory=list)  # spent from the cutoff on, unconfirmed
    claims: "list[Advance]" = field(default_factory=list)  # spent after a confirmation date not booked yet
    outcome: int | None = None
    confirmed: bool = False
    refunded: int = 0
    day: date = field(init=False)  # the natural day of the instant

    def __post_init__(self) -> None:
        self.day = self.at.astimezone(ZONE).date()

    @property
    def applied(self) -> int:
        return self.remaining + _total(self.passed + self.claims)

    @property
    def content(self) -> tuple[str, int, int, str | None]:
        return self.kind, self.wallet, self.amount, self.reference

    @property
    def receipt(self) -> Receipt:
        trades = self.kind not in SPENDINGS
        return {
            "request_id": self.request_id,
            "kind": self.kind,
            "wallet": self.wallet,
            "amount": self.amount,
            "status": "accepted" if trades else "done",
            "at": self.at,
            "trade_date": self.trade_date if trades else None,
            "confirmation_date": self.confirmation_date if trades else None,
        }


class Advance(NamedTuple):
    """What the advancer paid for one spending out of one source, until its shares are redeemed."""

    spending: Order
    amount: int
    redeem_on: date


class Model:
    """The books of one fund, from the day they were opened."""

    def __init__(
        self, trading_days: Sequence[date], first: date, last: date, opened_on: date, terms: Sequence[Terms]
    ) -> None:
        self.calendar = Calendar(first, last, list(trading_days))
        self.opened_on = opened_on
        self.terms = sorted(terms, key=lambda version: version.valid_from)
        self.wallets: dict[str, int] = {}
        self.movements: list[Movement] = []
        self.requests: dict[tuple[int, str], Order] = {}
        self.orders: defaultdict[int, list[Order]] = defaultdict(list)  # by wallet
        self.made: defaultdict[date, list[Order]] = defaultdict(list)  # by natural day
        self.asked: defaultdict[date, list[Order]] = defaultdict(list)  # by trade date, what the TA answers
        self.advances: list[Advance] = []  # those whose shares exist, not redeemed yet
        self.figures: dict[date, list[tuple[int, int | None]]] = {}  # all versions, the last one counts
        self.distributions: dict[date, Distribution] = {}
        self.incomes: dict[date, dict[int, int]] = {}  # by the day that earned it
        self.states: dict[tuple[date, str], str] = {}  # of the steps that are over
        self.marks: list[tuple[str, date, int]] = []  # step, day, movements booked when it was done
        self.closed_through = self.cut_through = opened_on - ONE_DAY
        self._nets = _nets([])  # the only cache: what the list adds up to, by account and value date

    # -- commands --------------------------------------------------------------------------------------------

    def open_wallet(self, name: str, at: datetime) -> int:
        """Open a wallet and return its number. Raises outside_calendar, before_opening, wallet_exists."""
        if not _is_text(name) or at.tzinfo is None:
            raise Refused("invalid_request")
        day = at.astimezone(ZONE).date()
        self._within(day)
        if day < self.opened_on:
            raise Refused("before_opening", str(day))
        if name in self.wallets:
            raise Refused("wallet_exists", name)
        self.wallets[name] = len(self.wallets) + 1
        return self.wallets[name]

    def transfer_in(self, wallet: int, amount: int, request_id: str, at: datetime) -> Receipt:
        order = self._admit(Order("transfer_in", wallet, amount, request_id, at))
        if order.number:
            return order.receipt
        self._refuse_when_cut(order)
        terms = in_force(self.terms, order.day)
        for start, end in terms.suspended:
            moment: date = at if isinstance(start, datetime) else order.day
            if start <= moment <= end:
                raise Refused("purchases_suspended", f"{start} to {end}")
        if amount < terms.minimum:
            raise Refused("below_minimum")
        held = sum(self.balance(account, wallet) for account in ("shares", "redeeming", "in_transit"))
        self._refuse_above(terms.holding_cap, held + amount, "holding_cap_exceeded")
        same_day = [other for other in self.made[order.day] if other.kind == "transfer_in"]
        hers = sum(other.amount for other in same_day if other.wallet == wallet)
        self._refuse_above(terms.transfer_in_daily, hers + amount, "daily_transfer_in_exceeded")
        product = sum(other.amount for other in same_day)
        self._refuse_above(terms.quota_daily, product + amount, "quota_exceeded")
        order.remaining = amount
        self._book(order.day, wallet, "cash", "in_transit", amount, "transfer_in")
        return self._accept(order)

    def pay(
        self, wallet: int, amount: int, merchant: str, request_id: str, at: datetime, order_of_use: Use = None
    ) -> Receipt:
        order = self._admit(Order("payment", wallet, amount, request_id, at, merchant, order_of_use))
        if not order.number:
            self._spend(order, "merchant_payable")
            self._accept(order)
        return order.receipt

    def transfer_out(
        self, wallet: int, amount: int, kind: str, request_id: str, at: datetime, order_of_use: Use = None
    ) -> Receipt:
        order = self._admit(Order(f"transfer_out_{kind}", wallet, amount, request_id, at, None, order_of_use))
        if order.number:
            return order.receipt
        if kind == "instant":
            self._pay_out_at_once(order)
        else:
            self._refuse_when_cut(order)
            if amount > self.lowest("shares", wallet, order.day):
                raise Refused("insufficient_funds")
            order.remaining = amount
            self._book(order.day, wallet, "shares", "redeeming", amount, order.kind)
        return self._accept(order)

    def refund(self, wallet: int, payment: str, amount: int, request_id: str, at: datetime) -> Receipt:
        order = self._admit(Order("refund", wallet, amount, request_id, at, payment))
        if order.number:
            return order.receipt
        paid = self.requests.get((wallet, payment))
        if paid is None or paid.at > at:
            raise Refused("unknown_payment", payment)
        if paid.kind != "payment":
            raise Refused("not_refundable", payment)
        self._refuse_above(paid.amount, paid.refunded + amount, "refund_exceeds_payment")
        self._refuse_when_cut(order)
        paid.refunded += amount
        order.remaining = amount
        self._book(order.day, wallet, "merchant_payable", "in_transit", amount, "refund")
        return self._accept(order)

    def record_outcome(self, wallet: int, request_id: str, confirmed: int) -> None:
        """Note what the transfer agent confirms of an order, before its confirm step; without a note, all."""
        order = self.requests.get((wallet, request_id))
        if order is None or order.kind in SPENDINGS:
            raise Refused("unknown_order", request_id)
        if order.confirmed:
            raise Refused("already_confirmed", request_id)
        if not 0 <= confirmed <= order.applied:
            raise Refused("invalid_outcome", f"{confirmed} of {order.applied}")
        order.outcome = confirmed

    def announce(self, day: date, rate: int, control_total: int | None = None, replace: bool = False) -> None:
        """Take a day's published figure; the same figure again changes nothing."""
        if type(rate) is not int or abs(rate) >= LARGEST_RATE:
            raise Refused("invalid_figure", str(rate))
        self._within(day)
        versions = self.figures.setdefault(day, [])
        if (rate, control_total) in versions[-1:]:
            return
        if versions and day in self.distributions:
            raise Refused("figure_distributed", str(day))
        if versions and not replace:
            raise Refused("figure_announced", str(day))
        versions.append((rate, control_total))

    def run(self, through: date, at: datetime) -> tuple[list[tuple[date, str, str]], str | None]:
        """Do every step that is due at the instant, and return the state of each, and what blocked first."""
        if at.tzinfo is None:
            raise Refused("invalid_request")
        self._within(through)
        if through < self.opened_on:
            raise Refused("before_opening", str(through))
        states: list[tuple[date, str, str]] = []
        blocked: str | None = None
        day = self.opened_on
        while day <= through:
            for step in STEPS:
                state, why = self._step(day, step, at)
                states.append((day, step, state))
                if state == BLOCKED and blocked is None:
                    blocked = f"{day} {step}: {why}"
            day += ONE_DAY
        return states, blocked

    # -- queries ---------------------------------------------------------------------------------------------

    def balance(self, account: str, holder: int | None = None, on: date | None = None) -> int:
        """Sum what is dated on or before `on` (None: everything), of one holder (None: of all)."""
        if account in PER_HOLDER and holder is None:
            return sum(self.balance(account, each, on) for each in (ADVANCER, *self.wallets.values()))
        nets = self._nets[_key(account, holder)]
        return sum(net for day, net in nets.items() if on is None or day <= on)

    def lowest(self, account: str, holder: int, since: date) -> int:
        """Return the lowest end-of-day balance of any day from `since` on, with everything that is booked."""
        nets = self._nets[_key(account, holder)]
        low = running = self.balance(account, holder, since)
        for day in sorted(day for day in nets if day > since):
            running += nets[day]
            low = min(low, running)
        return low

    def show(self, wallet: int, on: date | None = None) -> Shown:
        self._known(wallet)
        shares, redeeming, in_transit, customer_payable = (self.balance(a, wallet, on) for a in HERS)
        seen = [day for day in self.incomes if on is None or day < on]
        latest = on - ONE_DAY if on else max(seen, default=None)
        return {
            "shares": shares,
            "redeeming": redeeming,
            "in_transit": in_transit,
            "customer_payable": customer_payable,
            "total": shares + redeeming + in_transit + customer_payable,
            "yesterday_income": self.incomes[latest].get(wallet, 0) if latest in self.incomes else 0,
            "cumulative_income": sum(self.incomes[day].get(wallet, 0) for day in seen),
            "as_of": on or self.closed_through + ONE_DAY,
        }

    def advance_outstanding(self, on: date | None = None) -> int:
        return sum(self.balance(account, on=on) for account in ADVANCED)

    def holdings(self, day: date) -> dict[int, int]:
        """Give everybody's shares at the end of a day, those under a standard redemption included."""
        advancer = self.balance("advancer_shares", on=day) + self.balance("advancer_income_shares", on=day)
        held = {
            wallet: self.balance("shares", wallet, day) + self.balance("redeeming", wallet, day)
            for wallet in self.wallets.values()
        }
        return {ADVANCER: advancer, **held}

    def pool(self, day: date) -> int:
        return sum(self.holdings(day).values())

    def distribution(self, day: date) -> Distribution:
        return self.distributions[day]

    def snapshot(self) -> dict[tuple[str, int | None], int]:
        """Give every balance that is not zero, everything booked; the holder of a house account is None."""
        found = {key: sum(nets.values()) for key, nets in self._nets.items()}
        return {key: amount for key, amount in found.items() if amount}

    # -- the day ---------------------------------------------------------------------------------------------

    def _step(self, day: date, step: str, at: datetime) -> tuple[str, str]:
        if (day, step) in self.states:
            return self.states[day, step], ""
        if step in ("confirm", "cutoff") and not self.calendar.trades(day):
            self.states[day, step] = NO_TRADING
        elif at < _due(day, step):
            return NOT_DUE, ""
        elif any(need not in self.states for need in self._needs(day, step)):
            return WAITING, ""
        else:
            problem = self._do(day, step)
            if problem:
                return BLOCKED, problem
            self.states[day, step] = SKIPPED if step == "reconcile" else DONE
            self.marks.append((step, day, len(self.movements)))
        return self.states[day, step], ""

    def _needs(self, day: date, step: str) -> list[tuple[date, str]]:
        earlier = self.calendar.before(day)
        needs = {
            "confirm": [(earlier, "cutoff")] if earlier else [],
            "settle": [(day, "confirm")],
            "cutoff": [(earlier, "cutoff")] if earlier else [],
            "close": [(day, "cutoff"), (day, "settle"), (day - ONE_DAY, "distribute")],
            "distribute": [(day, "close")],
            "reconcile": [(day, "close")],
            "prove": [(day, other) for other in STEPS[:-1]],
        }
        return [need for need in needs[step] if need[0] >= self.opened_on]

    def _do(self, day: date, step: str) -> str | None:
        """Do a step whose needs are met; return what blocks it, else None."""
        if step == "confirm":
            self._confirm(day)
        elif step == "settle":
            self._settle(day)
        elif step == "cutoff":
            self.cut_through = day
        elif step == "close":
            self.closed_through = day
        elif step == "distribute":
            return self._distribute(day)
        return None

    def _confirm(self, day: date) -> None:
        asked = self.calendar.before(day)
        if asked is None:
            return
        for order in self.asked[asked]:
            if order.kind in SUBSCRIPTIONS:
                self._confirm_subscription(order)
            else:
                self._confirm_redemption(order)
        due = _total([advance for advance in self.advances if advance.redeem_on <= asked])
        self.advances = [advance for advance in self.advances if advance.redeem_on > asked]
        self._book(day, ADVANCER, "redemption_receivable", "advancer_payable", due, "advancer_redemption")
        self._book(day, ADVANCER, "advancer_shares", "register", due, "advancer_redemption")

    def _confirm_subscription(self, order: Order) -> None:
        """Serve the customer's own share first, then claims, then what passed to the advancer."""
        wallet, day = order.wallet, order.confirmation_date
        confirmed = _outcome(order)
        own = min(order.remaining, confirmed)
        claims = _serve(order.claims, confirmed - own)
        hers = own + _total(claims)
        passed = _serve(order.passed, confirmed - hers)
        rejected = _total(order.claims + order.passed) - _total(claims + passed)
        kind = "subscription_confirmed"
        self._book(day, wallet, "in_transit", "subscription_payable", hers, kind)
        self._book(day, wallet, "register", "shares", hers, kind)
        self._book(day, wallet, "advancer_in_transit", "subscription_payable", _total(passed), kind)
        self._book(day, wallet, "register", "advancer_shares", _total(passed), kind)
        kind = "claim_returned"
        for spending, amount, _ in claims:
            self._book(spending.day, wallet, "advancer_in_transit", "in_transit", amount, kind)
            self._book(spending.day, wallet, "shares", "advancer_shares", amount, kind)
        kind = "subscription_rejected"
        self._book(day, wallet, "advancer_in_transit", "advancer_payable", rejected, kind)
        self._book(day, wallet, "in_transit", "customer_payable", order.remaining - own, kind)
        self._repay_shortfall(day, wallet, own)
        self.advances += claims + passed
        self._conclude(order, confirmed)

    def _confirm_redemption(self, order: Order) -> None:
        wallet, day = order.wallet, order.confirmation_date
        confirmed = _outcome(order)
        rejected = order.remaining - confirmed
        kind = "redemption_confirmed"
        self._book(day, wallet, "redemption_receivable", "customer_payable", confirmed, kind)
        self._book(day, wallet, "redeeming", "register", confirmed, kind)
        self._book(day, wallet, "redeeming", "shares", rejected, "redemption_rejected")
        self._repay_shortfall(day, wallet, rejected)
        self._conclude(order, confirmed)

    def _conclude(self, order: Order, confirmed: int) -> None:
        if order.status != "taken_back":
            whole = confirmed == order.applied
            order.status = "confirmed" if whole else "part_confirmed" if confirmed else "rejected"
        order.remaining = 0
        order.passed, order.claims = [], []
        order.confirmed = True

    def _settle(self, day: date) -> None:
        """Move the cash of a day; on trading days also with the fund, to the advancer and to customers."""

        def book(debit: str, credit: str, amount: int, holder: int = ADVANCER) -> None:
            self._book(day, holder, debit, credit, amount, "settlement")

        book("cash", "advancer_receivable", self.balance("advancer_receivable", on=day - ONE_DAY))
        book("merchant_payable", "cash", max(0, self.balance("merchant_payable", on=day - ONE_DAY)))
        if self.calendar.trades(day):
            book("subscription_payable", "cash", self.balance("subscription_payable", on=day))
            book("cash", "redemption_receivable", self.balance("redemption_receivable", on=day))
            book("advancer_payable", "cash", self.balance("advancer_payable", on=day))
            for wallet in self.wallets.values():
                book("customer_payable", "cash", self.balance("customer_payable", wallet, day), wallet)

    def _distribute(self, day: date) -> str | None:
        holdings = self.holdings(day)
        versions = self.figures.get(day)
        if any(holdings.values()) and not versions:
            return "no figure is announced"
        rate, control_total = versions[-1] if versions else (0, None)
        try:
            parts = allocate(holdings, rate, control_total)
        except Refused as refusal:
            return str(refusal)
        for holder, income in parts.items():
            self._book_income(day + ONE_DAY, holder, income)
        cut = sum(held * abs(rate) // HOLDING_TIMES_RATE for held in holdings.values())
        self.incomes[day] = parts
        self.distributions[day] = {
            "rate": rate if versions else None,
            "pool": sum(holdings.values()),
            "whole": sum(parts.values()),
            "left_over": abs(sum(parts.values())) - cut,
            "holders_paid": sum(1 for holder, income in parts.items() if income and holder != ADVANCER),
        }
        return None

    def _book_income(self, value_date: date, holder: int, income: int) -> None:
        account = "advancer_income_shares" if holder == ADVANCER else "shares"
        if income >= 0:
            self._book(value_date, holder, "register", account, income, "income")
            self._repay_shortfall(value_date, holder, income)
        else:
            taken = min(-income, self.lowest(account, holder, value_date))
            self._book(value_date, holder, account, "register", taken, "income")
            self._book(value_date, holder, "shortfall", "register", -income - taken, "income")

    def _repay_shortfall(self, value_date: date, holder: int, credited: int) -> None:
        account = "advancer_income_shares" if holder == ADVANCER else "shares"
        repaid = min(credited, self.lowest("shortfall", holder, value_date))
        self._book(value_date, holder, account, "shortfall", repaid, "shortfall_repaid")

    # -- spending --------------------------------------------------------------------------------------------

    def _spend(self, order: Order, payable: str) -> int:
        """Take the amount from its sources, owe it to the payable, and return what the advancer pays."""
        terms = in_force(self.terms, order.day)
        plan: list[tuple[Order | None, int]] = []
        left = order.amount
        for source, available in self._sources(order, order.order_of_use or terms.order_of_use):
            take = min(left, available)
            plan += [(source, take)] if take else []
            left -= take
        if left:
            raise Refused("insufficient_funds", f"{left} short")
        advanced = sum(take for source, take in plan if not self._can_take_back(source, order.at))
        if advanced:
            self._refuse_above(terms.facility, self.advance_outstanding() + advanced, "facility_exhausted")
        for source, take in plan:
            self._use(order, source, take, payable)
        return advanced

    def _sources(self, order: Order, order_of_use: str) -> list[tuple[Order | None, int]]:
        """List where money can come from, in the order of use; None stands for the booked shares.

        Money whose confirmation date is past but not booked counts as the shares it became. It stands next to
        the booked shares, on the side of the money in transit.
        """
        subscriptions = [source for source in self.orders[order.wallet] if source.kind in SUBSCRIPTIONS]
        transit = [source for source in subscriptions if source.remaining and source.at <= order.at]
        transit.sort(key=lambda source: (source.at, source.number), reverse=True)
        live = [(source, source.remaining) for source in transit if order.day <= source.confirmation_date]
        late = [(source, source.remaining) for source in transit if order.day > source.confirmation_date]
        shares = (None, self.lowest("shares", order.wallet, order.day))
        return [*live, *late, shares] if order_of_use == "unconfirmed_first" else [shares, *late, *live]

    def _use(self, order: Order, source: Order | None, take: int, payable: str) -> None:
        wallet, day = order.wallet, order.day
        if source is None:
            self._book(day, wallet, "shares", "advancer_shares", take, order.kind)
            self.advances.append(Advance(order, take, order.trade_date))
        else:
            source.remaining -= take
            if self._can_take_back(source, order.at):
                self._book(day, wallet, "in_transit", payable, take, order.kind)
                source.status = source.status if source.applied else "taken_back"
                return
            self._book(day, wallet, "in_transit", "advancer_in_transit", take, order.kind)
            advance = Advance(order, take, max(order.trade_date, source.confirmation_date))
            (source.claims if day > source.confirmation_date else source.passed).append(advance)
        self._book(day, wallet, "advancer_receivable", payable, take, order.kind)

    def _can_take_back(self, source: Order | None, at: datetime) -> bool:
        if source is None:
            return False
        return at < _instant(source.trade_date, CUTOFF) and source.trade_date > self.cut_through

    def _pay_out_at_once(self, order: Order) -> None:
        hers = [other for other in self.made[order.day] if other.wallet == order.wallet]
        same_day = sum(other.amount for other in hers if other.kind == order.kind)
        limit = in_force(self.terms, order.day).instant_daily
        self._refuse_above(limit, same_day + order.amount, "daily_instant_exceeded")
        advanced = self._spend(order, "customer_payable")
        self._book(order.day, order.wallet, "cash", "advancer_receivable", advanced, order.kind)
        self._book(order.day, order.wallet, "customer_payable", "cash", order.amount, order.kind)

    # -- what every request goes through ---------------------------------------------------------------------

    def _admit(self, draft: Order) -> Order:
        """Check what is common to all requests; return the draft, or the earlier order it repeats."""
        if not _is_valid(draft):
            raise Refused("invalid_request")
        self._known(draft.wallet)
        earlier = self.requests.get((draft.wallet, draft.request_id))
        if earlier is not None:
            if earlier.content != draft.content:
                raise Refused("request_conflict", draft.request_id)
            return earlier
        self._within(draft.day)
        draft.trade_date = self.calendar.trade_date(draft.at)
        if draft.kind not in SPENDINGS:
            draft.confirmation_date = self.calendar.after(draft.trade_date)
        if draft.day < self.opened_on:
            raise Refused("before_opening", str(draft.day))
        if draft.day <= self.closed_through:
            raise Refused("day_closed", str(draft.day))
        return draft

    def _accept(self, order: Order) -> Receipt:
        order.number = len(self.requests) + 1
        order.status = order.receipt["status"]
        self.requests[order.wallet, order.request_id] = order
        self.orders[order.wallet].append(order)
        self.made[order.day].append(order)
        if order.kind not in SPENDINGS:
            self.asked[order.trade_date].append(order)
        return order.receipt

    def _known(self, wallet: int) -> None:
        if not 1 <= wallet <= len(self.wallets):
            raise Refused("unknown_wallet", str(wallet))

    def _refuse_when_cut(self, order: Order) -> None:
        if order.trade_date <= self.cut_through:
            raise Refused("trade_date_cut", str(order.trade_date))

    @staticmethod
    def _refuse_above(limit: int | None, amount: int, code: str) -> None:
        if limit is not None and amount > limit:
            raise Refused(code, f"{amount} against {limit}")

    def _book(self, value_date: date, holder: int, debit: str, credit: str, amount: int, kind: str) -> None:
        assert amount >= 0, (debit, credit, amount)
        if amount:
            unit = ACCOUNTS[debit][0]
            number = len(self.movements) + 1
            self.movements.append(Movement(value_date, holder, debit, credit, unit, amount, kind, number))
            _add(self._nets, self.movements[-1])

    def _within(self, day: date) -> None:
        if not self.calendar.first <= day <= self.calendar.last:
            raise Refused("outside_calendar", str(day))

    # -- proof -----------------------------------------------------------------------------------------------

    def check(self) -> None:
        """Assert what is always true of the books between two commands."""
        self._check_movements()
        self._check_days()
        self._check_orders()
        self._check_settled()
        self._check_income()

    def _check_movements(self) -> None:
        """Both sides are of one unit, and no movement was dated into a day that was closed before it."""
        closed = {booked: day for step, day, booked in self.marks if step == "close"}
        limit = date.min
        for booked, movement in enumerate(self.movements):
            limit = closed.get(booked, limit)
            assert movement.value_date > limit, f"dated into a closed day: {movement}"
            assert movement.amount > 0, movement
            assert movement.debit != movement.credit, movement
            assert movement.unit == ACCOUNTS[movement.debit][0] == ACCOUNTS[movement.credit][0], movement
        written = _nets(self.movements)
        assert written == {key: nets for key, nets in self._nets.items() if nets}

    def _check_days(self) -> None:
        """As of every day no (w) balance is negative, debits equal credits, the register is what is held."""
        by_day: defaultdict[date, defaultdict[str, int]] = defaultdict(lambda: defaultdict(int))
        for (account, holder), nets in self._nets.items():
            running = 0
            for day in sorted(nets):
                running += nets[day]
                by_day[day][account] += nets[day]
                assert running >= 0 or account not in PER_HOLDER, f"{account} of {holder}: {running}, {day}"
        totals: defaultdict[str, int] = defaultdict(int)
        for day in sorted(by_day):
            for account, net in by_day[day].items():
                totals[account] += net
            for unit in ("CNY", "shares"):
                in_unit = [(account, side) for account, (of, side) in ACCOUNTS.items() if of == unit]
                assert sum(side * totals[account] for account, side in in_unit) == 0, f"{unit} on {day}"
            held = totals["shares"] + totals["redeeming"] - totals["shortfall"]
            held += totals["advancer_shares"] + totals["advancer_income_shares"]
            assert totals["register"] == held, f"register on {day}"

    def _check_orders(self) -> None:
        """What is open of the orders is what the books hold; nothing of a confirmed trade date is open."""
        for order in self.requests.values():
            assert order.confirmed == (self.states.get((order.confirmation_date, "confirm")) == DONE), order
            assert not order.confirmed or order.applied == 0, order
        for wallet in self.wallets.values():
            orders = self.orders[wallet]
            waiting = sum(order.remaining for order in orders if order.kind in SUBSCRIPTIONS)
            assert waiting == self.balance("in_transit", wallet), f"in transit of {wallet}"
            frozen = sum(order.remaining for order in orders if order.kind not in SUBSCRIPTIONS)
            assert frozen == self.balance("redeeming", wallet), f"redeeming of {wallet}"
        passed = sum(order.applied - order.remaining for order in self.requests.values())
        assert passed == self.balance("advancer_in_transit")
        assert _total(self.advances) == self.balance("advancer_shares")
        assert 0 <= self.advance_outstanding() <= max(version.facility for version in self.terms)
        assert self.balance("advancer_income_shares") >= 0

    def _check_settled(self) -> None:
        """Towards fund, advancer and customers only payments since the last settlement are open."""
        settled = [(day, booked) for step, day, booked in self.marks if step == "settle"]
        last, booked = settled[-1] if settled else (date.min, 0)
        for account in SETTLED:
            assert self.balance(account) == 0, account
        unpaid = sum(
            movement.amount
            for movement in self.movements
            if movement.debit == "advancer_receivable" and movement.kind == "payment"
            if movement.value_date >= last or movement.number > booked
        )
        assert unpaid == self.balance("advancer_receivable")

    def _check_income(self) -> None:
        """The parts of each day are what was booked for it, dated the day after, and add up to the whole."""
        booked: defaultdict[date, int] = defaultdict(int)
        for movement in self.movements:
            if movement.kind == "income":
                sign = 1 if movement.debit == "register" else -1
                booked[movement.value_date - ONE_DAY] += sign * movement.amount
        for day, parts in self.incomes.items():
            assert sum(parts.values()) == booked[day] == self.distributions[day]["whole"], day
            assert self.distributions[day]["pool"] == self.pool(day), day
        assert set(booked) <= set(self.incomes)


def seven_day(rates: Sequence[int]) -> Decimal:
    """Return the seven-day annualised yield in per cent, daily carry-over, three decimals half up.

    Exact: the nearest thousandth is found by comparing whole numbers, as a power and not a root.
    """
    days = len(rates)
    assert 0 < days <= 7
    growth = prod(10**8 + rate for rate in rates)
    yearly, one = growth**365, 10 ** (8 * 365 * days)

    def reached(half_thousandths: int) -> bool:
        return bool((200_000 + half_thousandths) ** days * one <= yearly * 200_000**days)

    thousandths = round(((growth / 10 ** (8 * days)) ** (365 / days) - 1) * 100_000)
    while not reached(2 * thousandths - 1):
        thousandths -= 1
    while reached(2 * thousandths + 1):
        thousandths += 1
    return Decimal(thousandths).scaleb(-3)


def seven_day_monthly(rates: Sequence[int]) -> Decimal:
    """Return the seven-day annualised yield in per cent of a fund that carries over monthly."""
    exact = Fraction(sum(rates) * 365, len(rates) * 1000)
    half_up = floor(abs(exact) + Fraction(1, 2))
    return Decimal(half_up if exact >= 0 else -half_up).scaleb(-3)


def _due(day: date, step: str) -> datetime:
    if step == "cutoff":
        return _instant(day, CUTOFF)
    return _instant(day if step in ("confirm", "settle") else day + ONE_DAY, time.min)


def _instant(day: date, clock: time) -> datetime:
    return datetime.combine(day, clock, ZONE)


def _outcome(order: Order) -> int:
    confirmed = order.applied if order.outcome is None else order.outcome
    assert 0 <= confirmed <= order.applied, f"{confirmed} confirmed of {order.applied}: {order.request_id}"
    return confirmed


def _serve(advances: list[Advance], money: int) -> list[Advance]:
    """Cut advances down to the money there is, earliest spending first."""
    served = []
    for advance in sorted(advances, key=lambda each: (each.spending.at, each.spending.number)):
        amount = min(advance.amount, money)
        money -= amount
        served += [advance._replace(amount=amount)] if amount else []
    assert money == 0 or len(served) == len(advances)
    return served


def _total(advances: list[Advance]) -> int:
    return sum(advance.amount for advance in advances)


def _key(account: str, holder: int | None) -> tuple[str, int | None]:
    return account, holder if account in PER_HOLDER else None


def _nets(movements: Iterable[Movement]) -> Nets:
    nets: Nets = defaultdict(lambda: defaultdict(int))
    for movement in movements:
        _add(nets, movement)
    return nets


def _add(nets: Nets, movement: Movement) -> None:
    """Add a movement to both its accounts, each on its own side."""
    for account, side in ((movement.debit, 1), (movement.credit, -1)):
        net = side * ACCOUNTS[account][1] * movement.amount
        nets[_key(account, movement.holder)][movement.value_date] += net


def _is_valid(draft: Order) -> bool:
    """Check types and bounds: amounts 1 .. 10**13, texts 1 .. 200 characters, an instant with a zone."""
    return (
        draft.kind in (*SUBSCRIPTIONS, *SPENDINGS, "transfer_out_standard")
        and type(draft.amount) is int
        and 1 <= draft.amount <= LARGEST_AMOUNT
        and _is_text(draft.request_id)
        and (draft.reference is None or _is_text(draft.reference))
        and draft.order_of_use in ORDERS_OF_USE
        and draft.at.tzinfo is not None
    )


def _is_text(text: str) -> bool:
    return 1 <= len(text) <= LONGEST_TEXT and text == text.strip() and all(category(c) != "Cc" for c in text)
