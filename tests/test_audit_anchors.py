"""Heads kept elsewhere and proofs of single entries, as an auditor types and checks them."""

from __future__ import annotations

import json
import os
import re
import stat
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from ledger.schema import journal_entry, posting
from tests.busy_book import _drop_guards
from tests.desk import Desk, day
from tests.shell import Shell
from wallet.audit import signing
from wallet.schema import seal, trail

FORGED = "signature of the anchor: stored of another key or content, derived of this key"
UNCHANGED, ROWS, SIGNED = (
    "history up to the anchor is unchanged",
    "every row up to the anchor is unchanged",
    "the anchor is signed",
)
SEALS = "sealed days are as they were sealed"

CHECK = '''\
import hashlib, json, sys


def values(record):
    """Yield what a record holds: each value is a letter for its type, its length in four bytes, and its bytes."""
    place = 1  # after the version
    while place < len(record):
        kind, size = record[place : place + 1], int.from_bytes(record[place + 1 : place + 5], "big")
        value, place = record[place + 5 : place + 5 + size], place + 5 + size
        whole = kind in (b"i", b"d", b"t")
        yield int.from_bytes(value, "big", signed=True) if whole else value.decode() if kind == b"s" else value


proof = json.load(sys.stdin)
record, seal = bytes.fromhex(proof["record"]), bytes.fromhex(proof["seal"])
node = hashlib.sha256(b"\\0" + record).digest()
for side, beside in proof["path"]:
    pair = bytes.fromhex(beside) + node if side == "left" else node + bytes.fromhex(beside)
    node = hashlib.sha256(b"\\1" + pair).digest()
assert list(values(record))[:2] == ["entry", proof["entry"]], "the record is of another entry"
assert list(values(seal))[-2] == node, "the entry is not in the seal"
assert hashlib.sha256(b"\\2" + seal).hexdigest() == proof["head"], "the seal is not that of the head"
print("entry", proof["entry"], "is sealed by", proof["head"])
'''
"""What stands in the documentation."""


class Auditor(Shell):
    """An auditor at a terminal, with a directory for files."""

    def __init__(self, desk: Desk, directory: Path) -> None:
        super().__init__(desk.engine.url.render_as_string(hide_password=False))
        self.desk, self.directory = desk, directory

    def head(self, name: str, *words: str) -> Path:
        """Keep the head in a file."""
        file = self.directory / name
        assert self.run("audit", "head", "--out", str(file), *words).code == 0
        return file

    def checks(self, *words: str, code: int = 8) -> dict[str, str]:
        """Verify the seals and return the details of the checks that failed."""
        ended = self.run("--json", "audit", "verify-seals", *words)
        assert ended.code == code, (ended.out, ended.err)
        assert ended.document["ok"] == (code == 0)
        return {check["name"]: check["detail"] for check in ended.document["checks"] if not check["ok"]}

    def falsify(self, *statements: sa.Executable) -> None:
        """Go around the guards."""
        with self.desk.engine.begin() as connection:
            _drop_guards(connection)
            for statement in statements:
                connection.execute(statement)


@pytest.fixture
def auditor(copy_of: Callable[[str], Desk], tmp_path: Path) -> Auditor:
    """Give an auditor of a sealed book."""
    return Auditor(copy_of("sealed"), tmp_path)


def all_heads(file: Path) -> dict[str, str]:
    heads: dict[str, str] = json.loads(file.read_bytes())["heads"]
    return heads


# Anchors


def test_an_anchor_tells_whether_history_is_unchanged(auditor: Auditor) -> None:
    anchor = str(auditor.head("anchor.json"))
    assert auditor.checks("--anchor", anchor, code=0) == {}
    auditor.desk.announce("09-20", 1_0000)
    auditor.desk.announce("09-21", 1_0000)
    auditor.desk.run("09-21")
    assert auditor.checks("--anchor", anchor, code=0) == {}, "days sealed later are no change"
    of_day = sa.select(seal.c.day).where(seal.c.day >= day("09-19"))
    auditor.falsify(sa.delete(seal).where(seal.c.day.in_(of_day)))
    assert auditor.checks(code=0) == {}, "by itself a shorter chain is whole"
    [gone] = auditor.checks("--anchor", anchor).items()
    assert gone[0] == UNCHANGED
    assert gone[1].startswith("seal.head of 2013-09-19: stored nothing, derived ")


def test_history_written_anew_with_its_seals_is_found_by_the_anchor(auditor: Auditor) -> None:
    anchor = auditor.head("anchor.json", "--leaves")
    [wrong] = auditor.desk.rows(posting, posting.c.entry_id == 1)
    auditor.falsify(
        sa.update(posting).where(posting.c.entry_id == 1).values(amount=wrong.amount + 1),
        sa.delete(trail).where(trail.c.number == 1),
        sa.insert(trail).values(dict(auditor.desk.rows(trail)[0]._mapping) | {"number": 0}),
        sa.delete(seal),
    )
    assert auditor.do("audit seal")["sealed"] == 4
    assert auditor.checks(code=0) == {}, "the new seals are those of the new rows"
    found = auditor.checks("--anchor", str(anchor))
    assert found[UNCHANGED].startswith("seal.head of 2013-09-16: stored ")
    places = [re.sub("[0-9a-f]{16}", "…", place) for place in found[ROWS].split("; ")]
    assert places[:3] == [
        "entry 1 of holder 1 of 2013-09-16: stored …, derived …",
        "trail 1 of 2013-09-17: stored nothing, derived …",
        "trail 0 of 2013-09-16: stored …, derived nothing",
    ]


