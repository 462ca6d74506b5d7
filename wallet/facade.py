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
from wallet.changes import ChangedTerms, ManualEntry, ReplacedFigures, Reversal
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
    "MANY",
    "SAMPLE_FUND",
    "SAMPLE_TERMS",
    "Act",
    "Applied",
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
    "Terms",
    "TransferIn",
    "TransferOut",
    "announce",
    "approve",
    "ask",
    "check_format",
    "configure",
    "connect",
    "create",
    "day_status",
    "explain",
    "export",
    "load",
    "load_calendar",
    "noting",
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
    "record",
    "record_outcome",
    "refund",
    "refund_many",
    "reject",
    "replay",
    "report_day",
    "run_day",
    "show_wallet",
    "statement",
    "take_file",
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
