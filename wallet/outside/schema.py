"""The tables of what is sent and received: to and from the transfer agent, from the bank, and what they differ in.

All are only added to. Each has one writing module, named here.

link                    outside.links
outside_file            outside.files
answer                  outside.answers
agent_shares, agent_income, agent_figure, agent_cash   outside.records
bank_line               outside.bank_lines
bank_match              outside.bank
recon_break, break_event   outside.breaks
"""

from __future__ import annotations

import sqlalchemy as sa

from ledger.schema import Bytes, Day, Instant, Integer, Small, Text, column, key, table

link = table(
    "link",
    key("fund", Text),
    key("valid_from", Day),
    column("distributor", Text),
    column("transfer_agent", Text),
    column("tolerance", Integer),
    column("digest", Bytes),
)
"""From which trade date on applications go to a transfer agent in files: under which codes, and up to which difference
a break lets the next day close (fen, hundredths of a share). Before it, and without any, the day is stand-alone."""

outside_file = table(
    "outside_file",
    key("number", Integer),
    column("fund", Text),
    column("name", Text),
    column("kind", Text),
    column("first_day", Day),
    column("day", Day),
    column("records", Integer),
    column("control", Integer),
    column("digest", Bytes),
    column("content", Bytes),
    column("received_at", Instant),
    sa.UniqueConstraint("fund", "name", name="outside_file_name"),
)
"""A file sent or received, numbered without a gap. `kind`: its type ("03", "04", "05" …) or "bank"; `first_day`, `day`:
what it is about; `control`: of 03 what the advancer applies for, of 06 the sum of the income, of a statement its
closing balance, else 0; `digest` of its bytes, `content` of the rows that were made of it."""

answer = table(
    "answer",
    key("holder_id", Integer),
    key("application", Integer),
    key("business_code", Text),
    key("confirmation_date", Day),
    column("book", Text),
    column("applied", Integer),
    column("confirmed", Integer),
    column("return_code", Text),
    column("final", Small),
    column("ta_serial", Text),
    column("original", Text, null=True),
    column("file", Integer),
    sa.UniqueConstraint("book", "confirmation_date", "ta_serial", name="answer_serial"),
    sa.Index("answer_dated", "book", "confirmation_date", "holder_id"),
    clustered=True,
)
"""What the transfer agent said of one application on one day.

`application`: the entry of an order, of a quick transfer the payment's, of the advancer's redemption its trade date as
a number (20130916, holder 0); `final`: 0 where the rest is carried over; `original`: of a correction, the serial that
it takes back.
"""

CORRECTS = answer.c.original.is_not(None)
sa.Index(
    "answer_correction", answer.c.book, answer.c.confirmation_date, sqlite_where=CORRECTS, postgresql_where=CORRECTS
)
agent_shares = table(
    "agent_shares",
    key("holder_id", Integer),
    key("day", Day),
    key("kind", Text),
    column("book", Text),
    column("total", Integer),
    column("frozen", Integer),
    column("file", Integer),
    sa.Index("agent_shares_dated", "book", "day", "holder_id"),
    clustered=True,
)
"""The transfer agent's register as of the end of a day (files 05, 35), in hundredths."""

agent_income = table(
    "agent_income",
    key("holder_id", Integer),
    key("day", Day),
    column("book", Text),
    column("basis", Integer),
    column("income", Integer),
    column("file", Integer),
    sa.Index("agent_income_dated", "book", "day", "holder_id"),
    clustered=True,
)
"""The income of a day by the transfer agent (file 06), signed."""

agent_figure = table(
    "agent_figure",
    key("fund", Text),
    key("day", Day),
    key("file", Integer),
    column("income_per_10k", Integer),
    column("seven_day", Integer),
    column("total_shares", Integer),
    column("day_income", Integer),
)
"""What the fund published of a day (file 07): the last file holds. Units as of announcements; shares and income of the
whole fund."""

agent_cash = table(
    "agent_cash",
    key("fund", Text),
    key("day", Day),
    key("sequence", Text),
    column("trade_date", Day),
    column("business_code", Text),
    column("amount", Integer),
    column("pay_date", Day),
    column("file", Integer),
)
"""Cash clearing (file 25): `amount` is signed, positive what the fund pays to us."""

bank_line = table(
    "bank_line",
    key("fund", Text),
    key("statement", Text),
    key("line", Integer),
    column("day", Day),
    column("amount", Integer),
    column("reference", Text, null=True),
    column("counterparty", Text, null=True),
    column("text", Text, null=True),
    column("file", Integer),
    sa.Index("bank_line_dated", "fund", "day"),
)
"""A booked line of a statement; `amount` is signed, positive what came in."""

bank_match = table(
    "bank_match",
    key("fund", Text),
    key("statement", Text),
    key("line", Integer),
    key("part", Small),
    column("item", Text, null=True),
    column("amount", Integer),
    column("day", Day),
    column("entry_id", Integer, null=True),
    sa.Index("bank_match_item", "fund", "item"),
)
"""What a line was matched to: an open item, or with `entry_id`, the suspense account, and then `item` is only what the
line named. `day`: the day that was reconciled; the parts of a line add up to it."""

recon_break = table(
    "recon_break",
    key("number", Integer),
    column("fund", Text),
    column("kind", Text),
    column("subject", Text),
    column("since", Day),
    column("unit", Text),
    column("ours", Integer),
    column("theirs", Integer),
)
"""A difference between the books and an outside record, as it was first seen; `subject` says whose or which."""

break_event = table(
    "break_event",
    key("number", Integer),
    column("break", Integer),
    column("day", Day),
    column("state", Text),
    column("ours", Integer),
    column("theirs", Integer),
    column("at", Instant),
    column("operator", Text),
    column("note", Text, null=True),
    sa.Index("break_event_of", "break", "number"),
)
"""What became of a break, first of all that it was opened: the last event says how it stands."""

OUTSIDE = (
    link,
    outside_file,
    answer,
    agent_shares,
    agent_income,
    agent_figure,
    agent_cash,
    bank_line,
    bank_match,
    recon_break,
    break_event,
)
