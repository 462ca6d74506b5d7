ALTER TABLE seal ADD COLUMN last_file INTEGER DEFAULT '0' NOT NULL;

ALTER TABLE seal ADD COLUMN last_break INTEGER DEFAULT '0' NOT NULL;

ALTER TABLE seal ADD COLUMN last_event INTEGER DEFAULT '0' NOT NULL;

CREATE TABLE link (
    fund TEXT NOT NULL,
    valid_from TEXT NOT NULL,
    distributor TEXT NOT NULL,
    transfer_agent TEXT NOT NULL,
    tolerance INTEGER NOT NULL,
    digest BLOB NOT NULL,
    PRIMARY KEY (fund, valid_from)
)
 STRICT;

CREATE TABLE outside_file (
    number INTEGER NOT NULL,
    fund TEXT NOT NULL,
    name TEXT NOT NULL,
    kind TEXT NOT NULL,
    first_day TEXT NOT NULL,
    day TEXT NOT NULL,
    records INTEGER NOT NULL,
    control INTEGER NOT NULL,
    digest BLOB NOT NULL,
    content BLOB NOT NULL,
    received_at INTEGER NOT NULL,
    PRIMARY KEY (number),
    CONSTRAINT outside_file_name UNIQUE (fund, name)
)
 STRICT;

CREATE TABLE answer (
    holder_id INTEGER NOT NULL,
    application INTEGER NOT NULL,
    business_code TEXT NOT NULL,
    confirmation_date TEXT NOT NULL,
    book TEXT NOT NULL,
    applied INTEGER NOT NULL,
    confirmed INTEGER NOT NULL,
    return_code TEXT NOT NULL,
    final INTEGER NOT NULL,
    ta_serial TEXT NOT NULL,
    original TEXT,
    file INTEGER NOT NULL,
    PRIMARY KEY (holder_id, application, business_code, confirmation_date),
    CONSTRAINT answer_serial UNIQUE (book, confirmation_date, ta_serial)
)
 WITHOUT ROWID,
 STRICT;

CREATE INDEX answer_dated ON answer (book, confirmation_date, holder_id);

CREATE INDEX answer_correction ON answer (book, confirmation_date) WHERE original IS NOT NULL;

CREATE TABLE agent_shares (
    holder_id INTEGER NOT NULL,
    day TEXT NOT NULL,
    kind TEXT NOT NULL,
    book TEXT NOT NULL,
    total INTEGER NOT NULL,
    frozen INTEGER NOT NULL,
    file INTEGER NOT NULL,
    PRIMARY KEY (holder_id, day, kind)
)
 WITHOUT ROWID,
 STRICT;

CREATE INDEX agent_shares_dated ON agent_shares (book, day, holder_id);

CREATE TABLE agent_income (
    holder_id INTEGER NOT NULL,
    day TEXT NOT NULL,
    book TEXT NOT NULL,
    basis INTEGER NOT NULL,
    income INTEGER NOT NULL,
    file INTEGER NOT NULL,
    PRIMARY KEY (holder_id, day)
)
 WITHOUT ROWID,
 STRICT;

CREATE INDEX agent_income_dated ON agent_income (book, day, holder_id);

CREATE TABLE agent_figure (
    fund TEXT NOT NULL,
    day TEXT NOT NULL,
    file INTEGER NOT NULL,
    income_per_10k INTEGER NOT NULL,
    seven_day INTEGER NOT NULL,
    total_shares INTEGER NOT NULL,
    day_income INTEGER NOT NULL,
    PRIMARY KEY (fund, day, file)
)
 STRICT;

CREATE TABLE agent_cash (
    fund TEXT NOT NULL,
    day TEXT NOT NULL,
    sequence TEXT NOT NULL,
    trade_date TEXT NOT NULL,
    business_code TEXT NOT NULL,
    amount INTEGER NOT NULL,
    pay_date TEXT NOT NULL,
    file INTEGER NOT NULL,
    PRIMARY KEY (fund, day, sequence)
)
 STRICT;

CREATE TABLE bank_line (
    fund TEXT NOT NULL,
    statement TEXT NOT NULL,
    line INTEGER NOT NULL,
    day TEXT NOT NULL,
    amount INTEGER NOT NULL,
    reference TEXT,
    counterparty TEXT,
    text TEXT,
    file INTEGER NOT NULL,
    PRIMARY KEY (fund, statement, line)
)
 STRICT;

CREATE INDEX bank_line_dated ON bank_line (fund, day);

