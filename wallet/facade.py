"""All that a service needs to embed fundwallet, in one module.

The service keeps its own engine and its own transactions:

- `connect(url)` makes an engine that is set up for the ledger; `configure(engine)` sets up one the service has.
- `create(connection, opened_on)` makes tables and book in an empty database, with `beside=True` beside the host's own
  tables; `load(connection)` finds them again.
- Orders take the caller's connection, never commit, and never retry: what they book is committed or rolled back
  together with the service's own rows. Each returns a `Receipt`; asked twice under one request id, the same one.
- `pay_many`, `transfer_in_many`, `refund_many`, `transfer_out_many` and, for all kinds at once, `order_many` take many
  orders in one transaction, each judged by itself, and return an `Outcome` for each; `take_file` takes those of a file.
- `ask(connection, book, change, operator, at)` does what `ManualEntry`, `Reversal`, `ChangedTerms` or `ReplacedFigures`
  say, or proposes it where the terms want a second operator: who then calls `approve` or `reject`.
- `record(connection, book, act, made=...)` writes the trail, as a transaction's last statement; `noting()` tells which
  entries were made.
- `transact(engine, work)` is for those who keep no transactions of their own: it owns one, and tries again where the
  database asks for that.
- `run_day(engine, ...)` is the exception: the day's steps are many transactions, so it takes the engine. Run twice at
  once it does nothing twice; `working(engine, book, operator)` lets only one operator run it.
- `connect_agent(connection, book, Link(day))` makes the days from there on work with a transfer agent's files.
  `send_file(engine, ...)` writes one, `take_directory(engine, book, directory, at)` takes what is there, each file once
  and in a transaction of its own; `run_day(..., inbox=Inbox(directory, statements))` takes what a step needs.
- `take_statement(connection, book, path, at)` takes a statement of the bank; `export_items` writes what it is to do,
  `open_items` and `bank_lines` tell how far it is.
- `find_breaks`, `explain_break`, `resolve_break` read and answer what books and outside records differ in; `reconcile`
  compares the last day again.
- `export(connection, book, Export("beancount"), stream)` writes the journal, balances with it, for other programs.
- Everything refused is a `FundwalletError` with a stable `code` and a flag `retryable`; nothing has changed then,
  and the transaction can go on.

Amounts are whole fen, instants carry a zone. Behind an asynchronous engine, call through `run_sync`.
"""

from __future__ import annotations

from calendars import load as load_calendar
from ledger.database import configure, connect, reading
from ledger.errors import LedgerError as FundwalletError
from ledger.journal import noting
from wallet.approvals import Applied, Proposal, approve, ask, proposals, reject
from wallet.audit.findings import Check, Finding
from wallet.audit.verification import replay, verify
from wallet.batches import (
    MANY,
    Outcome,
    order_many,
    pay,
    pay_many,
    refund,
    refund_many,
    transfer_in,
    transfer_in_many,
    transfer_out,
    transfer_out_many,
)
from wallet.book import create, load
from wallet.changes import ChangedTerms, ManualEntry, ReplacedFigures, Reversal, TakenBackConfirmation
from wallet.confirmation import record_outcome
from wallet.counter import Receipt
from wallet.day import DayStatus
from wallet.day import run as run_day
from wallet.day import status as day_status
from wallet.explain import Explanation, explain
from wallet.exports import Export, Exported, export
from wallet.exports import check as check_format
from wallet.figures import Figure, announce, read_csv
from wallet.operators import Operator, working
from wallet.order_files import OrderFile
from wallet.order_files import take as take_file
from wallet.outside.bank import lines as bank_lines
from wallet.outside.bank import open_items
from wallet.outside.bank import take as take_statement
from wallet.outside.breaks import KINDS as BREAK_KINDS
from wallet.outside.breaks import STATES as BREAK_STATES
from wallet.outside.breaks import Break
from wallet.outside.breaks import Event as BreakEvent
from wallet.outside.breaks import all_of as find_breaks
from wallet.outside.breaks import explain as explain_break
from wallet.outside.breaks import find as find_break
from wallet.outside.breaks import history as break_history
from wallet.outside.breaks import resolve as resolve_break
from wallet.outside.files import Known as KnownFile
from wallet.outside.files import between as list_files
from wallet.outside.inbox import Inbox
from wallet.outside.items import export as export_items
from wallet.outside.links import Link
from wallet.outside.links import connect as connect_agent
from wallet.outside.reconciliation import run as reconcile
from wallet.outside.sending import Sent
from wallet.outside.sending import send as send_file
from wallet.outside.taking import Taken, take_directory
from wallet.reports import report_day, show_wallet, statement, trial_balance, yields
from wallet.requests import Opening, Payment, Refund, TransferIn, TransferOut
from wallet.retries import transact
from wallet.rules.fund import SAMPLE_FUND, SAMPLE_TERMS, Fund, Terms
from wallet.rules.parsing import parse_amount, parse_day, parse_figure, parse_instant, parse_yield
from wallet.rules.spending import OrderOfUse
from wallet.trail import Act, record
from wallet.trail import between as read_trail
from wallet.wallets import open_wallet, open_wallets

__all__ = [
    "BREAK_KINDS",
    "BREAK_STATES",
    "MANY",
    "SAMPLE_FUND",
    "SAMPLE_TERMS",
    "Act",
    "Applied",
    "Break",
    "BreakEvent",
    "ChangedTerms",
    "Check",
    "DayStatus",
    "Explanation",
    "Export",
    "Exported",
    "Figure",
    "Finding",
    "Fund",
    "FundwalletError",
    "Inbox",
    "KnownFile",
    "Link",
    "ManualEntry",
    "Opening",
    "Operator",
    "OrderFile",
    "OrderOfUse",
    "Outcome",
    "Payment",
    "Proposal",
    "Receipt",
    "Refund",
    "ReplacedFigures",
    "Reversal",
    "Sent",
    "Taken",
    "TakenBackConfirmation",
    "Terms",
    "TransferIn",
    "TransferOut",
    "announce",
    "approve",
    "ask",
    "bank_lines",
    "break_history",
    "check_format",
    "configure",
    "connect",
    "connect_agent",
    "create",
    "day_status",
    "explain",
    "explain_break",
    "export",
    "export_items",
    "find_break",
    "find_breaks",
    "list_files",
    "load",
    "load_calendar",
    "noting",
    "open_items",
    "open_wallet",
    "open_wallets",
    "order_many",
    "parse_amount",
    "parse_day",
    "parse_figure",
    "parse_instant",
    "parse_yield",
    "pay",
    "pay_many",
    "proposals",
    "read_csv",
    "read_trail",
    "reading",
    "reconcile",
    "record",
    "record_outcome",
    "refund",
    "refund_many",
    "reject",
    "replay",
    "report_day",
    "resolve_break",
    "run_day",
    "send_file",
    "show_wallet",
    "statement",
    "take_directory",
    "take_file",
    "take_statement",
    "transact",
    "transfer_in",
    "transfer_in_many",
    "transfer_out",
    "transfer_out_many",
    "trial_balance",
    "verify",
    "working",
    "yields",
]
