"""Heads kept elsewhere: what was sealed, to be held against the books whoever has had them since.

An anchor is a JSON document of the last head and of every day's, signed as a whole if a key is given. With the leaves
of every day in it, a row that was changed, taken away or added since is named; without them, its day is.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from wallet.audit import seals, signing
from wallet.audit.findings import NOTHING, Check, Findings
from wallet.audit.leaves import Leaf
from wallet.audit.seals import SealCheck
from wallet.errors import InvalidRequest, NotSealed, SealsBroken, reason
from wallet.progress import Progress, silent
from wallet.rules.amounts import show_amount
from wallet.rules.fund import Fund

Anchor = dict[str, Any]
Leaves = dict[str, dict[str, str]]
"""The first digits of every leaf's digest, by day and name."""

LEAF_DIGITS = 16
"""So many hexadecimal digits of a leaf's digest are kept: they find the place, the head has proved the day."""


def export(connection: sa.Connection, book: Fund, *, with_leaves: bool = False, progress: Progress = silent) -> Anchor:
    """Return the head of everything that is sealed, with sums over all of it.

    The chain of the seals is checked; with the leaves, so is everything they are made from.
    Raises: SealsBroken, NotSealed (nothing is).
    """
    found, note = _leaves()
    checked = seals.check(connection, book, progress, note) if with_leaves else SealCheck(connection, book)
    if checked.findings.wrong:
        raise SealsBroken([str(found) for found in checked.findings.kept])
    sealed = list(checked.seals.values())
    if not sealed:
        raise NotSealed("the book")
    anchor: Anchor = {
        "fund": book.code,
        "date": sealed[-1].day.isoformat(),
        "head": sealed[-1].head.hex(),
        "days": len(sealed),
        "entries": sum(each.entries for each in sealed),
        "postings": sum(each.postings for each in sealed),
        "records": sum(each.records for each in sealed),
        "cny": show_amount(sum(each.cny for each in sealed)),
        "shares": show_amount(sum(each.shares for each in sealed)),
        "heads": {each.day.isoformat(): each.head.hex() for each in sealed},
    }
    return anchor | {"leaves": found} if with_leaves else anchor


def signed(anchor: Anchor, key: Path) -> Anchor:
    """Return an anchor with its signature by the private key in a file. Raises: InvalidRequest."""
    return anchor | {"signature": signing.sign(key, _message(anchor)).hex()}


def read(file: Path) -> Anchor:
    """Return the anchor in a file. Raises: InvalidRequest."""
    try:
        anchor: Anchor = json.loads(file.read_bytes())
    except (OSError, ValueError) as error:
        raise InvalidRequest(str(file), f"cannot be read: {reason(error)}") from None
    if not _is_anchor(anchor):
        raise InvalidRequest(str(file), "is no anchor: `fundwallet audit head` writes them")
    return anchor


def verify(
    connection: sa.Connection,
    book: Fund,
    anchor: Anchor | None = None,
    public_key: Path | None = None,
    progress: Progress = silent,
) -> list[Check]:
    """Recompute every seal; hold it against an anchor, and that against a public key. Raises: InvalidRequest."""
    found, note = _leaves()
    kept = anchor.get("leaves") if anchor else None
    checked = seals.check(connection, book, progress, note if kept else None)
    told = [checked.findings]
    if anchor is not None:
        told.append(_unchanged(checked, book, anchor))
    if kept is not None:
        told.append(_compared(kept, found))
    if anchor is not None and public_key is not None:
        told.append(_signature(anchor, public_key))
    return [findings.outcome() for findings in told]


def _unchanged(checked: SealCheck, book: Fund, anchor: Anchor) -> Findings:
    """Hold the heads that are there against those that were kept."""
    findings = Findings("history up to the anchor is unchanged")
    findings.expect("anchor.fund", "the anchor", anchor["fund"], book.code)
    there = {day.isoformat(): each.head.hex() for day, each in checked.seals.items()}
    for day, head in anchor["heads"].items():
        findings.expect("seal.head", day, there.get(day, NOTHING), head)
    return findings


def _compared(kept: Leaves, found: Leaves) -> Findings:
    """Hold the rows that are there against those that were kept; where a seal is gone, that is said already."""
    findings = Findings("every row up to the anchor is unchanged")
    before, now = (
        {name: (day, digits) for day, rows in leaves.items() if day in found for name, digits in rows.items()}
        for leaves in (kept, {day: rows for day, rows in found.items() if day in kept})
    )
    for name in (*before, *sorted(now.keys() - before.keys())):
        (was_on, was), (is_on, there) = (rows.get(name, (None, NOTHING)) for rows in (before, now))
        findings.expect(name, was_on or is_on or "", there, was)
    return findings


def _signature(anchor: Anchor, public_key: Path) -> Findings:
    findings = Findings("the anchor is signed")
    signature, right = anchor.get("signature"), "of this key"
    if signature is None:
        found = NOTHING
    else:
        fine = signing.is_signed(public_key, _message(anchor), bytes.fromhex(signature))
        found = right if fine else "of another key or content"
    findings.expect("signature", "the anchor", found, right)
    return findings


def _leaves() -> tuple[Leaves, Callable[[date, Leaf, bytes], None]]:
    """Return an empty collection of leaves, by day and name, and what fills it."""
    found: Leaves = {}

    def note(day: date, leaf: Leaf, node: bytes) -> None:
        found.setdefault(day.isoformat(), {})[str(leaf)] = node.hex()[:LEAF_DIGITS]

    return found, note


def _message(anchor: Anchor) -> bytes:
    """Return what is signed: everything but the signature, in one way of writing it."""
    content = {key: value for key, value in anchor.items() if key != "signature"}
    return json.dumps(content, sort_keys=True, separators=(",", ":")).encode()


def _is_anchor(anchor: Any) -> bool:
    if not isinstance(anchor, dict) or not isinstance(anchor.get("fund"), str):
        return False
    signature, leaves, heads = (
        anchor.get(name, none) for name, none in (("signature", ""), ("leaves", {}), ("heads", {}))
    )
    digits = set("0123456789abcdef")
    is_hexadecimal = isinstance(signature, str) and len(signature) in (0, 128) and set(signature) <= digits
    named = isinstance(leaves, dict) and all(isinstance(rows, dict) for rows in leaves.values())
    last = isinstance(heads, dict) and heads and heads.get(anchor.get("date")) == anchor.get("head")
    return bool(is_hexadecimal and named and last)
