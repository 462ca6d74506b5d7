"""The canonical bytes: typed and length-prefixed, so that no two records share theirs; worked by hand here."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from ledger.schema import journal_entry, posting
from wallet.audit import encoding


@pytest.mark.parametrize(
    ("encoded", "by_hand"),
    [
        (encoding.number(258), "69 00000008 0000000000000102"),
        (encoding.number(-1), "69 00000008 ffffffffffffffff"),
        (encoding.number(2**63 - 1), "69 00000008 7fffffffffffffff"),
        (encoding.text("aé"), "73 00000003 61c3a9"),
        (encoding.text(""), "73 00000000"),
        (encoding.data(b"\0\xff"), "62 00000002 00ff"),
        (encoding.day(date(2013, 9, 16)), "64 00000008 00000000000b3797"),
        (encoding.day("2013-09-16"), "64 00000008 00000000000b3797"),
        (encoding.instant(datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC)), "74 00000008 00000000000f4240"),
        (encoding.instant(-1), "74 00000008 ffffffffffffffff"),
        (encoding.postings(b"\1" * 40), "70 00000028" + "01" * 40),
        (encoding.record("step", [encoding.text("x")], 1), "01 73 00000004 73746570 73 00000001 78"),
        (encoding.record("step", [encoding.text("x")]), "02 73 00000004 73746570 73 00000001 78"),
    ],
)
def test_values_are_written_as_agreed(encoded: bytes, by_hand: str) -> None:
    assert encoded == bytes.fromhex(by_hand)


def test_nothing_is_unlike_anything() -> None:
    encoders = encoding.number, encoding.text, encoding.data, encoding.day, encoding.instant
    assert {encode(None) for encode in encoders} == {b"n\0\0\0\0"}
    values = encoding.number(0), encoding.text(""), encoding.text("0"), encoding.data(b""), encoding.instant(0)
    assert len({encoding.NOTHING, *values}) == 6


@pytest.mark.parametrize("written", ["20130916", "2013-W38-1", "2013-9-16", "2013-09-16x", "", "2013-02-30"])
def test_a_day_written_in_another_way_is_refused(written: str) -> None:
    with pytest.raises(ValueError, match=r"day|isoformat"):
        encoding.day(written)


def test_a_column_is_encoded_by_its_type() -> None:
    e = journal_entry.c
    columns = e.entry_id, posting.c.debit, e.memo, e.digest, e.value_date, e.booked_at
    by_type = encoding.number, encoding.number, encoding.text, encoding.data, encoding.day, encoding.instant
    assert [encoding.encoder(column) for column in columns] == list(by_type)
    assert encoding.encoder(sa.Column("n", sa.BigInteger())) is encoding.number


VALUES = st.one_of(
    st.integers(-(2**63), 2**63 - 1).map(encoding.number),
    st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=5).map(encoding.text),
    st.binary(max_size=5).map(encoding.data),
    st.none().map(encoding.number),
)


@given(st.lists(VALUES, max_size=4), st.lists(VALUES, max_size=4))
def test_records_of_other_values_have_other_bytes(one: list[bytes], other: list[bytes]) -> None:
    assert (encoding.record("x", one) == encoding.record("x", other)) == (one == other)


def test_leaves_and_heads_are_digested_apart() -> None:
    record = encoding.record("x", [])
    assert encoding.leaf_digest(record) != encoding.head_digest(record)


def test_a_day_is_its_number_in_the_calendar() -> None:
    first = date(1, 1, 1)
    assert encoding.day(first)[-8:] == (1).to_bytes(8, "big")
    assert encoding.day(first + timedelta(9))[-8:] == (10).to_bytes(8, "big")
