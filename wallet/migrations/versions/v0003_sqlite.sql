ALTER TABLE fund_terms ADD COLUMN four_eyes TEXT DEFAULT '' NOT NULL;

CREATE TABLE trail (
    number INTEGER NOT NULL,
    book TEXT NOT NULL,
    at INTEGER NOT NULL,
    operator TEXT NOT NULL,
    host TEXT NOT NULL,
    command TEXT NOT NULL,
    arguments TEXT NOT NULL,
    began INTEGER,
    outcome TEXT NOT NULL,
    entries TEXT NOT NULL,
    PRIMARY KEY (number)
)
 STRICT;

CREATE TABLE proposal (
    number INTEGER NOT NULL,
    book TEXT NOT NULL,
    operation TEXT NOT NULL,
    arguments TEXT NOT NULL,
    proposed_by TEXT NOT NULL,
    proposed_at INTEGER NOT NULL,
    PRIMARY KEY (number)
)
 STRICT;

CREATE TABLE decision (
    number INTEGER NOT NULL,
    proposal INTEGER NOT NULL,
    verdict TEXT NOT NULL,
    decided_by TEXT NOT NULL,
    decided_at INTEGER NOT NULL,
    why TEXT,
    entry_id INTEGER,
    PRIMARY KEY (number),
    CONSTRAINT decision_proposal UNIQUE (proposal)
)
 STRICT;

CREATE TABLE seal (
    fund TEXT NOT NULL,
    day TEXT NOT NULL,
    version INTEGER NOT NULL,
    entries INTEGER NOT NULL,
    postings INTEGER NOT NULL,
    records INTEGER NOT NULL,
    cny INTEGER NOT NULL,
    shares INTEGER NOT NULL,
    last_holder INTEGER NOT NULL,
    last_trail INTEGER NOT NULL,
    last_proposal INTEGER NOT NULL,
    last_decision INTEGER NOT NULL,
    root BLOB NOT NULL,
    previous BLOB NOT NULL,
    head BLOB NOT NULL,
    PRIMARY KEY (fund, day)
)
 STRICT;

CREATE INDEX customer_order_answered ON customer_order (trade_date) WHERE outcome IS NOT NULL OR return_code IS NOT NULL;

CREATE TRIGGER trail_no_update BEFORE UPDATE ON trail BEGIN SELECT RAISE(ABORT, 'trail is append-only'); END;

CREATE TRIGGER trail_no_delete BEFORE DELETE ON trail BEGIN SELECT RAISE(ABORT, 'trail is append-only'); END;

CREATE TRIGGER trail_no_replace BEFORE INSERT ON trail WHEN EXISTS (SELECT 1 FROM trail AS old WHERE (old.number = NEW.number)) BEGIN SELECT RAISE(ABORT, 'trail is append-only'); END;

CREATE TRIGGER proposal_no_update BEFORE UPDATE ON proposal BEGIN SELECT RAISE(ABORT, 'proposal is append-only'); END;

CREATE TRIGGER proposal_no_delete BEFORE DELETE ON proposal BEGIN SELECT RAISE(ABORT, 'proposal is append-only'); END;

CREATE TRIGGER proposal_no_replace BEFORE INSERT ON proposal WHEN EXISTS (SELECT 1 FROM proposal AS old WHERE (old.number = NEW.number)) BEGIN SELECT RAISE(ABORT, 'proposal is append-only'); END;

CREATE TRIGGER decision_no_update BEFORE UPDATE ON decision BEGIN SELECT RAISE(ABORT, 'decision is append-only'); END;

CREATE TRIGGER decision_no_delete BEFORE DELETE ON decision BEGIN SELECT RAISE(ABORT, 'decision is append-only'); END;

CREATE TRIGGER decision_no_replace BEFORE INSERT ON decision WHEN EXISTS (SELECT 1 FROM decision AS old WHERE (old.number = NEW.number) OR (old.proposal = NEW.proposal)) BEGIN SELECT RAISE(ABORT, 'decision is append-only'); END;

CREATE TRIGGER seal_no_update BEFORE UPDATE ON seal BEGIN SELECT RAISE(ABORT, 'seal is append-only'); END;

CREATE TRIGGER seal_no_delete BEFORE DELETE ON seal BEGIN SELECT RAISE(ABORT, 'seal is append-only'); END;

CREATE TRIGGER seal_no_replace BEFORE INSERT ON seal WHEN EXISTS (SELECT 1 FROM seal AS old WHERE (old.fund = NEW.fund AND old.day = NEW.day)) BEGIN SELECT RAISE(ABORT, 'seal is append-only'); END;

CREATE INDEX journal_entry_spans ON journal_entry (book, value_date, first_holder, last_holder) WHERE first_holder IS NOT NULL;
