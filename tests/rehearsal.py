"""A book and its outside, day by day: random customers, our files out, the simulator's files in, breaks explained.

The clerk's day is typed on the command line as the README has it. What the simulator planted on purpose is kept, to be
held against what reconciliation found.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from random import Random
from typing import Any

import calendars
from tests.shell import Ended, Shell

A_DAY = timedelta(1)
LATEST = 8
"""Statements that are handed over with each run; those that were taken are no news."""
WALLETS = ("alice", "bob", "carol", "dora", "erin", "fay", "客户 𠮷")


@dataclass
class Rehearsal:
    """One book, one directory of files, and what was planted, and what blocked, so far.

    `sent`: the first day whose quick transfers were not sent yet; `played`: the first that was not played yet.
    """

    shell: Shell
    directory: Path
    opened_on: date
    seed: int
    chances: tuple[str, ...] = ()
    planted: list[dict[str, Any]] = field(default_factory=list)
    blocked: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.random, self.made = Random(self.seed), 0
        self.calendar = calendars.load()
        self.sent = self.played = self.opened_on
        self.do("init", "--opened-on", str(self.opened_on))
        for wallet in WALLETS:
            self.do("wallet", "open", wallet, "--at", f"{self.opened_on}T00:00:00")
        self.do("ta", "connect", "--from", str(self.opened_on))

    def play(self, day: date) -> None:
        """Play one calendar day: orders, cutoff, files out; and after its end the outside, files in, breaks."""
        for hour in (0, 9, 14, 15, 21):
            self.order(f"{day}T{hour:02}:{self.random.randrange(1, 59):02}:00")
        self.run(day, f"{day}T23:00:00")
        if self.calendar.is_trading_day(day):
            self.do("ta", "export", "--date", str(day), "--dir", str(self.directory))
        self.run(day, f"{day + A_DAY}T00:05:00")
        self.order(f"{day + A_DAY}T00:06:00")
        while self.exchange(day):
            self.run(day, f"{day + A_DAY}T08:00:00")
            for found in self.do("recon", "breaks", "--state", "open"):
                self.do("recon", "explain", str(found["number"]), "--note", "说明: planted")

    def exchange(self, day: date) -> bool:
        """Send what can be sent of the days through `day`, have the outside play what it can; tell if anything came."""
        while self.sent <= day and self._export("ta", "--quick") and self._export("bank"):
            self.sent += A_DAY
        at = self.played if self.played < self.sent else day
        words = ("ta", "simulate", "--dir", str(self.directory), "--date", str(at), "--seed", str(self.seed))
        ended = self.shell.run("--json", *words, *self.chances)
        if ended.code == 1 and self.played >= self.sent:
            return False
        assert ended.code == 0, ended.err
        if ended.document["played"] and self.played < self.sent:
            self.planted += ended.document["planted"]
            self.played += A_DAY
            return True
        return bool(ended.document["files"]) and self.played >= self.sent and not ended.document["played"]

    def run(self, day: date, at: str) -> Ended:
        """Run the days with whatever files are there; what blocks is kept."""
        words = ["day", "run", "--through", str(day), "--at", at, "--ta-dir", str(self.directory)]
        for statement in sorted(self.directory.glob("STATEMENT_*.xml"))[-LATEST:]:
            words += ["--bank", str(statement)]
        ended = self.shell.run(*words)
        assert ended.code in (0, 3), ended.err
        if ended.code == 3:
            self.blocked.append(ended.err)
        return ended

    def order(self, at: str) -> None:
        """Type one order of one customer; it may be refused."""
        self.made += 1
        wallet, amount = self.random.choice(WALLETS), f"{self.random.randrange(1, 300_000) / 100:.2f}"
        words = {
            "in": ["transfer-in", wallet, amount],
            "pay": ["pay", wallet, amount, "--merchant", "shop"],
            "instant": ["transfer-out", wallet, amount, "--instant"],
            "standard": ["transfer-out", wallet, amount, "--standard"],
            "refund": ["refund", wallet, f"r{self.random.randrange(1, self.made + 1)}", "0.50"],
        }[self.random.choice(("in", "in", "in", "pay", "pay", "instant", "standard", "refund"))]
        ended = self.shell.run(*words, "--request", f"r{self.made}", "--at", at)
        assert ended.code in (0, 1), ended.err

    def do(self, *words: str) -> Any:
        """Type a command that must succeed, and return its document."""
        ended = self.shell.run("--json", *words)
        assert ended.code == 0, (words, ended.err)
        return ended.document

    def _export(self, group: str, *words: str) -> bool:
        said = ("export", *words, "--day", str(self.sent), "--dir", str(self.directory))
        return self.shell.run(group, *said).code == 0
