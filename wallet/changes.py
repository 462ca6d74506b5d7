"""What a second operator may have to approve, as requests: entries by hand, changed terms, what is corrected outside.

Each is kept with its proposal as canonical JSON and read again from it when it is approved. Units: fen.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict
from datetime import date
from typing import Annotated, Any, ClassVar

from pydantic import AfterValidator, BeforeValidator, Field

from wallet.errors import InvalidRequest
from wallet.figures import REPLACED, Figure
from wallet.requests import Amount, PlainText, Strict
from wallet.rules.spending import OrderOfUse


def _day(value: Any) -> Any:
    return date.fromisoformat(value) if isinstance(value, str) else value


def _in_order(span: tuple[date, date]) -> tuple[date, date]:
    if span[0] > span[1]:
        raise ValueError(f"{span[0]} is after {span[1]}")
    return span


Day = Annotated[date, BeforeValidator(_day)]
Span = Annotated[tuple[Day, Day], Field(strict=False), AfterValidator(_in_order)]
Account = Annotated[str, Field(min_length=1, max_length=40)]


class Change(Strict):
    """What all of them say: by which name the fund's terms ask for a second operator."""

    operation: ClassVar[str]

    def arguments(self) -> str:
        """Return what is asked as JSON: keys sorted, nothing between them, no letter escaped."""
        return json.dumps(self.values(), sort_keys=True, ensure_ascii=False, separators=(",", ":"))

    def values(self) -> dict[str, Any]:
        """Return what is asked, as JSON has it."""
        return self.model_dump(mode="json")


class ManualEntry(Change):
    """One posting by hand; of a wallet where its accounts are kept per wallet."""

    operation: ClassVar[str] = "manual_entry"

    debit: Account
    credit: Account
    amount: Amount
    wallet: PlainText | None = None
    memo: PlainText
    request_id: PlainText
    day: Day | None = None


class Reversal(Change):
    """A manual entry taken back."""

    operation: ClassVar[str] = "reversal"

    reverses: Annotated[int, Field(ge=1, le=2**62)]
    why: PlainText
    request_id: PlainText


class ChangedTerms(Change):
    """Terms from a day on: what is not said stays as it is before, None lifts a limit."""

    operation: ClassVar[str] = "changed_terms"

    valid_from: Day
    minimum: Amount = 1
    holding_cap: Amount | None = None
    transfer_in_daily: Amount | None = None
    quota_daily: Amount | None = None
    instant_daily: Amount | None = None
    facility: Amount = 1
    order_of_use: OrderOfUse = Field(default=OrderOfUse.UNCONFIRMED_FIRST, strict=False)
    suspended: tuple[Span, ...] = Field(default=(), strict=False)
    four_eyes: tuple[str, ...] = Field(default=(), strict=False)

    def values(self) -> dict[str, Any]:
        """Return the day and what is said, as JSON has it."""
        return self.model_dump(mode="json", exclude_unset=True)

    def changed(self) -> dict[str, Any]:
        """Return what is said, by the names of the terms. Raises: InvalidRequest (nothing but the day)."""
        if self.model_fields_set == {"valid_from"}:
            raise InvalidRequest("terms", "say what is to change")
        return {name: getattr(self, name) for name in self.model_fields_set}


class Published(Strict):
    """One published figure, as `wallet.figures.Figure` has it."""

    day: Day
    income_per_10k: int
    seven_day: int | None = None
    control_total: int | None = None
    source: str = "announced by hand"


class ReplacedFigures(Change):
    """Figures announced again, all or none; `distributed`: of days whose income is booked, which it corrects."""

    operation: ClassVar[str] = REPLACED

    published: Annotated[tuple[Published, ...], Field(strict=False)]
    distributed: bool = False

    @classmethod
    def of(cls, figures: Iterable[Figure], *, distributed: bool = False) -> ReplacedFigures:
        """Return the request for some figures."""
        published = tuple(Published(**asdict(figure)) for figure in figures)
        return cls(published=published, distributed=True) if distributed else cls(published=published)

    def values(self) -> dict[str, Any]:
        """Return the figures, and of which days they are if not of days to come, as JSON has it."""
        return self.model_dump(mode="json", exclude=None if self.distributed else {"distributed"})

    def figures(self) -> list[Figure]:
        """Return the figures."""
        return [Figure(p.day, p.income_per_10k, p.seven_day, p.control_total, p.source) for p in self.published]


class TakenBackConfirmation(Change):
    """A confirmation that the transfer agent takes back, whole, as its file says. Units: `amount` in fen."""

    operation: ClassVar[str] = "taken_back_confirmations"

    wallet: PlainText
    amount: Amount
    confirmation_date: Day
    ta_serial: PlainText
    original: PlainText
