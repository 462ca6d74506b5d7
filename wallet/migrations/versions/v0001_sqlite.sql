CREATE TABLE account (
    account_id INTEGER NOT NULL,
    code TEXT NOT NULL,
    unit TEXT NOT NULL,
    normal_side TEXT NOT NULL,
    per_holder INTEGER NOT NULL,
    PRIMARY KEY (account_id),
    UNIQUE (code)
)
 STRICT;

CREATE TABLE account_total (
    book TEXT NOT NULL,
    value_date TEXT NOT NULL,
    account_id INTEGER NOT NULL,
    debits INTEGER NOT NULL,
    credits INTEGER NOT NULL,
    PRIMARY KEY (book, value_date, account_id)
)
 WITHOUT ROWID,
 STRICT;

CREATE TABLE advance (
    holder_id INTEGER NOT NULL,
    payment INTEGER NOT NULL,
    source INTEGER NOT NULL,
    book TEXT NOT NULL,
    amount INTEGER NOT NULL,
    shares INTEGER,
    value_date TEXT NOT NULL,
    redeem_on TEXT NOT NULL,
    redeemed_by INTEGER,
    PRIMARY KEY (holder_id, payment, source),
    CONSTRAINT advance_amount CHECK (amount > 0),
    CONSTRAINT advance_shares CHECK (shares >= 0 AND shares <= amount)
)
 WITHOUT ROWID,
 STRICT;

CREATE INDEX advance_open ON advance (holder_id, redeem_on) WHERE redeemed_by IS NULL;

CREATE TABLE announcement (
    fund TEXT NOT NULL,
    day TEXT NOT NULL,
    version INTEGER NOT NULL,
    income_per_10k INTEGER NOT NULL,
    seven_day INTEGER,
    control_total INTEGER,
    source TEXT NOT NULL,
    digest BLOB NOT NULL,
    PRIMARY KEY (fund, day, version)
)
 STRICT;

CREATE TABLE balance (
    holder_id INTEGER NOT NULL,
    account_id INTEGER NOT NULL,
    amount INTEGER NOT NULL,
    PRIMARY KEY (holder_id, account_id),
    CONSTRAINT balance_amount CHECK (amount >= 0)
)
 WITHOUT ROWID,
 STRICT;

CREATE TABLE book_gate (
    book TEXT NOT NULL,
    gate INTEGER NOT NULL,
    closed_through TEXT NOT NULL,
    cut_through TEXT NOT NULL,
    PRIMARY KEY (book, gate)
)
 STRICT;

CREATE TABLE customer_order (
    holder_id INTEGER NOT NULL,
    entry_id INTEGER NOT NULL,
    book TEXT NOT NULL,
    kind TEXT NOT NULL,
    at INTEGER NOT NULL,
    amount INTEGER NOT NULL,
    remaining INTEGER NOT NULL,
    passed_to_advancer INTEGER NOT NULL,
    merchant TEXT,
    payment INTEGER,
    refunded INTEGER NOT NULL,
    trade_date TEXT,
    status TEXT NOT NULL,
    outcome INTEGER,
    return_code TEXT,
    confirmed INTEGER,
    confirmed_by INTEGER,
    PRIMARY KEY (holder_id, entry_id),
    CONSTRAINT customer_order_amount CHECK (amount > 0),
    CONSTRAINT customer_order_remaining CHECK (remaining >= 0 AND passed_to_advancer >= 0 AND remaining + passed_to_advancer <= amount),
    CONSTRAINT customer_order_refunded CHECK (refunded >= 0 AND refunded <= amount)
)
 WITHOUT ROWID,
 STRICT;

CREATE INDEX customer_order_open ON customer_order (holder_id, trade_date) WHERE status = 'accepted';

CREATE TABLE day_chunk (
    fund TEXT NOT NULL,
    day TEXT NOT NULL,
    step TEXT NOT NULL,
    number INTEGER NOT NULL,
    first_holder INTEGER NOT NULL,
    last_holder INTEGER NOT NULL,
    entry_id INTEGER,
    PRIMARY KEY (fund, day, step, number)
)
 STRICT;

CREATE TABLE day_step (
    fund TEXT NOT NULL,
    day TEXT NOT NULL,
    step TEXT NOT NULL,
    state TEXT NOT NULL,
    booked_at INTEGER NOT NULL,
    PRIMARY KEY (fund, day, step)
)
 STRICT;

CREATE TABLE distribution (
    fund TEXT NOT NULL,
    day TEXT NOT NULL,
    income_per_10k INTEGER NOT NULL,
    version INTEGER NOT NULL,
    method TEXT NOT NULL,
    pool INTEGER NOT NULL,
    advancer_holding INTEGER NOT NULL,
    whole INTEGER NOT NULL,
    cut INTEGER NOT NULL,
    threshold INTEGER NOT NULL,
    last_tie INTEGER NOT NULL,
    PRIMARY KEY (fund, day)
)
 STRICT;

CREATE TABLE fund (
    code TEXT NOT NULL,
    opened_on TEXT NOT NULL,
    market TEXT NOT NULL,
    PRIMARY KEY (code)
)
 STRICT;

