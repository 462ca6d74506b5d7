"""The documents for a person to read: numbers grouped and aligned, nothing cut, also where the output is a pipe.

Every function takes the document that `--json` would print and returns the parts to print one below the other.
"""

from __future__ import annotations

import re
import shlex
import sys
from collections.abc import Iterable, Sequence
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from wallet.console.documents import Document
from wallet.console.outcomes import one_line

if TYPE_CHECKING:
    from rich.table import Table
    from rich.text import Text

Part = Any
"""Anything that rich prints: a text, a table."""

WIDEST = 2_000
"""Columns of a pipe: more than two of the longest texts take."""

NOTHING = "–"
STATES = {
    "done": ("done", "green"),
    "due": ("due", "yellow"),
    "not due": ("not due", "dim"),
    "waiting": ("waiting", "yellow"),
    "blocked": ("BLOCKED", "bold red"),
    "failed": ("FAILED", "bold red"),
    "not a trading day": (NOTHING, "dim"),
    "skipped: no outside record": ("no record", "dim"),
}
NAMES = {"wallet", "request_id", "fund", "at", "version", "needed", "from", "to", "backup"}
NAMES |= {"file", "index", "distributor", "transfer_agent"}
NAMES |= {"memo", "why", "proposed_by", "proposed_at", "decided_by", "decided_at", "arguments", "four_eyes"}
NAMES |= {"file", "memo", "why", "proposed_by", "proposed_at", "decided_by", "decided_at", "arguments", "four_eyes"}
"""Keys of texts that are shown as they are."""

BARS = "▁▂▃▄▅▆▇█"


def text(parts: Iterable[Part]) -> str:
    """Return what the parts look like on standard output; a table is as wide as it must be, so that nothing is cut."""
    from rich.console import Console
    from rich.measure import Measurement

    console = Console(width=None if sys.stdout.isatty() else WIDEST, markup=False, highlight=False, emoji=False)
    room, lines = console.width, []
    for part in parts:
        needed = Measurement.get(console, console.options.update(max_width=WIDEST), part).maximum
        console.width = room if isinstance(part, str) else max(room, needed)
        with console.capture() as capture:
            console.print(part)
        lines += [line.rstrip() for line in capture.get().splitlines()]
    return "\n".join([*lines, ""])


def facts(document: Document) -> list[Part]:
    """Show a document of single values, a line for each, its amounts aligned."""
    plain = {key for key, value in document.items() if key in NAMES and value is not None}
    texts = {key: str(value) if key in plain else shown(value) for key, value in document.items()}
    numbers = [key for key, value in document.items() if key not in NAMES and _is_number(value)]
    width = max((len(texts[key]) for key in numbers), default=0)
    longest = max(map(len, document))
    return [f"{words(key):{longest}}  {texts[key].rjust(width * (key in numbers))}" for key in document]


def revisions(document: Document) -> list[Part]:
    """Show schema versions: what there is, and what an upgrade brings or brought."""
    told = {key: value for key, value in document.items() if not isinstance(value, list)}
    listed = [(key, revision) for key, value in document.items() if isinstance(value, list) for revision in value]
    return [*facts(told), *(f"{words(key).capitalize()}: {each['version']}, {each['brings']}" for key, each in listed)]


def script(text: str) -> list[Part]:
    """Show text that a program reads: no line of it is broken."""
    from rich.text import Text

    return [Text(text, no_wrap=True, overflow="ignore")]


def statement(document: Document) -> list[Part]:
    """Show a wallet's statement."""
    rows = [
        (
            line["value_date"],
            line["booked_at"][:19].replace("T", " "),
            words(line["kind"]),
            words(line["account"]),
            shown(line["amount"]) if line["amount"].startswith("-") else f"+{shown(line['amount'])}",
            shown(line["shares_after"]),
            line["request_id"] or "",
        )
        for line in document["lines"]
    ]
    lines = table("Value date|Booked at|Kind|Account|>Amount|>Shares after|Request", rows)
    heading = f"Statement of {document['wallet']}, {document['from']} to {document['to']}"
    return [heading, _held("Opening", document["opening"]), "", lines, "", _held("Closing", document["closing"])]


