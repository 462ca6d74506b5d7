"""A fixed season of orders and days on which a planted fault cannot hide: every rule has its moment.

Run in a build of the product, faulty or not, as `python -m tests.season URL`. It goes on after whatever is refused or
breaks, as a careless host would, and prints the names of it.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from tests.desk import Desk, at, free_terms

WALLETS = ("alice", "bob", "carol", "dora", "erin", "fay")
TERMS = [free_terms(minimum=1_00, holding_cap=10**9, quota_daily=6_000_000_00, instant_daily=1_000_00, facility=10**11)]


def go_on(command: Callable[..., Any], *arguments: Any, **options: Any) -> None:
    """Give a command and tell the name of what it raises, if anything."""
    try:
        command(*arguments, **options)
    except Exception as refused:
        print(getattr(refused, "code", type(refused).__name__))


def play(url: str) -> None:
    """Play the season in an empty database."""
    desk = Desk.open(url, terms=TERMS, wallets=WALLETS)
    # On 09-17 two fen are left over: erin has the largest cut fraction, alice and bob have the next, the same.
    for wallet, fen in zip(WALLETS, (1_000_125_00, 1_000_125_00, 333_333_33, 89_29, 89_28, 10_000_00), strict=True):
        desk.transfer_in(wallet, fen, "09-16 10:00")
    desk.transfer_in("fay", 500_00, "09-16 15:00")
    for day in ("17", "19", "20", "21", "22", "23", "24", "25"):
        desk.announce(f"09-{day}", 1_1200 if day < "20" else 1_3333)
    go_on(desk.run, "09-17", at("09-17 20:00"), chunk_size=2)
    _spend(desk)
    go_on(desk.run, "09-18", at("09-18 20:00"), chunk_size=2)
    _over_the_holiday(desk)
    go_on(desk.run, "09-23", at("09-23 00:00"), chunk_size=2)
    go_on(desk.pay, "erin", 500_00, "09-22 12:00", order_of_use="confirmed_first")
    desk.announce("09-18", 1_3366)
    for n, day in enumerate(("23", "24", "25", "26")):
        go_on(desk.pay, "alice", 70_00 + n, f"09-{day} 09:00", order_of_use="confirmed_first")
        go_on(desk.run, f"09-{day}", at(f"09-{day} 20:00"), chunk_size=2)


def _spend(desk: Desk) -> None:
    """On 09-17 and 09-18: paid before and after the cutoff, out of the newest order first, refunded, redeemed."""
    go_on(desk.transfer_in, "dora", 40_00, "09-17 21:00")
    go_on(desk.transfer_in, "dora", 60_00, "09-17 22:00")
    go_on(desk.pay, "dora", 50_00, "09-17 23:00", "dora paid")
    go_on(desk.pay, "alice", 100_00, "09-18 09:30", "alice paid", order_of_use="confirmed_first")
    go_on(desk.refund, "alice", "alice paid", 60_00, "09-18 10:00")
    go_on(desk.refund, "alice", "alice paid", 60_00, "09-18 11:00")
    go_on(desk.transfer_out, "bob", 700_00, "instant", "09-18 10:00", order_of_use="confirmed_first")
    go_on(desk.transfer_out, "bob", 700_00, "instant", "09-18 11:00", order_of_use="confirmed_first")
    go_on(desk.transfer_out, "carol", 300_000_00, "standard", "09-18 14:00")
    go_on(desk.transfer_in, "erin", 900_00, "09-18 12:00")


def _over_the_holiday(desk: Desk) -> None:
    """From 09-19 to 09-22 the exchange is closed: large sums in, on natural days of one trade date."""
    go_on(desk.transfer_in, "bob", 4_000_000_00, "09-19 10:00")
    go_on(desk.transfer_in, "carol", 4_000_000_00, "09-20 10:00")
    go_on(desk.transfer_in, "carol", 4_000_000_00, "09-20 11:00")
    go_on(desk.pay, "bob", 123_45, "09-21 10:00")
    go_on(desk.pay, "fay", 67_89, "09-21 11:00", order_of_use="confirmed_first")


if __name__ == "__main__":
    play(sys.argv[1])