CREATE TABLE fund_terms (
    fund TEXT NOT NULL,
    valid_from TEXT NOT NULL,
    minimum INTEGER NOT NULL,
    holding_cap INTEGER,
    transfer_in_daily INTEGER,
    quota_daily INTEGER,
    instant_daily INTEGER,
    facility INTEGER NOT NULL,
    order_of_use TEXT NOT NULL,
    suspended TEXT NOT NULL,
    digest BLOB NOT NULL,
    PRIMARY KEY (fund, valid_from)
)
 STRICT;

CREATE TABLE holder (
    holder_id INTEGER NOT NULL,
    book TEXT NOT NULL,
    gate INTEGER NOT NULL,
    PRIMARY KEY (holder_id)
)
 STRICT;

CREATE TABLE journal_entry (
    entry_id INTEGER NOT NULL,
    holder_id INTEGER NOT NULL,
    book TEXT NOT NULL,
    kind TEXT NOT NULL,
    value_date TEXT NOT NULL,
    booked_at INTEGER NOT NULL,
    request_id TEXT NOT NULL,
    digest BLOB NOT NULL,
    reverses INTEGER,
    memo TEXT,
    first_holder INTEGER,
    last_holder INTEGER,
    PRIMARY KEY (entry_id, holder_id),
    CONSTRAINT journal_entry_request UNIQUE (holder_id, request_id),
    CONSTRAINT journal_entry_reverses UNIQUE (holder_id, reverses)
)
 WITHOUT ROWID,
 STRICT;

CREATE INDEX journal_entry_dated ON journal_entry (book, value_date, holder_id);

CREATE TABLE limit_slot (
    book TEXT NOT NULL,
    name TEXT NOT NULL,
    slot INTEGER NOT NULL,
    used INTEGER NOT NULL,
    PRIMARY KEY (book, name, slot),
    CONSTRAINT limit_slot_used CHECK (used >= 0)
)
 STRICT;

CREATE TABLE posting (
    entry_id INTEGER NOT NULL,
    holder_id INTEGER NOT NULL,
    line INTEGER NOT NULL,
    debit INTEGER NOT NULL,
    credit INTEGER NOT NULL,
    amount INTEGER NOT NULL,
    PRIMARY KEY (entry_id, holder_id, line),
    CONSTRAINT posting_amount CHECK (amount > 0),
    CONSTRAINT posting_sides CHECK (debit <> credit)
)
 WITHOUT ROWID,
 STRICT;

CREATE TABLE wallet (
    holder_id INTEGER NOT NULL,
    book TEXT NOT NULL,
    reference TEXT NOT NULL,
    opened_at INTEGER NOT NULL,
    PRIMARY KEY (holder_id),
    CONSTRAINT wallet_reference UNIQUE (book, reference)
)
 STRICT;

CREATE TRIGGER journal_entry_no_update BEFORE UPDATE ON journal_entry BEGIN SELECT RAISE(ABORT, 'journal_entry is append-only'); END;

CREATE TRIGGER journal_entry_no_delete BEFORE DELETE ON journal_entry BEGIN SELECT RAISE(ABORT, 'journal_entry is append-only'); END;

CREATE TRIGGER journal_entry_no_replace BEFORE INSERT ON journal_entry WHEN EXISTS (SELECT 1 FROM journal_entry AS old WHERE (old.entry_id = NEW.entry_id AND old.holder_id = NEW.holder_id) OR (old.holder_id = NEW.holder_id AND old.request_id = NEW.request_id) OR (old.holder_id = NEW.holder_id AND old.reverses = NEW.reverses)) BEGIN SELECT RAISE(ABORT, 'journal_entry is append-only'); END;

CREATE TRIGGER posting_no_update BEFORE UPDATE ON posting BEGIN SELECT RAISE(ABORT, 'posting is append-only'); END;

CREATE TRIGGER posting_no_delete BEFORE DELETE ON posting BEGIN SELECT RAISE(ABORT, 'posting is append-only'); END;

CREATE TRIGGER posting_no_replace BEFORE INSERT ON posting WHEN EXISTS (SELECT 1 FROM posting AS old WHERE (old.entry_id = NEW.entry_id AND old.holder_id = NEW.holder_id AND old.line = NEW.line)) BEGIN SELECT RAISE(ABORT, 'posting is append-only'); END;

CREATE TRIGGER announcement_no_update BEFORE UPDATE ON announcement BEGIN SELECT RAISE(ABORT, 'announcement is append-only'); END;

CREATE TRIGGER announcement_no_delete BEFORE DELETE ON announcement BEGIN SELECT RAISE(ABORT, 'announcement is append-only'); END;

CREATE TRIGGER announcement_no_replace BEFORE INSERT ON announcement WHEN EXISTS (SELECT 1 FROM announcement AS old WHERE (old.fund = NEW.fund AND old.day = NEW.day AND old.version = NEW.version)) BEGIN SELECT RAISE(ABORT, 'announcement is append-only'); END;

CREATE TRIGGER fund_terms_no_update BEFORE UPDATE ON fund_terms BEGIN SELECT RAISE(ABORT, 'fund_terms is append-only'); END;

CREATE TRIGGER fund_terms_no_delete BEFORE DELETE ON fund_terms BEGIN SELECT RAISE(ABORT, 'fund_terms is append-only'); END;

CREATE TRIGGER fund_terms_no_replace BEFORE INSERT ON fund_terms WHEN EXISTS (SELECT 1 FROM fund_terms AS old WHERE (old.fund = NEW.fund AND old.valid_from = NEW.valid_from)) BEGIN SELECT RAISE(ABORT, 'fund_terms is append-only'); END;