def days(document: Document) -> list[Part]:
    """Show how far the days are."""
    parts: list[Part] = [f"Next step: {document['next_step'] or 'none, the trading calendar ends'}"]
    parts += [f"{words(key).capitalize()}: {document[key]}" for key in ("blocked_by", "failed_by") if document[key]]
    if document["days"]:
        headings = "|".join(["Date", "", *document["days"][0]["steps"]])
        rows = [
            (day["date"], _weekday(day["date"]), *(_styled(*STATES.get(s, (s, ""))) for s in day["steps"].values()))
            for day in document["days"]
        ]
        parts = [table(headings, rows), "", *parts]
    return parts


def trial_balance(document: Document) -> list[Part]:
    """Show the trial balance, a table for each unit."""
    parts: list[Part] = [f"Trial balance on {document['on']}"]
    for unit, sums in document["units"].items():
        rows = [
            (words(row["account"]), *(shown(row[key]) for key in ("debits", "credits", "balance")))
            for row in sums["accounts"]
        ]
        footer = ("total", shown(sums["debits"]), shown(sums["credits"]))
        parts += ["", table(f"{unit}|>Debits|>Credits|>Balance", rows, footer)]
    return parts


def yields(document: Sequence[Document]) -> list[Part]:
    """Show published and computed seven-day yields side by side."""
    rows = [
        (
            line["date"],
            _weekday(line["date"]),
            line["income_per_10k"],
            line["seven_day_published"] or NOTHING,
            line["seven_day_computed"],
            "differs" if line["seven_day_published"] not in (None, line["seven_day_computed"]) else "",
        )
        for line in document
    ]
    return [table("Date||>Income per 10,000|>7-day % published|>7-day % computed|", rows)]


def checks(document: Document) -> list[Part]:
    """Show the outcome of every check, of the books or of the installation."""
    rows = [
        (
            _styled("ok", "green") if check["ok"] else _styled("WRONG", "bold red"),
            check["name"],
            *([f"{check['checked']:,}"] if "checked" in check else []),
            check["detail"],
        )
        for check in document["checks"]
    ]
    return [table("|Check|>Checked|Detail" if "checked" in document["checks"][0] else "|Check|Detail", rows)]


def trail(document: Sequence[Document]) -> list[Part]:
    """Show who did what."""
    rows = [
        (
            str(row["number"]),
            row["at"][:19].replace("T", " "),
            one_line(f"{row['operator']} on {row['host']}"),
            one_line(shlex.join([*row["command"].split(), *row["arguments"]])),
            one_line(row["outcome"]) + (f" (began in {row['began']})" if row["began"] else ""),
            row["entries"],
        )
        for row in document
    ]
    return [table(">Number|At|Operator|Command|Outcome|Entries", rows)]


def files(document: Sequence[Document]) -> list[Part]:
    """Show the files that were sent and received."""
    rows = [
        (
            str(row["number"]),
            one_line(row["name"]),
            row["kind"],
            row["from"] if row["from"] == row["to"] else f"{row['from']} to {row['to']}",
            f"{row['records']:,}",
            row["received_at"][:19].replace("T", " "),
        )
        for row in document
    ]
    return [table(">Number|File|Kind|About|>Records|Sent or received", rows)]


def proposals(document: Sequence[Document]) -> list[Part]:
    """Show proposals, and what became of them."""
    rows = [
        (
            str(row["number"]),
            f"{words(row['operation'])}: {_listed(row['arguments'])}",
            row["proposed_by"],
            row["proposed_at"][:19].replace("T", " "),
            f"{row['verdict']} by {row['decided_by']}" if row["verdict"] else "waiting",
            row["why"] or "",
            str(row["entry"] or ""),
        )
        for row in document
    ]
    return [table(">Number|Proposal|By|At|State|Why|Entry", rows)]


def answer(document: Document) -> list[Part]:
    """Show what was done or proposed: single values, and what stands in lists as one text."""
    return facts({key: _flat(value) for key, value in document.items()})


def terms(document: Sequence[Document]) -> list[Part]:
    """Show the versions of a fund's terms, a block for each."""
    return [part for version in document for part in (*answer(version), "")][:-1]


def findings(document: Document) -> list[Part]:
    """Show what a replay found, with the place of each; or, where nothing differs, the checks."""
    rows = [
        [str(found[key]) if found[key] is not None else NOTHING for key in ("what", "where", "stored", "derived")]
        for found in document["findings"]
    ]
    return [*([table("What|Where|Stored|Derived", rows), ""] if rows else []), *checks(document)]


