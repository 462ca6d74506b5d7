"""What the transfer agent answers to an application: in full, in part, not at all, or carried over.

Amounts are in fen of a subscription and in hundredths of a share of everything else: a share is worth 1.00.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from random import Random

SUBSCRIPTION, REDEMPTION, TRANSFER = "022", "024", "098"
CONFIRMED = {SUBSCRIPTION: "122", REDEMPTION: "124", TRANSFER: "198"}

SUCCESS, TOO_FEW_SHARES = "0000", "0001"
REASONS = {SUBSCRIPTION: ("0307", "0318", "0355"), REDEMPTION: ("0001", "0319", "0355")}
"""Why one is rejected by chance: return codes of the standard."""


@dataclass(frozen=True, slots=True)
class Application:
    """A record of file 03 or 33, or what is left of one that was carried over.

    `holder` is the account; `rest` what of `applied` is not answered yet. Of a quick transfer, `target` is the account
    that receives the shares, and `asked_on` the natural day. Dates and times are the digits of the file.
    """

    code: str
    serial: str
    trade_date: str
    time: str
    holder: int
    applied: int
    rest: int
    target: int = 0
    asked_on: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """What is confirmed of an application now; unless `final`, the rest is answered on a later day."""

    application: Application
    confirmed: int
    return_code: str = SUCCESS
    final: bool = True

    @property
    def outcome(self) -> str:
        """Say how it ended in a word."""
        if not self.final:
            return "carried"
        if self.return_code != SUCCESS:
            return "rejected"
        return "confirmed" if self.confirmed == self.application.rest else "partly"


@dataclass(frozen=True, slots=True)
class Chances:
    """From 0 to 1: that one application is rejected, confirmed in part, carried over."""

    reject: float = 0.0
    partial: float = 0.0
    carry: float = 0.0


def answer_all(
    carried: Iterable[Application],
    asked: Iterable[Application],
    shares: Mapping[int, int],
    chances: Chances,
    rng: Random,
) -> list[Answer]:
    """Answer what was carried over, then the new applications, each in its order.

    A redemption of more than the holder has left of `shares` is rejected. What was carried over is not any more.
    """
    answers, spoken_for = [], Counter[int]()
    for application in carried:
        spoken_for[application.holder] += application.rest
        answers.append(_answer(application, chances, rng))
    for application in asked:
        holder, is_redemption = application.holder, application.code == REDEMPTION
        if is_redemption and application.rest > shares.get(holder, 0) - spoken_for[holder]:
            answers.append(Answer(application, 0, TOO_FEW_SHARES))
        elif rng.random() < chances.reject:
            answers.append(Answer(application, 0, rng.choice(REASONS[application.code])))
        else:
            answers.append(_answer(application, chances, rng))
            spoken_for[holder] += application.rest if is_redemption else 0
    return answers


def carried_over(answers: Iterable[Answer]) -> list[Application]:
    """Return what the answers leave to a later day."""
    return [
        replace(answer.application, rest=answer.application.rest - answer.confirmed)
        for answer in answers
        if not answer.final
    ]


def _answer(application: Application, chances: Chances, rng: Random) -> Answer:
    """Confirm an application, or some of it; the rest of a carried one is never given up."""
    rest, is_redemption = application.rest, application.code == REDEMPTION
    if rest > 1 and is_redemption and rng.random() < chances.carry:
        return Answer(application, rng.randrange(1, rest), final=False)
    if rest > 1 and rest == application.applied and rng.random() < chances.partial:
        return Answer(application, rng.randrange(1, rest))
    return Answer(application, rest)
