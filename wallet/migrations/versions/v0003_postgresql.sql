ALTER TABLE fund_terms ADD COLUMN four_eyes TEXT DEFAULT '' NOT NULL;

CREATE TABLE trail (
    number BIGINT NOT NULL,
    book TEXT NOT NULL,
    at BIGINT NOT NULL,
    operator TEXT NOT NULL,
    host TEXT NOT NULL,
    command TEXT NOT NULL,
    arguments TEXT NOT NULL,
    began BIGINT,
    outcome TEXT NOT NULL,
    entries TEXT NOT NULL,
    PRIMARY KEY (number)
);

CREATE TABLE proposal (
    number BIGINT NOT NULL,
    book TEXT NOT NULL,
    operation TEXT NOT NULL,
    arguments TEXT NOT NULL,
    proposed_by TEXT NOT NULL,
    proposed_at BIGINT NOT NULL,
    PRIMARY KEY (number)
);

CREATE TABLE decision (
    number BIGINT NOT NULL,
    proposal BIGINT NOT NULL,
    verdict TEXT NOT NULL,
    decided_by TEXT NOT NULL,
    decided_at BIGINT NOT NULL,
    why TEXT,
    entry_id BIGINT,
    PRIMARY KEY (number),
    CONSTRAINT decision_proposal UNIQUE (proposal)
);

CREATE TABLE seal (
    fund TEXT NOT NULL,
    day DATE NOT NULL,
    version SMALLINT NOT NULL,
    entries BIGINT NOT NULL,
    postings BIGINT NOT NULL,
    records BIGINT NOT NULL,
    cny BIGINT NOT NULL,
    shares BIGINT NOT NULL,
    last_holder BIGINT NOT NULL,
    last_trail BIGINT NOT NULL,
    last_proposal BIGINT NOT NULL,
    last_decision BIGINT NOT NULL,
    root BYTEA NOT NULL,
    previous BYTEA NOT NULL,
    head BYTEA NOT NULL,
    PRIMARY KEY (fund, day)
);

CREATE INDEX customer_order_answered ON customer_order (trade_date) WHERE outcome IS NOT NULL OR return_code IS NOT NULL;

CREATE TRIGGER trail_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON trail FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

CREATE TRIGGER proposal_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON proposal FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

CREATE TRIGGER decision_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON decision FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

CREATE TRIGGER seal_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON seal FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

CREATE INDEX journal_entry_spans ON journal_entry (book, value_date, first_holder, last_holder) WHERE first_holder IS NOT NULL;

ALTER TABLE balance SET (fillfactor = 80);