CREATE TABLE bank_match (
    fund TEXT NOT NULL,
    statement TEXT NOT NULL,
    line INTEGER NOT NULL,
    part INTEGER NOT NULL,
    item TEXT,
    amount INTEGER NOT NULL,
    day TEXT NOT NULL,
    entry_id INTEGER,
    PRIMARY KEY (fund, statement, line, part)
)
 STRICT;

CREATE INDEX bank_match_item ON bank_match (fund, item);

CREATE TABLE recon_break (
    number INTEGER NOT NULL,
    fund TEXT NOT NULL,
    kind TEXT NOT NULL,
    subject TEXT NOT NULL,
    since TEXT NOT NULL,
    unit TEXT NOT NULL,
    ours INTEGER NOT NULL,
    theirs INTEGER NOT NULL,
    PRIMARY KEY (number)
)
 STRICT;

CREATE TABLE break_event (
    number INTEGER NOT NULL,
    break INTEGER NOT NULL,
    day TEXT NOT NULL,
    state TEXT NOT NULL,
    ours INTEGER NOT NULL,
    theirs INTEGER NOT NULL,
    at INTEGER NOT NULL,
    operator TEXT NOT NULL,
    note TEXT,
    PRIMARY KEY (number)
)
 STRICT;

CREATE INDEX break_event_of ON break_event (break, number);

CREATE TRIGGER link_no_update BEFORE UPDATE ON link BEGIN SELECT RAISE(ABORT, 'link is append-only'); END;

CREATE TRIGGER link_no_delete BEFORE DELETE ON link BEGIN SELECT RAISE(ABORT, 'link is append-only'); END;

CREATE TRIGGER link_no_replace BEFORE INSERT ON link WHEN EXISTS (SELECT 1 FROM link AS old WHERE (old.fund = NEW.fund AND old.valid_from = NEW.valid_from)) BEGIN SELECT RAISE(ABORT, 'link is append-only'); END;

CREATE TRIGGER outside_file_no_update BEFORE UPDATE ON outside_file BEGIN SELECT RAISE(ABORT, 'outside_file is append-only'); END;

CREATE TRIGGER outside_file_no_delete BEFORE DELETE ON outside_file BEGIN SELECT RAISE(ABORT, 'outside_file is append-only'); END;

CREATE TRIGGER outside_file_no_replace BEFORE INSERT ON outside_file WHEN EXISTS (SELECT 1 FROM outside_file AS old WHERE (old.number = NEW.number) OR (old.fund = NEW.fund AND old.name = NEW.name)) BEGIN SELECT RAISE(ABORT, 'outside_file is append-only'); END;

CREATE TRIGGER answer_no_update BEFORE UPDATE ON answer BEGIN SELECT RAISE(ABORT, 'answer is append-only'); END;

CREATE TRIGGER answer_no_delete BEFORE DELETE ON answer BEGIN SELECT RAISE(ABORT, 'answer is append-only'); END;

CREATE TRIGGER answer_no_replace BEFORE INSERT ON answer WHEN EXISTS (SELECT 1 FROM answer AS old WHERE (old.holder_id = NEW.holder_id AND old.application = NEW.application AND old.business_code = NEW.business_code AND old.confirmation_date = NEW.confirmation_date) OR (old.book = NEW.book AND old.confirmation_date = NEW.confirmation_date AND old.ta_serial = NEW.ta_serial)) BEGIN SELECT RAISE(ABORT, 'answer is append-only'); END;

CREATE TRIGGER agent_shares_no_update BEFORE UPDATE ON agent_shares BEGIN SELECT RAISE(ABORT, 'agent_shares is append-only'); END;

CREATE TRIGGER agent_shares_no_delete BEFORE DELETE ON agent_shares BEGIN SELECT RAISE(ABORT, 'agent_shares is append-only'); END;

CREATE TRIGGER agent_shares_no_replace BEFORE INSERT ON agent_shares WHEN EXISTS (SELECT 1 FROM agent_shares AS old WHERE (old.holder_id = NEW.holder_id AND old.day = NEW.day AND old.kind = NEW.kind)) BEGIN SELECT RAISE(ABORT, 'agent_shares is append-only'); END;

CREATE TRIGGER agent_income_no_update BEFORE UPDATE ON agent_income BEGIN SELECT RAISE(ABORT, 'agent_income is append-only'); END;

CREATE TRIGGER agent_income_no_delete BEFORE DELETE ON agent_income BEGIN SELECT RAISE(ABORT, 'agent_income is append-only'); END;

CREATE TRIGGER agent_income_no_replace BEFORE INSERT ON agent_income WHEN EXISTS (SELECT 1 FROM agent_income AS old WHERE (old.holder_id = NEW.holder_id AND old.day = NEW.day)) BEGIN SELECT RAISE(ABORT, 'agent_income is append-only'); END;

