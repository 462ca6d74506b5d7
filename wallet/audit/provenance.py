"""Where every column of every table comes from: an input, or derived from inputs by a check that compares it.

A replay copies the inputs, and nothing else, into an empty database. What finds a changed input stands beside it: the
check for which it must fit other inputs, or the seals.
"""

from __future__ import annotations

from dataclasses import dataclass

TURNOVER = "turnover of closed days equals the postings"
BALANCES = "balances equal the postings"
UNITS = "every posting stays within one unit and one entry"
NEVER_NEGATIVE = "no balance per holder is negative as of any day"
REGISTER = "register equals the shares of all holders"
INCOME = "income follows from figures and holdings"
SETTLED = "payables towards fund, advancer and customers are zero after settlement"
ORDERS = "orders equal their entries"
ORDER_POSTINGS = "the postings of orders follow from amounts and advances"
TRANSIT = "money in transit, refunds and confirmations equal the postings"
ADVANCES = "advances equal the postings"
HOUSE_ENTRIES = "house entries equal their digests"
INPUTS = "figures and terms equal their digests"
QUOTAS = "quotas equal the transfers-in of their days"
HOLDERS = "every wallet is a holder, numbered without a gap"
DAYS = "gates and steps agree"
CHUNKS = "bulk entries equal their chunks"
BY_HAND = "manual entries equal their digests and approvals"
DECISIONS = "trail, proposals and decisions are whole"
FACILITY = "the facility's use equals the advance outstanding"
FILES = "outside records equal their files"
BREAKS = "breaks and their events are whole"
BANK = "bank lines are matched to items or put on the suspense account"
CORRECTIONS = "differences and reversals follow from outside records"

SEALS = "seals"
"""Nothing else in the database says the same: only a digest made before the change can tell."""

FLEETING = "nothing"
"""No figure follows from it, and it is overwritten every day."""


@dataclass(frozen=True, slots=True)
class Input:
    """What is given; `found_by` names what finds it changed."""

    found_by: str


@dataclass(frozen=True, slots=True)
class Derived:
    """What follows from inputs; `check` derives it and compares."""

    check: str


Source = Input | Derived


def _inputs(found_by: str, columns: str) -> dict[str, Source]:
    return dict.fromkeys(columns.split(), Input(found_by))


def _derived(check: str, columns: str) -> dict[str, Source]:
    return dict.fromkeys(columns.split(), Derived(check))


PROVENANCE: dict[str, dict[str, Source]] = {
    "account": _derived(UNITS, "account_id code unit normal_side per_holder"),
    "holder": _derived(HOLDERS, "holder_id book gate"),
    "journal_entry": {
        **_inputs(ORDERS, "entry_id holder_id book kind value_date"),
        **_inputs(ORDERS, "digest reverses memo first_holder last_holder"),
        **_inputs(SEALS, "booked_at request_id"),
    },
    "posting": {**_inputs(BALANCES, "entry_id holder_id debit credit amount"), **_inputs(SEALS, "line")},
    "balance": _derived(BALANCES, "holder_id account_id amount"),
    "account_total": _derived(TURNOVER, "book value_date account_id debits credits"),
    "book_gate": _derived(DAYS, "book gate closed_through cut_through"),
    "fundwallet_version": _derived(UNITS, "version_num"),
    "fund": {**_inputs(SEALS, "code market"), **_inputs(DAYS, "opened_on")},
    "fund_terms": {
        **_inputs(INPUTS, "fund valid_from minimum holding_cap transfer_in_daily quota_daily instant_daily"),
        **_inputs(INPUTS, "facility order_of_use suspended four_eyes digest"),
    },
    "wallet": {**_inputs(HOLDERS, "holder_id book"), **_inputs(SEALS, "reference opened_at")},
    "customer_order": {
        **_inputs(ORDERS, "holder_id entry_id book kind at amount merchant payment trade_date"),
        **_inputs(SEALS, "outcome return_code"),
        **_derived(TRANSIT, "remaining passed_to_advancer refunded status confirmed confirmed_by"),
    },
    "advance": _derived(ADVANCES, "holder_id payment source book amount shares value_date redeem_on redeemed_by"),
    "limit_slot": _derived(FACILITY, "book name slot used"),
    "announcement": _inputs(INPUTS, "fund day version income_per_10k seven_day control_total source digest"),
    "distribution": _derived(
        INCOME, "fund day income_per_10k version method pool advancer_holding whole cut threshold last_tie"
    ),
    "day_step": {**_inputs(DAYS, "fund day step"), **_inputs(SEALS, "booked_at"), **_derived(DAYS, "state")},
    "day_chunk": {**_inputs(CHUNKS, "fund day step number first_holder last_holder"), **_derived(CHUNKS, "entry_id")},
    "day_operator": _inputs(FLEETING, "fund operator since"),
    "trail": _inputs(SEALS, "number book at operator host command arguments began outcome entries"),
    "proposal": _inputs(SEALS, "number book operation arguments proposed_by proposed_at"),
    "decision": _inputs(SEALS, "number proposal verdict decided_by decided_at why entry_id"),
    "seal": _inputs(
        SEALS,
        "fund day version entries postings records cny shares last_holder last_trail last_proposal last_decision "
        "last_file last_break last_event root previous head",
    ),
    "link": _inputs(INPUTS, "fund valid_from distributor transfer_agent tolerance digest"),
    "outside_file": {
        **_inputs(FILES, "number fund kind content"),
        **_inputs(SEALS, "name first_day day records control digest received_at"),
    },
    "answer": _inputs(
        FILES,
        "holder_id application business_code confirmation_date book applied confirmed return_code final ta_serial "
        "original file",
    ),
    "agent_shares": _inputs(FILES, "holder_id day kind book total frozen file"),
    "agent_income": _inputs(FILES, "holder_id day book basis income file"),
    "agent_figure": _inputs(FILES, "fund day file income_per_10k seven_day total_shares day_income"),
    "agent_cash": _inputs(FILES, "fund day sequence trade_date business_code amount pay_date file"),
    "bank_line": _inputs(FILES, "fund statement line day amount reference counterparty text file"),
    "bank_match": _inputs(BANK, "fund statement line part item amount day entry_id"),
    "recon_break": {**_inputs(BREAKS, "number fund since ours theirs"), **_inputs(SEALS, "kind subject unit")},
    "break_event": {**_inputs(BREAKS, "number state"), **_inputs(SEALS, "break day ours theirs at operator note")},
}
"""By table and column. `posting.line` and `journal_entry.request_id` are found by checks as well where orders or
settlements are concerned; a used quota is derived from the orders of its day."""
