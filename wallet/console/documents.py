"""The library's values as the JSON documents that scripts rely on. Keys are only ever added.

A value's fields are the keys. Amounts, figures and yields become text with their decimals, dates ISO text, instants
ISO text in the fund's zone; counts stay numbers, null stays null.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import fields
from datetime import date, datetime, timedelta, tzinfo
from typing import Any

from calendars import TradingCalendar
from wallet.rules.amounts import show_amount, show_exact, show_figure, show_yield
from wallet.rules.fund import CUTOFF

Document = dict[str, Any]

KEYS = {"day": "date", "first": "from", "last": "to"}
FIGURES = {
    "income_per_10k": show_figure,
    "seven_day": show_yield,
    "seven_day_published": show_yield,
    "seven_day_computed": show_yield,
    "exact": show_exact,
    "remainder": show_exact,
    "threshold": show_exact,
}
COUNTS = {"holders_paid", "checked", "orders", "accepted", "repeated", "refused", "postings", "balances"}
COUNTS |= {"number", "entry", "reverses", "began", "version", "last_tie", "line", "records", "items"}
"""Whole numbers that are no amounts; every other one is."""


def of(value: Any, zone: tzinfo) -> Any:
    """Return the document of what the library answered, a list of a list."""
    from wallet.reports import Holding, TrialBalance, WalletView

    if isinstance(value, list):
        return [of(item, zone) for item in value]
    if isinstance(value, TrialBalance):
        return _trial_balance(value)
    document = {KEYS.get(f.name, f.name): _plain(f.name, getattr(value, f.name), zone) for f in fields(value)}
    if isinstance(value, Holding):
        return document | {"total": show_amount(value.total)}
    if isinstance(value, WalletView):
        return {"wallet": value.wallet, "fund": value.fund} | document.pop("holding") | document
    return document


def opening(answer: tuple[Any, int, str], zone: tzinfo) -> Document:
    """Return a wallet just opened: the request, the wallet's number, the fund."""
    request, number, fund = answer
    return {"wallet": request.wallet, "number": number, "fund": fund, "at": _plain("at", request.at, zone)}


def announced(answer: tuple[str, int, int, Any], _zone: tzinfo) -> Document:
    """Return what was announced: the fund, how many figures, how many of them were new, and what waits for approval."""
    *told, waiting = answer
    return dict(zip(("fund", "announced", "new"), told, strict=True)) | {"proposal": waiting and waiting.number}


def asked(answer: tuple[Any, Any, Any], zone: tzinfo) -> Document:
    """Return what was done, or what was proposed and waits."""
    change, applied, waiting = answer
    status = {"proposal": waiting and waiting.number, "status": "waiting" if waiting else "applied"}
    made = {} if applied.value_date is None else {"date": applied.value_date.isoformat()}
    said: Document = _told("", change.values())
    return {"operation": change.operation} | status | {"entry": applied.entry} | said | made


def proposal(told: Any, zone: tzinfo) -> Document:
    """Return a proposal and what became of it: without a verdict it waits."""
    return _but(told, zone, "arguments") | {"arguments": _told("", told.arguments)}


def proposals(told: Sequence[Any], zone: tzinfo) -> list[Document]:
    """Return proposals."""
    return [proposal(each, zone) for each in told]


def terms(versions: Sequence[Any], zone: tzinfo) -> list[Document]:
    """Return the versions of a fund's terms."""
    return [
        {
            f.name: _plain(f.name, getattr(v, f.name), zone)
            for f in fields(v)
            if f.name not in ("suspended", "four_eyes")
        }
        | {"suspended": [[day.isoformat() for day in span] for span in v.suspended], "four_eyes": list(v.four_eyes)}
        for v in versions
    ]


def trail(steps: Sequence[Any], zone: tzinfo) -> list[Document]:
    """Return the trail: who did what, and how it ended."""
    return [_but(step, zone, "arguments") | {"arguments": step.arguments} for step in steps]


def connected(answer: tuple[Any, bool], zone: tzinfo) -> Document:
    """Return since when, and under which codes, a book works with a transfer agent; `new`: that was not known."""
    link, new = answer
    return {"from": link.valid_from.isoformat()} | _but(link, zone, "valid_from") | {"new": new}