def year(document: Document) -> list[Part]:
    """Show a year of the trading calendar by month, and the weekdays that are closed."""
    months: dict[str, list[str]] = {}
    for day in document["trading_days"]:
        months.setdefault(day[:7], []).append(day[8:])
    closed = [(c["date"], _weekday(c["date"]), c["reason"], c["notice"] or NOTHING) for c in document["closed"]]
    return [
        f"{document['market'].capitalize()} {document['year']}: {len(document['trading_days'])} trading days",
        "",
        table("Month|>Number|Trading days", [(month, str(len(d)), " ".join(d)) for month, d in months.items()]),
        "",
        table("Closed||Reason|Notice", closed),
    ]


def season(document: Document) -> list[Part]:
    """Show the demo: its days, a sparkline of the yield, a statement, the trial balance, the verification."""
    keys = ["income_per_10k", "seven_day", "pool_shares", "distributed"]
    keys += ["transfers_in", "payments", "transfers_out", "advance_outstanding"]
    rows = [
        (
            day["date"],
            _weekday(day["date"]),
            "yes" if day["is_trading_day"] else NOTHING,
            *(shown(day[k]) for k in keys),
        )
        for day in document["days"]
    ]
    headings = "Date||Trading|>Per 10,000|>7-day %|>Pool|>Income|>Transfers in|>Payments|>Transfers out|>Advance"
    seven_day = [line["seven_day"] for line in document["days"]]
    orders = ", ".join(f"{words(kind)} {count:,}" for kind, count in document["orders"].items())
    outcome = document["verify"]["checks"]
    failed, looked_at = sum(not check["ok"] for check in outcome), sum(check["checked"] for check in outcome)
    return [
        f"Fund {document['fund']}, {document['from']} through {document['through']}, "
        f"{document['wallets']:,} wallets, seed {document['seed']}",
        f"Orders: {orders}; refused for want of money or by a limit {document['refused']:,}",
        "",
        table(headings, rows),
        "",
        f"Seven-day yield {seven_day[0]} {sparkline([Decimal(value) for value in seven_day])} {seven_day[-1]}",
        "",
        *statement(document["statement"]),
        "",
        *trial_balance(document["trial_balance"]),
        "",
        f"Verify: {len(outcome) - failed} of {len(outcome)} checks passed, {looked_at:,} things looked at",
        *(checks(document["verify"]) if failed else []),
    ]


def sparkline(values: Sequence[Decimal]) -> str:
    """Return a bar for each value, the lowest and the highest of them being the ends of the scale."""
    low, high = min(values), max(values)
    step = (high - low) / (len(BARS) - 1) or Decimal(1)
    return "".join(BARS[round((value - low) / step)] for value in values)


def table(headings: str, rows: Iterable[Sequence[Any]], footer: Sequence[str] = ()) -> Table:
    """Return a table; headings stand between bars, those of numbers begin with ">"."""
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, show_footer=bool(footer))
    for number, heading in enumerate(headings.split("|")):
        name, total = heading.removeprefix(">"), footer[number] if number < len(footer) else ""
        table.add_column(name, total, justify="right" if name != heading else "left", no_wrap=True, overflow="fold")
    for row in rows:
        table.add_row(*row)
    return table


def shown(value: Any) -> str:
    """Return a value as a person writes it: numbers grouped, a date with its weekday, words without underscores."""
    if value is None or isinstance(value, bool):
        return {None: NOTHING, True: "yes", False: "no"}[value]
    if isinstance(value, int) or _is_number(value):
        return f"{Decimal(value):,}"
    is_date = re.fullmatch(r"\d{4}-\d\d-\d\d", value) is not None
    return f"{value} {_weekday(value)}" if is_date else words(value)


def _listed(values: Document) -> str:
    return ", ".join(f"{words(key)} {_flat(value)}" for key, value in values.items() if value not in (None, []))


def _flat(value: Any) -> Any:
    """Return what stands in a list or an object as one text."""
    if isinstance(value, list):
        return ", ".join(str(_flat(each)) for each in value) or NOTHING
    return _listed(value) if isinstance(value, dict) else value


def _is_number(value: Any) -> bool:
    return isinstance(value, str) and re.fullmatch(r"-?\d+\.\d+", value) is not None


def _held(name: str, holding: Document) -> str:
    return f"{name}: " + ", ".join(f"{words(key)} {shown(amount)}" for key, amount in holding.items())


def _styled(text: str, style: str) -> Text:
    from rich.text import Text

    return Text(text, style=style)


def words(name: str) -> str:
    """Return a key as words."""
    return name.replace("_", " ")


def _weekday(day: str) -> str:
    return f"{date.fromisoformat(day):%a}"
