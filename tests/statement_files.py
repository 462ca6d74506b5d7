"""Statements of a bank as the tests write them: camt.053 and CSV."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple
from xml.sax.saxutils import escape

from wallet.rules.amounts import show_amount

NAMESPACE = "urn:iso:std:iso:20022:tech:xsd:camt.053.001.08"


class Told(NamedTuple):
    """A line that the bank tells; units: fen."""

    amount: int
    reference: str | None = None
    day: str | None = None
    text: str | None = None


def csv(path: Path, day: str, *lines: Told, opening: int = 0, last: str | None = None) -> Path:
    """Write a statement of a day, or of several, as CSV."""
    rows = ["day,amount,reference,counterparty,text", f"{day},{show_amount(opening)},OPENING,,"]
    rows += [f"{t.day or day},{show_amount(t.amount)},{t.reference or ''},,{t.text or ''}" for t in lines]
    rows.append(f"{last or day},{show_amount(opening + sum(t.amount for t in lines))},CLOSING,,")
    path.write_text("\n".join(rows) + "\n", encoding="utf-8")
    return path


def balance(kind: str, amount: int, day: str) -> str:
    """Return a balance of a camt.053 statement."""
    return f"<Bal><Tp><CdOrPrtry><Cd>{kind}</Cd></CdOrPrtry></Tp>{signed(amount)}<Dt><Dt>{day}</Dt></Dt></Bal>"


def signed(amount: int) -> str:
    """Return an amount with its side."""
    side = "DBIT" if amount < 0 else "CRDT"
    return f'<Amt Ccy="CNY">{show_amount(abs(amount))}</Amt><CdtDbtInd>{side}</CdtDbtInd>'


def entry(amount: int, day: str, details: str = "", state: str = "<Sts><Cd>BOOK</Cd></Sts>") -> str:
    """Return an entry."""
    dated = f"<BookgDt><Dt>{day}</Dt></BookgDt>"
    return f"<Ntry>{signed(amount)}{state}{dated}{details and f'<NtryDtls>{details}</NtryDtls>'}</Ntry>"


def transaction(reference: str | None, amount: int | None = None, name: str = "", text: str = "") -> str:
    """Return the details of one transaction of an entry."""
    told = "" if reference is None else f"<Refs><EndToEndId>{escape(reference)}</EndToEndId></Refs>"
    told += "" if amount is None else signed(amount)
    if name:
        told += f"<RltdPties><Dbtr><Pty><Nm>{escape(name)}</Nm></Pty></Dbtr></RltdPties>"
    if text:
        told += f"<RmtInf><Ustrd>{escape(text)}</Ustrd></RmtInf>"
    return f"<TxDtls>{told}</TxDtls>"


def document(entries: str, opening: int, closing: int, day: str, identity: str = "S1") -> str:
    """Return a camt.053 document of a day."""
    period = f"<FrToDt><FrDtTm>{day}T00:00:00+08:00</FrDtTm><ToDtTm>{day}T23:59:59+08:00</ToDtTm></FrToDt>"
    balances = balance("OPBD", opening, day) + balance("CLBD", closing, day)
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<Document xmlns="{NAMESPACE}"><BkToCstmrStmt>'
        "<GrpHdr><MsgId>M1</MsgId></GrpHdr>\n"
        f"<Stmt><Id>{identity}</Id>{period}<Acct/>{balances}\n{entries}</Stmt></BkToCstmrStmt></Document>\n"
    )


def camt(path: Path, day: str, *lines: Told, opening: int = 0, identity: str = "S1") -> Path:
    """Write a statement of a day as camt.053, an entry for each line."""
    entries = "\n".join(entry(t.amount, t.day or day, transaction(t.reference, text=t.text or "")) for t in lines)
    closing = opening + sum(t.amount for t in lines)
    path.write_text(document(entries, opening, closing, day, identity), encoding="utf-8")
    return path
