"""A wallet's day as a page that a clerk can read to the customer: plain sentences, and the numbers they are about.

Every function takes a part of the document that `--json` would print and returns lines, or parts to print.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Annotated, Any

import typer

from wallet.console.arguments import Wallet, terminal
from wallet.console.documents import Document
from wallet.console.outcomes import CHECK_FAILED, Failure
from wallet.console.tables import shown, table, words

ACCOUNTS = ("shares", "redeeming", "in_transit", "customer_payable")
NOT_KNOWN = {
    "day_not_closed": "Not known yet: the day is not closed, so orders may still change what earns for it.",
    "no_figure": "Not known yet: the income waits for the figure.",
    "not_distributed": "Not known yet: the income is not distributed. Until then the figure may be replaced, and who "
    "gets a fen more is decided by what all holders have together.",
}
RECEIVED = {
    "before_cutoff": "before 15:00 on a trading day, so its trade date is that day, {}",
    "from_cutoff_on": "at 15:00 or later, so its trade date is the next trading day, {}",
    "on_closed_day": "on a day without trading, so its trade date is the next trading day, {}",
}
EXTRA = {
    "remainder_larger": "Here {} was cut off, which is more: a fen more.",
    "remainder_smaller": "Here {} was cut off, which is less: no fen more.",
    "tie_won": "Here as much was cut off, and number {} is a lower one: a fen more.",
    "tie_lost": "Here as much was cut off, but number {} is a higher one: no fen more.",
}
OPEN = {"transfer_out_standard": "still being redeemed"}


def page(document: Document) -> list[Any]:
    """Show one day of a wallet: what it held, what it earned and why, what became of its orders."""
    parts: list[Any] = [f"Wallet {document['wallet']} on {shown(document['date'])}", "", _held(document), ""]
    if told := list(_day(document)):
        parts += [*told, ""]
    parts += [f"Income of {shown(document['date'])}", *_indented(_income(document))]
    for application in document["applications"]:
        parts += ["", _asked(application), *_indented(_application(application, document["date"]))]
    for redemption in document["redemptions"]:
        parts += ["", _asked(redemption), *_indented(_redemption(redemption))]
    if document["differences"]:
        parts += ["", "What is stored differs from what follows by the rules"]
        parts += [
            f"  {d['what']}, {d['where']}: stored {d['stored']}, derived {d['derived']}"
            for d in document["differences"]
        ]
    return parts


def _held(document: Document) -> Any:
    """Return a table from the end of the day before to the end of the day; a shortfall is shown where there is one."""
    before = document["before"] | {"shortfall": document["shortfall_before"]}
    held, moves = document["held"] | {"shortfall": document["shortfall"]}, document["moves"]
    accounts = ACCOUNTS + ("shortfall",) * any(_some(each["shortfall"]) for each in (before, *moves))
    rows = [("held before", *(shown(before[account]) for account in accounts))]
    for move in moves:
        kind = "income of the day before" if move["kind"] == "income" else words(move["kind"])
        rows.append((" ".join(filter(None, (kind, move["request_id"]))), *(_signed(move[each]) for each in accounts)))
    name = "held at its end" if document["is_closed"] else "held so far"
    rows.append((name, *(shown(held[account]) for account in accounts)))
    return table("|" + "|".join(f">{words(account).capitalize()}" for account in accounts), rows)


def _day(document: Document) -> Iterator[str]:
    if document["closed"]:
        yield f"There is no trading on this day: {_because(document['closed'])}."
    if document["purchases_suspended"]:
        yield "Purchases are suspended on this day."
    if document["shortfall"] != "0.00":
        yield f"A shortfall of {shown(document['shortfall'])} is repaid first from the next shares credited."


def _income(document: Document) -> Iterator[str]:
    income = document["income"]
    known, part = income["known"], income["part"]
    figures = [figure for figure in income["figures"] if figure["version"] <= income["version"]]
    if figures:
        replaced = f", which replaced {figures[-2]['income_per_10k']}" if len(figures) > 1 else ""
        figure, version = figures[-1]["income_per_10k"], figures[-1]["version"]
        yield f"Published: {figure} per 10,000 shares, version {version}{replaced}."
    elif known != "distributed":
        yield "No figure is published for this day yet."
    if not _some(income["earning"]):
        yield "Nothing earns: no shares are held at the end of the day."
    else:
        frozen = document["held"]["redeeming"]
        yield f"Earning: {shown(income['earning'])} shares{_some(frozen) * f', {shown(frozen)} of them redeeming'}."
        if part is not None:
            yield f"Exact:       {shown(income['earning'])} × {figure} ÷ 10,000 = {part['exact']}"
            yield f"Cut to 0.01: {part['cut']}"
            if part["why"] is not None:
                yield from _extra(document["number"], part, income["everyone"], figures[-1]["control_total"])
    yield from [NOT_KNOWN[known]] if known in NOT_KNOWN else _credited(income)


def _extra(number: int, part: Document, everyone: Document, control_total: str | None) -> Iterator[str]:
    """Yield why there is a fen more, or none."""
    given = "the whole that the fund gave" if control_total else "cut to 0.01"
    yield f"All holders together: {shown(everyone['pool'])} shares, income {shown(everyone['whole'])}, {given}."
    if part["why"] == "nothing_left":
        yield "Cutting every part left nothing over, so nobody gets a fen more."
        return
    last = everyone["last_tie"]
    yield (
        f"Cutting every part left {shown(everyone['left_over'])} over. It goes out a fen each to the largest parts "
        "cut off, of equal ones to the lower wallet number first."
    )
    holder = f"wallet number {last}" if last else "the advancer, number 0"
    here = "That is this wallet: a fen more."
    if last != number:
        here = EXTRA[part["why"]].format(number if part["why"].startswith("tie") else part["remainder"])
    yield f"The last fen went to {everyone['threshold']} cut off from {holder}. {here}"


def _credited(income: Document) -> Iterator[str]:
    amount, on = income["credited"], shown(income["credited_on"])
    if income["part"] is None:
        yield "Nobody held shares, so no figure was needed."
    elif not _some(amount):
        yield "So there is no income, and nothing is booked."
    elif amount.startswith("-"):
        yield f"So {shown(amount[1:])} is taken away, as shares dated {on}."
    else:
        yield f"So {shown(amount)} is credited, as shares dated {on}."
    if _some(income["shortfall"]):
        yield f"Of that {shown(income['shortfall'])} was no longer there: a shortfall, repaid from the next shares."
    if _some(income["repaid"]):
        yield f"Of that {shown(income['repaid'])} repaid an earlier shortfall."
    if _some(income["difference"]):
        told = f"The transfer agent's record says {shown(income['by_agent'])}, and holds"
        yield f"{told}: {_signed(income['difference'])} is booked beside it, dated {on}."
    if _some(income["corrected"]):
        yield f"The figure was published again later: that brought {_signed(income['corrected'])}."
    yield f"Income so far, this day's included: {shown(income['cumulative'])}."


def _asked(order: Document) -> str:
    """Return which order it is; the instant is told whole, as a cutoff may hang on a part of a second."""
    day, _, of_day = order["at"][:-6].partition("T")
    parties = {"merchant": "to", "refund_of": "of"}
    whom = "".join(f" {word} {order[key]}" for key, word in parties.items() if order.get(key))
    name = words(order["kind"]).capitalize()
    return f"{name} {order['request_id']}: {shown(order['amount'])}{whom}, {shown(day)} {of_day}"


def _application(order: Document, day: str) -> Iterator[str]:
    how = RECEIVED[order["received"]].format(shown(order["trade_date"]))
    yield f"Received {how}."
    yield from _waited(order["waited"])
    if not _some(order["applied"]):
        yield "All of it was taken back, so there was nothing to confirm."
    else:
        yield from _answered(order, day)
        yield from _earning(order)
    told = {
        "taken_back": "taken back",
        "passed": "passed to the advancer",
        "open": OPEN.get(order["kind"], "still in transit"),
    }
    parts = [f"{shown(order[key])} {name}" for key, name in told.items() if _some(order[key])]
    if parts:
        yield f"At the end of {shown(day)}: {', '.join(parts)}."


def _answered(order: Document, day: str) -> Iterator[str]:
    """Yield when and how much of an application was confirmed, or is to be."""
    on, is_booked = shown(order["confirmation_date"]), order["confirmed"] is not None
    carried = [answer for answer in order["answers"] if not answer["final"]]
    for answer in carried:
        yield f"On {shown(answer['date'])} {shown(answer['confirmed'])} was confirmed, and the rest carried over."
    if carried and not is_booked:
        yield "The rest waits for the transfer agent's next answer."
        return
    late = not is_booked and order["confirmation_date"] <= day
    begin = "Confirmed" if is_booked else "Due, and not booked yet," if late else "To be confirmed"
    when = f"on {on}, by the transfer agent's file" if is_booked and order["answers"] else None
    yield f"{begin} {when or f'on the trading day after that, {on}'}."
    yield from _waited(order["waited_on"])
    if is_booked and order["confirmed"] != order["applied"]:
        code = f", return code {order['return_code']}" if order["return_code"] else ""
        yield f"Of {shown(order['applied'])} only {shown(order['confirmed'])} was confirmed{code}."
        back = f", and {shown(order['returned'])} back" if _some(order["returned"]) else ""
        yield f"The customer got {shown(order['own'])} of it{back}."


def _earning(order: Document) -> Iterator[str]:
    """Yield from when on, or till when, it earns."""
    on = shown(order["confirmation_date"])
    if order["income_from"] is not None:
        yield f"It earns from {shown(order['income_from'])}, first seen on {shown(order['income_seen'])}."
    elif order["earns_through"] is None:
        yield "What is left of it earns until it leaves."
    elif order["answers"][:-1]:
        yield f"The rest earns through {shown(order['earns_through'])}; it leaves and is paid out on {on}."
    else:
        yield f"The shares earn through {shown(order['earns_through'])}; they leave and are paid out on {on}."


def _redemption(order: Document) -> Iterator[str]:
    if _some(order["taken_back"]):
        yield f"{shown(order['taken_back'])} taken back from money in transit, before its cutoff."
    if _some(order["passed"]):
        yield f"{shown(order['passed'])} from money in transit, after its cutoff: advanced by the advancer."
    if _some(order["shares"]):
        yield f"{shown(order['shares'])} from shares, advanced by the advancer: they earn nothing here for this day."


def _waited(closed: Sequence[Document]) -> Iterator[str]:
    """Yield the closed days in between, those in a row for one reason told once."""
    runs: list[list[Document]] = []
    for day in closed:
        if runs and _because(runs[-1][-1]) == _because(day):
            runs[-1].append(day)
        else:
            runs.append([day])
    spans = [" to ".join(dict.fromkeys(shown(day["date"]) for day in (run[0], run[-1]))) for run in runs]
    if runs:
        told = "; ".join(f"{span}, {_because(run[0])}" for span, run in zip(spans, runs, strict=True))
        yield f"Closed in between: {told}."


def _because(closed: Document) -> str:
    return f"{closed['reason']} ({closed['notice']})" if closed["notice"] else str(closed["reason"])


def _indented(lines: Iterator[str]) -> list[str]:
    return [f"  {line}" for line in lines]


def _signed(amount: str) -> str:
    if not _some(amount):
        return ""
    return shown(amount) if amount.startswith("-") else f"+{shown(amount)}"


def _some(amount: str) -> bool:
    return Decimal(amount) != 0


def explain(
    ctx: typer.Context,
    wallet: Wallet,
    date: Annotated[str, typer.Option("--date", metavar="DATE", help="The calendar day to explain.")],
) -> None:
    """Explain one day of a wallet to its customer.

    A page for a clerk to read out: what it held, which figure was published, the exact income, what was cut and why
    there was a fen more or less, and why each order was confirmed when it was. It is computed from the postings; where
    what is stored differs, the page says so, and the command ends with 8.
    """
    from wallet import facade

    desk = terminal(ctx)
    day, today = facade.parse_day(date), desk.calendar.local_date(desk.instant(None))
    document = desk.read(lambda connection, book: facade.explain(connection, book, wallet, day, today=today), page)
    if wrong := document["differences"]:
        many = "1 thing stored differs" if len(wrong) == 1 else f"{len(wrong)} things stored differ"
        raise Failure(CHECK_FAILED, f"{many} from what follows by the rules")
