"""What goes out after a day: everything that the files and the statement say, before it is written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

from wallet.simulator.answers import CONFIRMED, REDEMPTION, SUBSCRIPTION, Answer
from wallet.simulator.bank import Line


@dataclass(slots=True)
class Night:
    """The night after `day`.

    `shares` and `frozen` are the register as of the end of the day, `balances` what is said of it, `income` that of the
    day: all by holder. `answers` are dated `due`, the next trading day, `clearing` what is paid for them by business
    code (positive: to us). `transfers` is None where no quick transfers were exported, `lines` where there is no
    statement; `left_out` are lines that come with the next one.
    """

    day: date
    due: date | None
    figure: int
    seven_day: int
    shares: Mapping[int, int]
    frozen: Mapping[int, int]
    income: dict[int, int]
    answers: Sequence[Answer]
    transfers: Sequence[Answer] | None
    lines: list[Line] | None
    left_out: list[Line] = field(default_factory=list)
    balances: dict[int, int] = field(init=False)
    clearing: dict[str, int] = field(init=False)

    def __post_init__(self) -> None:
        """Say of the balances and of the clearing what is right."""
        self.balances, self.clearing = dict(self.shares), {}
        for code, sign in ((SUBSCRIPTION, -1), (REDEMPTION, 1)):
            confirmed = sum(answer.confirmed for answer in self.answers if answer.application.code == code)
            if confirmed:
                self.clearing[CONFIRMED[code]] = sign * confirmed