def test_without_leaves_the_day_is_named_and_with_them_the_row(auditor: Auditor) -> None:
    short, long = str(auditor.head("short.json")), str(auditor.head("long.json", "--leaves"))
    first = auditor.desk.rows(journal_entry, journal_entry.c.entry_id == 2)[0]
    auditor.falsify(sa.update(journal_entry).where(journal_entry.c.entry_id == 2).values(memo=""))
    [said] = auditor.checks("--anchor", short).values()
    assert said.startswith("seal.root of 2013-09-16, with as many rows and the same sums: stored ")
    found = auditor.checks("--anchor", long)
    assert found[SEALS] == said
    assert found[ROWS].startswith(f"entry 2 of holder {first.holder_id} of 2013-09-16: stored ")
    assert auditor.run("audit", "head").code == 0, "the chain of the seals is whole"
    code, line = auditor.refused("audit", "head", "--leaves")
    assert (code, line) == (8, f"the seals and the books differ: {said}")


def test_an_anchor_of_another_fund_is_no_anchor_of_this_one(auditor: Auditor) -> None:
    file = auditor.head("anchor.json")
    file.write_text(file.read_text().replace('"000198"', '"000199"'), encoding="utf-8")
    assert auditor.checks("--anchor", str(file)) == {
        UNCHANGED: "anchor.fund of the anchor: stored 000199, derived 000198"
    }


def test_the_head_is_told_with_sums_over_everything(auditor: Auditor) -> None:
    told = auditor.do("audit head")
    rows = auditor.desk.rows(seal)
    assert list(told) == [
        "fund", "date", "head", "days", "entries", "postings", "records", "cny", "shares", "heads",
    ]  # fmt: skip
    assert (told["head"], told["date"], told["days"]) == (rows[-1].head.hex(), "2013-09-19", 4)
    assert told["cny"] == f"{sum(row.cny for row in rows) / 100:.2f}"
    assert told["heads"] == {row.day.isoformat(): row.head.hex() for row in rows}
    shown = auditor.run("audit", "head").out
    assert rows[-1].head.hex() in shown
    assert rows[0].head.hex() not in shown


@pytest.mark.parametrize(
    "content", ["", "[]", "{", '{"fund": "000198"}', '{"fund": "000198", "heads": {}}', '"000198"']
)
def test_a_file_that_is_no_anchor_is_refused(auditor: Auditor, content: str) -> None:
    file = auditor.directory / "anchor.json"
    file.write_text(content, encoding="utf-8")
    code, line = auditor.refused("audit", "verify-seals", "--anchor", str(file))
    assert code == 2
    assert line.startswith(f"{file}: ")
    assert auditor.refused("audit", "verify-seals", "--anchor", str(file.with_name("none")))[0] == 2


def test_nothing_is_written_over_and_nothing_unsealed_exported(auditor: Auditor, desk: Desk) -> None:
    file = auditor.head("anchor.json")
    before = file.read_bytes()
    assert auditor.refused("audit", "head", "--out", str(file)) == (2, f"{file}: cannot be written: File exists")
    assert auditor.refused("audit", "key", "--out", str(file))[0] == 2
    assert file.read_bytes() == before
    empty = Shell(desk.engine.url.render_as_string(hide_password=False))
    assert empty.refused("audit", "head") == (1, "the book is not sealed yet")
    assert empty.do("audit seal") == {"fund": "000198", "sealed": 0, "through": None, "head": None}
    assert empty.run("audit", "verify-seals").code == 0


# Signatures


@pytest.fixture
def keys(auditor: Auditor) -> tuple[Path, Path]:
    """Give a private key that the product made, and the public one."""
    private, public = auditor.directory / "key.pem", auditor.directory / "public.pem"
    ended = auditor.run("audit", "key", "--out", str(private))
    assert ended.code == 0
    public.write_text(ended.out, encoding="utf-8")
    return private, public


def test_a_signed_anchor_bears_its_signature_and_no_other(auditor: Auditor, keys: tuple[Path, Path]) -> None:
    private, public = keys
    if os.name == "posix":
        assert stat.S_IMODE(private.stat().st_mode) == 0o600
    signed = auditor.head("signed.json", "--key", str(private))
    told = ["--anchor", str(signed), "--public-key", str(public)]
    assert auditor.checks(*told, code=0) == {}
    other = auditor.directory / "other.pem"
    other.write_text(signing.make_key(auditor.directory / "another.pem"), encoding="utf-8")
    assert auditor.checks(*told[:3], str(other)) == {SIGNED: FORGED}
    content = json.loads(signed.read_bytes())
    for key, value in {"cny": "1.00", "days": 5, "more": None}.items():
        signed.write_text(json.dumps(content | {key: value}), encoding="utf-8")
        assert auditor.checks(*told) == {SIGNED: FORGED}, key
    signed.write_text(json.dumps(dict(reversed(content.items()))), encoding="utf-8")
    assert auditor.checks(*told, code=0) == {}, "the way the document is written does not matter"
    plain = str(auditor.head("plain.json"))
    assert auditor.checks("--anchor", plain, "--public-key", str(public)) == {
        SIGNED: "signature of the anchor: stored nothing, derived of this key"
    }