def files(known: Sequence[Any], zone: tzinfo) -> list[Document]:
    """Return the files that were sent and received."""
    return [
        {"number": file.number, "name": file.name, "kind": file.kind}
        | {"from": file.first_day.isoformat(), "to": file.day.isoformat(), "records": file.records}
        | {"received_at": _plain("at", file.received_at, zone)}
        for file in known
    ]


def days(status: Any, zone: tzinfo) -> Document:
    """Return how far the days are."""
    told: Document = {key: getattr(status, key) for key in ("fund", "next_step", "blocked_by", "failed_by")}
    return told | {"days": [{"date": day.isoformat(), "steps": states} for day, states in status.days]}


def verification(checks: Sequence[Any], _zone: tzinfo | None = None) -> Document:
    """Return the outcome of every check."""
    keys = ("name", "ok", "checked", "detail")
    told = [{key: getattr(check, key) for key in keys} for check in checks]
    return {"ok": all(check.ok for check in checks), "checks": told}


def replayed(checks: Sequence[Any], through: date | None) -> Document:
    """Return the outcome of a replay: every check, and what each found."""
    return verification(checks) | {
        "through": through and through.isoformat(),
        "findings": [
            {"check": check.name, "what": found.what, "where": found.where}
            | {"stored": _cell(found.stored), "derived": _cell(found.derived)}
            for check in checks
            for found in check.findings
        ],
    }


def year(calendar: TradingCalendar, number: int) -> Document:
    """Return a year of the trading calendar."""
    return {
        "market": calendar.market,
        "year": number,
        "trading_days": [day.isoformat() for day in calendar.trading_days(number)],
        "closed": of(calendar.closed(number), calendar.zone),
    }


def trade_date(calendar: TradingCalendar, at: datetime) -> Document:
    """Return the dates of an order at an instant. Raises: DateOutOfRange."""
    day = calendar.trade_date(at, CUTOFF)
    confirmed = calendar.next(day)
    return {
        "at": at.astimezone(calendar.zone).isoformat(),
        "trade_date": day.isoformat(),
        "confirmation_date": confirmed.isoformat(),
        "income_from": confirmed.isoformat(),
        "income_seen": (confirmed + timedelta(1)).isoformat(),
    }


def season(told: Any, zone: tzinfo) -> Document:
    """Return the demo."""
    return {
        "fund": told.fund,
        "from": told.plan.first.isoformat(),
        "through": told.plan.last.isoformat(),
        "wallets": told.plan.wallets,
        "seed": told.plan.seed,
        "orders": told.orders,
        "refused": told.refused,
        "days": of(told.days, zone),
        "statement": of(told.statement, zone),
        "trial_balance": of(told.trial_balance, zone),
        "verify": verification(told.checks, zone),
    }


def _trial_balance(trial: Any) -> Document:
    units = {}
    for unit, rows in trial.units.items():
        accounts = [(a.code, moved.debits, moved.credits, balance) for a, moved, balance in rows]
        units[unit] = {
            "debits": show_amount(sum(account[1] for account in accounts)),
            "credits": show_amount(sum(account[2] for account in accounts)),
            "accounts": [
                {"account": code, **dict(zip(("debits", "credits", "balance"), map(show_amount, sums), strict=True))}
                for code, *sums in accounts
            ],
        }
    return {"on": trial.on.isoformat(), "units": units}


def _but(value: Any, zone: tzinfo, *without: str) -> Document:
    """Return a value's fields without some of them."""
    return {f.name: _plain(f.name, getattr(value, f.name), zone) for f in fields(value) if f.name not in without}


def _told(name: str, value: Any) -> Any:
    """Return a value of JSON with its amounts and figures as text."""
    if isinstance(value, dict):
        return {KEYS.get(key, key): _told(key, each) for key, each in value.items()}
    if isinstance(value, list):
        return [_told(name, each) for each in value]
    return FIGURES.get(name, show_amount)(value) if isinstance(value, int) and name not in COUNTS else value


def _cell(value: Any) -> str | int | None:
    """Return a value as a table holds it: amounts in fen, days and instants as text."""
    return value if value is None or isinstance(value, str | int) else str(value)


def _plain(name: str, value: Any, zone: tzinfo) -> Any:
    match value:
        case None | bool():
            return value
        case str():
            return str(value)
        case int():
            show: Callable[[int], Any] = FIGURES.get(name, show_amount)
            return value if name in COUNTS else show(value)
        case datetime():
            return value.astimezone(zone).isoformat()
        case date():
            return value.isoformat()
    return of(value, zone)