CREATE TRIGGER agent_figure_no_update BEFORE UPDATE ON agent_figure BEGIN SELECT RAISE(ABORT, 'agent_figure is append-only'); END;

CREATE TRIGGER agent_figure_no_delete BEFORE DELETE ON agent_figure BEGIN SELECT RAISE(ABORT, 'agent_figure is append-only'); END;

CREATE TRIGGER agent_figure_no_replace BEFORE INSERT ON agent_figure WHEN EXISTS (SELECT 1 FROM agent_figure AS old WHERE (old.fund = NEW.fund AND old.day = NEW.day AND old.file = NEW.file)) BEGIN SELECT RAISE(ABORT, 'agent_figure is append-only'); END;

CREATE TRIGGER agent_cash_no_update BEFORE UPDATE ON agent_cash BEGIN SELECT RAISE(ABORT, 'agent_cash is append-only'); END;

CREATE TRIGGER agent_cash_no_delete BEFORE DELETE ON agent_cash BEGIN SELECT RAISE(ABORT, 'agent_cash is append-only'); END;

CREATE TRIGGER agent_cash_no_replace BEFORE INSERT ON agent_cash WHEN EXISTS (SELECT 1 FROM agent_cash AS old WHERE (old.fund = NEW.fund AND old.day = NEW.day AND old.sequence = NEW.sequence)) BEGIN SELECT RAISE(ABORT, 'agent_cash is append-only'); END;

CREATE TRIGGER bank_line_no_update BEFORE UPDATE ON bank_line BEGIN SELECT RAISE(ABORT, 'bank_line is append-only'); END;

CREATE TRIGGER bank_line_no_delete BEFORE DELETE ON bank_line BEGIN SELECT RAISE(ABORT, 'bank_line is append-only'); END;

CREATE TRIGGER bank_line_no_replace BEFORE INSERT ON bank_line WHEN EXISTS (SELECT 1 FROM bank_line AS old WHERE (old.fund = NEW.fund AND old.statement = NEW.statement AND old.line = NEW.line)) BEGIN SELECT RAISE(ABORT, 'bank_line is append-only'); END;

CREATE TRIGGER bank_match_no_update BEFORE UPDATE ON bank_match BEGIN SELECT RAISE(ABORT, 'bank_match is append-only'); END;

CREATE TRIGGER bank_match_no_delete BEFORE DELETE ON bank_match BEGIN SELECT RAISE(ABORT, 'bank_match is append-only'); END;

CREATE TRIGGER bank_match_no_replace BEFORE INSERT ON bank_match WHEN EXISTS (SELECT 1 FROM bank_match AS old WHERE (old.fund = NEW.fund AND old.statement = NEW.statement AND old.line = NEW.line AND old.part = NEW.part)) BEGIN SELECT RAISE(ABORT, 'bank_match is append-only'); END;

CREATE TRIGGER recon_break_no_update BEFORE UPDATE ON recon_break BEGIN SELECT RAISE(ABORT, 'recon_break is append-only'); END;

CREATE TRIGGER recon_break_no_delete BEFORE DELETE ON recon_break BEGIN SELECT RAISE(ABORT, 'recon_break is append-only'); END;

CREATE TRIGGER recon_break_no_replace BEFORE INSERT ON recon_break WHEN EXISTS (SELECT 1 FROM recon_break AS old WHERE (old.number = NEW.number)) BEGIN SELECT RAISE(ABORT, 'recon_break is append-only'); END;

CREATE TRIGGER break_event_no_update BEFORE UPDATE ON break_event BEGIN SELECT RAISE(ABORT, 'break_event is append-only'); END;

CREATE TRIGGER break_event_no_delete BEFORE DELETE ON break_event BEGIN SELECT RAISE(ABORT, 'break_event is append-only'); END;

CREATE TRIGGER break_event_no_replace BEFORE INSERT ON break_event WHEN EXISTS (SELECT 1 FROM break_event AS old WHERE (old.number = NEW.number)) BEGIN SELECT RAISE(ABORT, 'break_event is append-only'); END;

INSERT INTO account (account_id, code, unit, normal_side, per_holder) SELECT 10, 'suspense', 'CNY', 'credit', 0 WHERE EXISTS (SELECT 1 FROM account WHERE account_id = 1);

INSERT INTO account_total (book, account_id, value_date, debits, credits) SELECT book, 10, value_date, 0, 0 FROM account_total WHERE account_id = 1;