def test_a_signature_can_be_checked_without_this_package(auditor: Auditor, keys: tuple[Path, Path]) -> None:
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    content = json.loads(auditor.head("signed.json", "--key", str(keys[0])).read_bytes())
    signature = bytes.fromhex(content.pop("signature"))
    key: Any = load_pem_public_key(keys[1].read_bytes())
    key.verify(signature, json.dumps(content, sort_keys=True, separators=(",", ":")).encode())


def test_what_is_no_key_is_refused(auditor: Auditor, keys: tuple[Path, Path]) -> None:
    private, public = keys
    nothing = str(auditor.directory / "nothing.pem")
    assert auditor.refused("audit", "head", "--key", str(public))[0] == 2
    assert auditor.refused("audit", "head", "--key", nothing) == (
        2,
        f"{nothing}: cannot be read: No such file or directory",
    )
    code, line = auditor.refused("audit", "verify-seals", "--public-key", str(public))
    assert (code, line) == (2, "--public-key: say the --anchor whose signature it is")
    signed = str(auditor.head("signed.json", "--key", str(private)))
    assert auditor.refused("audit", "verify-seals", "--anchor", signed, "--public-key", str(private))[0] == 2
    assert auditor.refused("audit", "verify-seals", "--anchor", signed, "--public-key", signed)[0] == 2


# Proofs


def checked_elsewhere(proof: Any) -> tuple[int, str]:
    """Check a proof by the lines of the documentation, in a process that sees nothing of this package."""
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", CHECK], input=json.dumps(proof), capture_output=True, text=True, check=False
    )
    return done.returncode, done.stdout or done.stderr.splitlines()[-1]


def altered(text: str, place: int) -> str:
    """Return hexadecimal text with another digit."""
    return text[:place] + f"{int(text[place], 16) ^ 1:x}" + text[place + 1 :]


def test_a_proof_is_checked_by_a_few_lines_without_this_package(auditor: Auditor) -> None:
    heads = all_heads(auditor.head("anchor.json"))
    numbers: Sequence[int] = [row.entry_id for row in auditor.desk.rows(journal_entry) if row.value_date < day("09-20")]
    assert len(numbers) > 30
    for number in numbers[:: len(numbers) // 6]:
        proof = auditor.do(f"audit prove {number}")
        assert proof["head"] == heads[proof["date"]]
        said = f"entry {number} is sealed by {proof['head']}\n"
        assert checked_elsewhere(proof) == (0, said)


def test_a_proof_with_another_byte_fails(auditor: Auditor) -> None:
    proof = auditor.do("audit prove 9")
    outside, unread = {"holder", "fund", "date", "index", "leaves", "root"}, set()
    for key, value in proof.items():
        if key == "path":
            changed: Any = [[value[0][0], altered(value[0][1], 5)], *value[1:]]
        elif isinstance(value, str) and key not in ("fund", "date"):
            changed = altered(value, len(value) // 2)
        else:
            changed = 1
        code, said = checked_elsewhere(proof | {key: changed})
        if code == 0:
            unread.add(key)
        else:
            assert "AssertionError: the " in said
    assert unread == outside, "what is told besides is not proved"
    wrong_side = [["left" if side == "right" else "right", node] for side, node in proof["path"]]
    assert checked_elsewhere(proof | {"path": wrong_side})[0] != 0


def test_only_what_is_sealed_and_unchanged_is_proved(auditor: Auditor) -> None:
    assert auditor.refused("audit", "prove", "9999") == (1, "entry 9999 is not sealed yet")
    auditor.desk.transfer_in("alice", 100_00, "09-23 10:00", "later")
    [later] = auditor.desk.rows(journal_entry, journal_entry.c.request_id == "later")
    assert auditor.refused("audit", "prove", str(later.entry_id))[0] == 1
    assert auditor.refused("audit", "prove", "0")[0] == 2
    auditor.falsify(sa.update(journal_entry).where(journal_entry.c.entry_id == 2).values(memo="x"))
    code, line = auditor.refused("audit", "prove", "1")
    assert (code, line[:55]) == (8, "the seals and the books differ: seal.root of 2013-09-16")
    assert auditor.run("audit", "prove", "9").code == 0, "other days are proved as before"


def test_the_readme_has_the_lines_that_check_a_proof() -> None:
    readme = Path(__file__).resolve().parent.parent / "README.md"
    assert CHECK.strip() in readme.read_text(encoding="utf-8")
