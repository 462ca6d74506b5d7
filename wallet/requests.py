"""What a caller may ask of a wallet, validated at the edge: frozen, strict, no coercion.

Units: amounts in fen, 1 to 10^13; `at` an instant with a zone. Texts hold 1 to 200 characters, none of them a
control character, no blank at either end. Anything else raises InvalidRequest.
"""

from __future__ import annotations

import unicodedata
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from ledger.model import LARGEST, digest
from wallet.errors import InvalidRequest
from wallet.rules.spending import OrderOfUse

LONGEST_TEXT = 200


def _plain(text: str) -> str:
    if text != text.strip():
        raise ValueError("blanks at an end are not allowed")
    if text.isascii() and text.isprintable():
        return text
    if any(unicodedata.category(letter) in ("Cc", "Cs", "Cf", "Zl", "Zp") for letter in text):
        raise ValueError("control characters are not allowed")
    return text


PlainText = Annotated[str, Field(min_length=1, max_length=LONGEST_TEXT), AfterValidator(_plain)]
Amount = Annotated[int, Field(ge=1, le=LARGEST)]


class Strict(BaseModel):
    """A frozen, strict model that raises InvalidRequest instead of pydantic's own error."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")

    def __init__(self, **data: Any) -> None:
        try:
            super().__init__(**data)
        except ValidationError as error:
            first = error.errors()[0]
            field = ".".join(str(part) for part in first["loc"]) or type(self).__name__
            raise InvalidRequest(field, first["msg"].removeprefix("Value error, ")) from None


class Opening(Strict):
    """Open a wallet under the host's reference."""

    wallet: PlainText
    at: AwareDatetime


class Order(Strict):
    """What every order says."""

    wallet: PlainText
    amount: Amount
    request_id: PlainText
    at: AwareDatetime

    def content(self) -> tuple[str | None, ...]:
        """Return what, beside operation, wallet and amount, makes a repeat the same request."""
        return ()

    def content_digest(self, holder_id: int) -> bytes:
        """Return the digest of the request's content; the instant is no part of it. Source: rule book, section 3."""
        return digest(type(self).__name__, holder_id, self.amount, *self.content())


class TransferIn(Order):
    """Cash arrives and is to become shares."""


class Payment(Order):
    """Pay a merchant out of the wallet."""

    merchant: PlainText
    order_of_use: OrderOfUse | None = Field(default=None, strict=False)

    def content(self) -> tuple[str | None, ...]:
        """Return the merchant."""
        return (self.merchant,)


class Refund(Order):
    """A merchant gives back (part of) a payment, named by its request id."""

    payment: PlainText

    def content(self) -> tuple[str | None, ...]:
        """Return the payment's request id."""
        return (self.payment,)


class TransferOut(Order):
    """Take money out: `instant` is advanced at once, `standard` redeems shares on the confirmation date."""

    kind: Literal["instant", "standard"]
    order_of_use: OrderOfUse | None = Field(default=None, strict=False)

    def content(self) -> tuple[str | None, ...]:
        """Return the kind."""
        return (self.kind,)
