CREATE SEQUENCE journal_entry_id;

CREATE TABLE account (
    account_id SMALLINT NOT NULL,
    code TEXT NOT NULL,
    unit TEXT NOT NULL,
    normal_side TEXT NOT NULL,
    per_holder SMALLINT NOT NULL,
    PRIMARY KEY (account_id),
    UNIQUE (code)
);

CREATE TABLE account_total (
    book TEXT NOT NULL,
    value_date DATE NOT NULL,
    account_id SMALLINT NOT NULL,
    debits BIGINT NOT NULL,
    credits BIGINT NOT NULL,
    PRIMARY KEY (book, value_date, account_id)
);

CREATE TABLE advance (
    holder_id BIGINT NOT NULL,
    payment BIGINT NOT NULL,
    source BIGINT NOT NULL,
    book TEXT NOT NULL,
    amount BIGINT NOT NULL,
    shares BIGINT,
    value_date DATE NOT NULL,
    redeem_on DATE NOT NULL,
    redeemed_by BIGINT,
    PRIMARY KEY (holder_id, payment, source),
    CONSTRAINT advance_amount CHECK (amount > 0),
    CONSTRAINT advance_shares CHECK (shares >= 0 AND shares <= amount)
);

CREATE INDEX advance_open ON advance (holder_id, redeem_on) WHERE redeemed_by IS NULL;

CREATE TABLE announcement (
    fund TEXT NOT NULL,
    day DATE NOT NULL,
    version SMALLINT NOT NULL,
    income_per_10k BIGINT NOT NULL,
    seven_day BIGINT,
    control_total BIGINT,
    source TEXT NOT NULL,
    digest BYTEA NOT NULL,
    PRIMARY KEY (fund, day, version)
);

CREATE TABLE balance (
    holder_id BIGINT NOT NULL,
    account_id SMALLINT NOT NULL,
    amount BIGINT NOT NULL,
    PRIMARY KEY (holder_id, account_id),
    CONSTRAINT balance_amount CHECK (amount >= 0)
);

CREATE TABLE book_gate (
    book TEXT NOT NULL,
    gate SMALLINT NOT NULL,
    closed_through DATE NOT NULL,
    cut_through DATE NOT NULL,
    PRIMARY KEY (book, gate)
);

CREATE TABLE customer_order (
    holder_id BIGINT NOT NULL,
    entry_id BIGINT NOT NULL,
    book TEXT NOT NULL,
    kind TEXT NOT NULL,
    at BIGINT NOT NULL,
    amount BIGINT NOT NULL,
    remaining BIGINT NOT NULL,
    passed_to_advancer BIGINT NOT NULL,
    merchant TEXT,
    payment BIGINT,
    refunded BIGINT NOT NULL,
    trade_date DATE,
    status TEXT NOT NULL,
    outcome BIGINT,
    return_code TEXT,
    confirmed BIGINT,
    confirmed_by BIGINT,
    PRIMARY KEY (holder_id, entry_id),
    CONSTRAINT customer_order_amount CHECK (amount > 0),
    CONSTRAINT customer_order_remaining CHECK (remaining >= 0 AND passed_to_advancer >= 0 AND remaining + passed_to_advancer <= amount),
    CONSTRAINT customer_order_refunded CHECK (refunded >= 0 AND refunded <= amount)
);

CREATE INDEX customer_order_open ON customer_order (holder_id, trade_date) WHERE status = 'accepted';

CREATE TABLE day_chunk (
    fund TEXT NOT NULL,
    day DATE NOT NULL,
    step TEXT NOT NULL,
    number BIGINT NOT NULL,
    first_holder BIGINT NOT NULL,
    last_holder BIGINT NOT NULL,
    entry_id BIGINT,
    PRIMARY KEY (fund, day, step, number)
);

CREATE TABLE day_step (
    fund TEXT NOT NULL,
    day DATE NOT NULL,
    step TEXT NOT NULL,
    state TEXT NOT NULL,
    booked_at BIGINT NOT NULL,
    PRIMARY KEY (fund, day, step)
);

CREATE TABLE distribution (
    fund TEXT NOT NULL,
    day DATE NOT NULL,
    income_per_10k BIGINT NOT NULL,
    version SMALLINT NOT NULL,
    method TEXT NOT NULL,
    pool BIGINT NOT NULL,
    advancer_holding BIGINT NOT NULL,
    whole BIGINT NOT NULL,
    cut BIGINT NOT NULL,
    threshold BIGINT NOT NULL,
    last_tie BIGINT NOT NULL,
    PRIMARY KEY (fund, day)
);

CREATE TABLE fund (
    code TEXT NOT NULL,
    opened_on DATE NOT NULL,
    market TEXT NOT NULL,
    PRIMARY KEY (code)
);

CREATE TABLE fund_terms (
    fund TEXT NOT NULL,
    valid_from DATE NOT NULL,
    minimum BIGINT NOT NULL,
    holding_cap BIGINT,
    transfer_in_daily BIGINT,
    quota_daily BIGINT,
    instant_daily BIGINT,
    facility BIGINT NOT NULL,
    order_of_use TEXT NOT NULL,
    suspended TEXT NOT NULL,
    digest BYTEA NOT NULL,
    PRIMARY KEY (fund, valid_from)
);

CREATE TABLE holder (
    holder_id BIGINT NOT NULL,
    book TEXT NOT NULL,
    gate SMALLINT NOT NULL,
    PRIMARY KEY (holder_id)
);

CREATE TABLE journal_entry (
    entry_id BIGINT NOT NULL,
    holder_id BIGINT NOT NULL,
    book TEXT NOT NULL,
    kind TEXT NOT NULL,
    value_date DATE NOT NULL,
    booked_at BIGINT NOT NULL,
    request_id TEXT NOT NULL,
    digest BYTEA NOT NULL,
    reverses BIGINT,
    memo TEXT,
    first_holder BIGINT,
    last_holder BIGINT,
    PRIMARY KEY (entry_id, holder_id),
    CONSTRAINT journal_entry_request UNIQUE (holder_id, request_id),
    CONSTRAINT journal_entry_reverses UNIQUE (holder_id, reverses)
);

CREATE INDEX journal_entry_dated ON journal_entry (book, value_date, holder_id);

CREATE TABLE limit_slot (
    book TEXT NOT NULL,
    name TEXT NOT NULL,
    slot SMALLINT NOT NULL,
    used BIGINT NOT NULL,
    PRIMARY KEY (book, name, slot),
    CONSTRAINT limit_slot_used CHECK (used >= 0)
);

CREATE TABLE posting (
    entry_id BIGINT NOT NULL,
    holder_id BIGINT NOT NULL,
    line SMALLINT NOT NULL,
    debit SMALLINT NOT NULL,
    credit SMALLINT NOT NULL,
    amount BIGINT NOT NULL,
    PRIMARY KEY (entry_id, holder_id, line),
    CONSTRAINT posting_amount CHECK (amount > 0),
    CONSTRAINT posting_sides CHECK (debit <> credit)
);

CREATE TABLE wallet (
    holder_id BIGINT NOT NULL,
    book TEXT NOT NULL,
    reference TEXT NOT NULL,
    opened_at BIGINT NOT NULL,
    PRIMARY KEY (holder_id),
    CONSTRAINT wallet_reference UNIQUE (book, reference)
);

CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN RAISE EXCEPTION '% is append-only', TG_TABLE_NAME; END$$;

CREATE TRIGGER journal_entry_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON journal_entry FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

CREATE TRIGGER posting_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON posting FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

CREATE TRIGGER announcement_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON announcement FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

CREATE TRIGGER fund_terms_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON fund_terms FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
