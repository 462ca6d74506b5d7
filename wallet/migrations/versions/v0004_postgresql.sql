ALTER TABLE seal ADD COLUMN last_file BIGINT DEFAULT '0' NOT NULL;

ALTER TABLE seal ADD COLUMN last_break BIGINT DEFAULT '0' NOT NULL;

ALTER TABLE seal ADD COLUMN last_event BIGINT DEFAULT '0' NOT NULL;

CREATE TABLE link (
    fund TEXT NOT NULL,
    valid_from DATE NOT NULL,
    distributor TEXT NOT NULL,
    transfer_agent TEXT NOT NULL,
    tolerance BIGINT NOT NULL,
    digest BYTEA NOT NULL,
    PRIMARY KEY (fund, valid_from)
);

CREATE TABLE outside_file (
    number BIGINT NOT NULL,
    fund TEXT NOT NULL,
    name TEXT NOT NULL,
    kind TEXT NOT NULL,
    first_day DATE NOT NULL,
    day DATE NOT NULL,
    records BIGINT NOT NULL,
    control BIGINT NOT NULL,
    digest BYTEA NOT NULL,
    content BYTEA NOT NULL,
    received_at BIGINT NOT NULL,
    PRIMARY KEY (number),
    CONSTRAINT outside_file_name UNIQUE (fund, name)
);

CREATE TABLE answer (
    holder_id BIGINT NOT NULL,
    application BIGINT NOT NULL,
    business_code TEXT NOT NULL,
    confirmation_date DATE NOT NULL,
    book TEXT NOT NULL,
    applied BIGINT NOT NULL,
    confirmed BIGINT NOT NULL,
    return_code TEXT NOT NULL,
    final SMALLINT NOT NULL,
    ta_serial TEXT NOT NULL,
    original TEXT,
    file BIGINT NOT NULL,
    PRIMARY KEY (holder_id, application, business_code, confirmation_date),
    CONSTRAINT answer_serial UNIQUE (book, confirmation_date, ta_serial)
);

CREATE INDEX answer_dated ON answer (book, confirmation_date, holder_id);

CREATE INDEX answer_correction ON answer (book, confirmation_date) WHERE original IS NOT NULL;

CREATE TABLE agent_shares (
    holder_id BIGINT NOT NULL,
    day DATE NOT NULL,
    kind TEXT NOT NULL,
    book TEXT NOT NULL,
    total BIGINT NOT NULL,
    frozen BIGINT NOT NULL,
    file BIGINT NOT NULL,
    PRIMARY KEY (holder_id, day, kind)
);

CREATE INDEX agent_shares_dated ON agent_shares (book, day, holder_id);

CREATE TABLE agent_income (
    holder_id BIGINT NOT NULL,
    day DATE NOT NULL,
    book TEXT NOT NULL,
    basis BIGINT NOT NULL,
    income BIGINT NOT NULL,
    file BIGINT NOT NULL,
    PRIMARY KEY (holder_id, day)
);

CREATE INDEX agent_income_dated ON agent_income (book, day, holder_id);

CREATE TABLE agent_figure (
    fund TEXT NOT NULL,
    day DATE NOT NULL,
    file BIGINT NOT NULL,
    income_per_10k BIGINT NOT NULL,
    seven_day BIGINT NOT NULL,
    total_shares BIGINT NOT NULL,
    day_income BIGINT NOT NULL,
    PRIMARY KEY (fund, day, file)
);

CREATE TABLE agent_cash (
    fund TEXT NOT NULL,
    day DATE NOT NULL,
    sequence TEXT NOT NULL,
    trade_date DATE NOT NULL,
    business_code TEXT NOT NULL,
    amount BIGINT NOT NULL,
    pay_date DATE NOT NULL,
    file BIGINT NOT NULL,
    PRIMARY KEY (fund, day, sequence)
);

CREATE TABLE bank_line (
    fund TEXT NOT NULL,
    statement TEXT NOT NULL,
    line BIGINT NOT NULL,
    day DATE NOT NULL,
    amount BIGINT NOT NULL,
    reference TEXT,
    counterparty TEXT,
    text TEXT,
    file BIGINT NOT NULL,
    PRIMARY KEY (fund, statement, line)
);

CREATE INDEX bank_line_dated ON bank_line (fund, day);

CREATE TABLE bank_match (
    fund TEXT NOT NULL,
    statement TEXT NOT NULL,
    line BIGINT NOT NULL,
    part SMALLINT NOT NULL,
    item TEXT,
    amount BIGINT NOT NULL,
    day DATE NOT NULL,
    entry_id BIGINT,
    PRIMARY KEY (fund, statement, line, part)
);

CREATE INDEX bank_match_item ON bank_match (fund, item);

CREATE TABLE recon_break (
    number BIGINT NOT NULL,
    fund TEXT NOT NULL,
    kind TEXT NOT NULL,
    subject TEXT NOT NULL,
    since DATE NOT NULL,
    unit TEXT NOT NULL,
    ours BIGINT NOT NULL,
    theirs BIGINT NOT NULL,
    PRIMARY KEY (number)
);

CREATE TABLE break_event (
    number BIGINT NOT NULL,
    break BIGINT NOT NULL,
    day DATE NOT NULL,
    state TEXT NOT NULL,
    ours BIGINT NOT NULL,
    theirs BIGINT NOT NULL,
    at BIGINT NOT NULL,
    operator TEXT NOT NULL,
    note TEXT,
    PRIMARY KEY (number)
);

CREATE INDEX break_event_of ON break_event (break, number);

CREATE TRIGGER link_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON link FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

CREATE TRIGGER outside_file_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON outside_file FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

CREATE TRIGGER answer_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON answer FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

CREATE TRIGGER agent_shares_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON agent_shares FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

CREATE TRIGGER agent_income_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON agent_income FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

CREATE TRIGGER agent_figure_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON agent_figure FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

CREATE TRIGGER agent_cash_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON agent_cash FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

CREATE TRIGGER bank_line_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON bank_line FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

CREATE TRIGGER bank_match_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON bank_match FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

CREATE TRIGGER recon_break_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON recon_break FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

CREATE TRIGGER break_event_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON break_event FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

INSERT INTO account (account_id, code, unit, normal_side, per_holder) SELECT 10, 'suspense', 'CNY', 'credit', 0 WHERE EXISTS (SELECT 1 FROM account WHERE account_id = 1);

INSERT INTO account_total (book, account_id, value_date, debits, credits) SELECT book, 10, value_date, 0, 0 FROM account_total WHERE account_id = 1;
