"""One calendar day of transfer agent, fund and bank, played after its end from what was exported for it.

1. The register of the evening before takes in what was confirmed for the day, and the income of the day before.
2. Quick transfers of the day move shares: that is the register as of the end of the day (05, 35).
3. On a trading day its applications are answered, for the next trading day (04, 25).
4. The fund's figures and the income of the day (07, 06), which is in the register from the next day on.
5. The bank does what it was told to, and sends its statement.

Everything follows from the register, the exported files, the plan and the day. The register is saved last of all: a day
that was interrupted is played again to the same bytes, and one that was played stays as it is.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import asdict, dataclass, field, replace
from datetime import date, timedelta
from pathlib import Path
from random import Random

from calendars import TradingCalendar
from wallet.errors import FundwalletError, InvalidRequest
from wallet.simulator.answers import Answer, Application, Chances, answer_all
from wallet.simulator.bank import Line, Statement, written, yuan
from wallet.simulator.exports import APPLICATIONS, TRANSFERS, Exports, MissingExport, sides
from wallet.simulator.income import allot, figure_of, seven_day_of
from wallet.simulator.mistakes import plant
from wallet.simulator.night import Night
from wallet.simulator.outbox import Outbox
from wallet.simulator.register import Account, Document, Register, load, whole
from wallet.transfer_agent.names import digits_of

ONE_DAY = timedelta(1)
LATE, PLANTED = "late", "planted.jsonl"
"""Where late files wait; the list of what was planted so far, a line each."""

OUTCOMES = ("confirmed", "partly", "rejected", "carried")
UNPLAYED = (*OUTCOMES, "quick_transfers", "income_per_10k", "seven_day", "income", "register", "holders")


class OutOfOrder(FundwalletError):
    """Days are played one after the other."""

    code = "day_out_of_order"

    def __init__(self, day: date, following: date) -> None:
        self.day, self.following = day, following
        super().__init__(f"{day} is out of order: the day to play is {following}")


@dataclass(frozen=True, slots=True)
class Plan:
    """What to play by: the seed of all chance, the fund, and what goes wrong how often.

    `wrong`: the chance, from 0 to 1, that a day has one wrong figure; `late`: after how many days the files come.
    """

    seed: int
    fund: str = "000198"
    chances: Chances = field(default_factory=Chances)
    wrong: float = 0.0
    late: int = 0

    def rng(self, what: str, day: date) -> Random:
        """Return the chance of one thing on one day."""
        return Random(f"{self.seed} {what} {day}")


@dataclass(frozen=True, slots=True)
class Asked:
    """What was exported for a day; None where there are no quick transfers yet, or no list for the bank."""

    applications: list[Application]
    transfers: list[Application] | None
    payments: list[Line] | None

    def notes(self) -> list[str]:
        """Say what was not there, and what follows from it."""
        missing = []
        if self.transfers is None:
            missing.append("no file 33 was exported so far: no quick transfers")
        if self.payments is None:
            missing.append("no list of payments was exported: no statement")
        return missing


def simulate(directory: Path, calendar: TradingCalendar, plan: Plan, day: date | None = None) -> Document:
    """Play a day, by default the one after the last; the first is that of the earliest exported file.

    Late files that are due by then come first. If the day itself cannot be played yet, they are all that happens.

    Raises: BadRegister; InvalidRequest (nothing exported, or by several); OutOfOrder; MissingExport; MalformedFile;
    DateOutOfRange; OSError.
    """
    register = load(directory) or _begun(directory)
    following = register.first if register.day is None else register.day + ONE_DAY
    day = day or following
    if str(day) in register.days:
        return register.days[str(day)]
    delivered = _deliver(directory, register, day)
    try:
        if day != following:
            raise OutOfOrder(day, following)
        document = _play(directory, register, calendar, plan, day)
    except (OutOfOrder, MissingExport) as refusal:
        if not delivered:
            raise
        register.save(directory)
        unknown: Document = dict.fromkeys(UNPLAYED)
        told = {"played": False, "is_trading_day": calendar.is_trading_day(day), "files": delivered, "files_due": None}
        return {"day": str(day)} | told | unknown | {"planted": [], "notes": [str(refusal)]}
    document["files"] = delivered + document["files"]
    register.days[str(day)] = document
    with whole(directory / PLANTED) as stream:
        for mistake in (each for played in register.days.values() for each in played["planted"]):
            stream.write((json.dumps(mistake, ensure_ascii=False) + "\n").encode())
    register.save(directory)
    return document


def _begun(directory: Path) -> Register:
    """Return the empty register of whoever exported into the directory."""
    if (found := sides(directory)) is None:
        raise InvalidRequest(f"directory {directory}", "no file 03 or 33 was exported into it")
    return Register(*found)


def _deliver(directory: Path, register: Register, day: date) -> list[str]:
    """Let the late files appear that are due by a day, indexes after what they list, and return their names."""
    due = [name for when, names in register.held if when <= day for name in names]
    register.held = [(when, names) for when, names in register.held if when > day]
    for name in due:
        if (directory / LATE / name).exists():
            (directory / LATE / name).replace(directory / name)
    return due


def _asked(directory: Path, register: Register, fund: str, day: date, is_trading_day: bool) -> Asked:
    ours = Exports(directory, register.distributor, register.agent, fund)
    began = ours.first_transfers()
    return Asked(
        ours.applications(APPLICATIONS, day) if is_trading_day else [],
        ours.applications(TRANSFERS, day) if began is not None and began <= day else None,
        ours.payments(register.account.through, day),
    )


def _play(directory: Path, register: Register, calendar: TradingCalendar, plan: Plan, day: date) -> Document:
    due = calendar.next(day) if calendar.is_trading_day(day) else None
    asked = _asked(directory, register, plan.fund, day, due is not None)
    register.begin(day)
    register.move(asked.transfers or ())
    night = _night(register, plan, due, asked)
    rng = plan.rng("wrong", day)
    mistake = plant(night, rng, register.planted(day - ONE_DAY)) if rng.random() < plan.wrong else None
    register.income = night.income
    target = directory / LATE if plan.late else directory
    target.mkdir(exist_ok=True)
    outbox = Outbox(target, register.distributor, register.agent, plan.fund)
    outbox.send(night)
    _settle(outbox, register, night)
    if plan.late:
        register.held.append((day + timedelta(plan.late), outbox.written))
    outcomes = Counter(answer.outcome for answer in night.answers)
    return {
        "day": str(day),
        "played": True,
        "is_trading_day": due is not None,
        "files": [] if plan.late else outbox.written,
        "files_due": str(day + timedelta(plan.late)),
        **{outcome: outcomes[outcome] for outcome in OUTCOMES},
        "quick_transfers": len(night.transfers or ()),
        "income_per_10k": yuan(night.figure, 4),
        "seven_day": yuan(night.seven_day, 3),
        "income": yuan(sum(night.income.values())),
        "register": yuan(sum(night.shares.values())),
        "holders": len(night.shares),
        "planted": [] if mistake is None else [asdict(mistake)],
        "notes": asked.notes(),
    }


def _night(register: Register, plan: Plan, due: date | None, asked: Asked) -> Night:
    """Work out what goes out after the register's day, and note what is confirmed for `due`."""
    assert register.day is not None
    day, shares = register.day, register.shares
    answers: list[Answer] = []
    if due is not None:
        rng = plan.rng("answers", day)
        answers = answer_all(register.carried, asked.applications, shares, plan.chances, rng)
        register.expect(due, answers)
    figure = figure_of(plan.fund, day, plan.seed)
    return Night(
        day,
        due,
        figure,
        seven_day_of(plan.fund, day, register.first, plan.seed),
        shares,
        register.frozen(),
        allot(shares, figure),
        answers,
        None if asked.transfers is None else [Answer(transfer, transfer.applied) for transfer in asked.transfers],
        asked.payments,
    )


def _settle(outbox: Outbox, register: Register, night: Night) -> None:
    """Book what the bank was told, and what it left out the last time; send the statement."""
    if night.lines is None:
        return
    account = register.account
    lines = [*(replace(line, day=night.day) for line in account.kept), *night.lines]
    begins = night.day if account.through is None else account.through + ONE_DAY
    first = min([begins, *(line.day for line in lines)])
    statement = Statement(register.distributor, first, night.day, account.balance, lines)
    outbox.other(f"STATEMENT_{digits_of(night.day)}.xml", written(statement))
    register.account = Account(statement.closing, night.day, night.left_out)
