"""Names that beancount, hledger and ledger all read: accounts and commodities. Source: the syntax of the three.

An account is Assets or Liabilities by its normal side, then its code in camel case, then for a wallet its reference
behind a W. A letter or digit of ASCII stands for itself, `-` for `--`, anything else for its code point in hex between
dashes: `a b-c` is `Wa-20-b--c`. Read from the left that can be undone, and no two references share a name.
"""

from __future__ import annotations

import re
from functools import cache

from ledger.model import Account, Side
from wallet.exports.events import CONTROL, Place
from wallet.rules.chart import CNY

OPENING = "Equity:Opening"

_ROOT = {Side.DEBIT: "Assets", Side.CREDIT: "Liabilities"}
_STRANGE = re.compile(r"[^A-Za-z0-9]")


def component(reference: str) -> str:
    """Return a wallet's reference as a part of an account's name."""
    if reference.isascii() and reference.isalnum():
        return f"W{reference}"
    return "W" + _STRANGE.sub(lambda m: "--" if m[0] == "-" else f"-{ord(m[0]):x}-", reference)


def account_name(account: Account, place: Place) -> str:
    """Return the name of an account as it is kept in a place."""
    name = _control_name(account.code, account.normal_side)
    if place.number == CONTROL or not account.per_holder:
        return name
    return f"{name}:{'Others' if place.reference is None else component(place.reference)}"


@cache
def commodity(unit: str) -> str:
    """Return the commodity of a unit; a fund's code that cannot be one is told beside it."""
    if unit == CNY:
        return unit
    return f"F{unit}" if re.fullmatch(r"[A-Z0-9]{1,20}", unit) else "FUND"


@cache
def _control_name(code: str, side: Side) -> str:
    return f"{_ROOT[side]}:{code.title().replace('_', '')}"
