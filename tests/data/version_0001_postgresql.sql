SET statement_timeout = 0;
SET lock_timeout = 0;
SET idle_in_transaction_session_timeout = 0;
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SELECT pg_catalog.set_config('search_path', '', false);
SET check_function_bodies = false;
SET xmloption = content;
SET client_min_messages = warning;
SET row_security = off;
CREATE FUNCTION public.refuse_change() RETURNS trigger
    LANGUAGE plpgsql
    AS $$BEGIN RAISE EXCEPTION '% is append-only', TG_TABLE_NAME; END$$;
SET default_tablespace = '';
SET default_table_access_method = heap;
CREATE TABLE public.account (
    account_id smallint NOT NULL,
    code text NOT NULL,
    unit text NOT NULL,
    normal_side text NOT NULL,
    per_holder smallint NOT NULL
);
CREATE TABLE public.account_total (
    book text NOT NULL,
    value_date date NOT NULL,
    account_id smallint NOT NULL,
    debits bigint NOT NULL,
    credits bigint NOT NULL
);
CREATE TABLE public.advance (
    holder_id bigint NOT NULL,
    payment bigint NOT NULL,
    source bigint NOT NULL,
    book text NOT NULL,
    amount bigint NOT NULL,
    shares bigint,
    value_date date NOT NULL,
    redeem_on date NOT NULL,
    redeemed_by bigint,
    CONSTRAINT advance_amount CHECK ((amount > 0)),
    CONSTRAINT advance_shares CHECK (((shares >= 0) AND (shares <= amount)))
);
CREATE TABLE public.announcement (
    fund text NOT NULL,
    day date NOT NULL,
    version smallint NOT NULL,
    income_per_10k bigint NOT NULL,
    seven_day bigint,
    control_total bigint,
    source text NOT NULL,
    digest bytea NOT NULL
);
CREATE TABLE public.balance (
    holder_id bigint NOT NULL,
    account_id smallint NOT NULL,
    amount bigint NOT NULL,
    CONSTRAINT balance_amount CHECK ((amount >= 0))
);
CREATE TABLE public.book_gate (
    book text NOT NULL,
    gate smallint NOT NULL,
    closed_through date NOT NULL,
    cut_through date NOT NULL
);
CREATE TABLE public.customer_order (
    holder_id bigint NOT NULL,
    entry_id bigint NOT NULL,
    book text NOT NULL,
    kind text NOT NULL,
    at bigint NOT NULL,
    amount bigint NOT NULL,
    remaining bigint NOT NULL,
    passed_to_advancer bigint NOT NULL,
    merchant text,
    payment bigint,
    refunded bigint NOT NULL,
    trade_date date,
    status text NOT NULL,
    outcome bigint,
    return_code text,
    confirmed bigint,
    confirmed_by bigint,
    CONSTRAINT customer_order_amount CHECK ((amount > 0)),
    CONSTRAINT customer_order_refunded CHECK (((refunded >= 0) AND (refunded <= amount))),
    CONSTRAINT customer_order_remaining CHECK (((remaining >= 0) AND (passed_to_advancer >= 0) AND ((remaining + passed_to_advancer) <= amount)))
);
CREATE TABLE public.day_chunk (
    fund text NOT NULL,
    day date NOT NULL,
    step text NOT NULL,
    number bigint NOT NULL,
    first_holder bigint NOT NULL,
    last_holder bigint NOT NULL,
    entry_id bigint
);
CREATE TABLE public.day_step (
    fund text NOT NULL,
    day date NOT NULL,
    step text NOT NULL,
    state text NOT NULL,
    booked_at bigint NOT NULL
);
CREATE TABLE public.distribution (
    fund text NOT NULL,
    day date NOT NULL,
    income_per_10k bigint NOT NULL,
    version smallint NOT NULL,
    method text NOT NULL,
    pool bigint NOT NULL,
    advancer_holding bigint NOT NULL,
    whole bigint NOT NULL,
    cut bigint NOT NULL,
    threshold bigint NOT NULL,
    last_tie bigint NOT NULL
);
CREATE TABLE public.fund (
    code text NOT NULL,
    opened_on date NOT NULL,
    market text NOT NULL
);
CREATE TABLE public.fund_terms (
    fund text NOT NULL,
    valid_from date NOT NULL,
    minimum bigint NOT NULL,
    holding_cap bigint,
    transfer_in_daily bigint,
    quota_daily bigint,
    instant_daily bigint,
    facility bigint NOT NULL,
    order_of_use text NOT NULL,
    suspended text NOT NULL,
    digest bytea NOT NULL
);
CREATE TABLE public.fundwallet_version (
    version_num text NOT NULL
);
CREATE TABLE public.holder (
    holder_id bigint NOT NULL,
    book text NOT NULL,
    gate smallint NOT NULL
);
CREATE TABLE public.journal_entry (
    entry_id bigint NOT NULL,
    holder_id bigint NOT NULL,
    book text NOT NULL,
    kind text NOT NULL,
    value_date date NOT NULL,
    booked_at bigint NOT NULL,
    request_id text NOT NULL,
    digest bytea NOT NULL,
    reverses bigint,
    memo text,
    first_holder bigint,
    last_holder bigint
);
CREATE SEQUENCE public.journal_entry_id
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
CREATE TABLE public.limit_slot (
    book text NOT NULL,
    name text NOT NULL,
    slot smallint NOT NULL,
    used bigint NOT NULL,
    CONSTRAINT limit_slot_used CHECK ((used >= 0))
);
CREATE TABLE public.posting (
    entry_id bigint NOT NULL,
    holder_id bigint NOT NULL,
    line smallint NOT NULL,
    debit smallint NOT NULL,
    credit smallint NOT NULL,
    amount bigint NOT NULL,
    CONSTRAINT posting_amount CHECK ((amount > 0)),
    CONSTRAINT posting_sides CHECK ((debit <> credit))
);
CREATE TABLE public.wallet (
    holder_id bigint NOT NULL,
    book text NOT NULL,
    reference text NOT NULL,
    opened_at bigint NOT NULL
);
INSERT INTO public.account VALUES (1, 'cash', 'CNY', 'debit', 0);
INSERT INTO public.account VALUES (2, 'in_transit', 'CNY', 'credit', 1);
INSERT INTO public.account VALUES (3, 'customer_payable', 'CNY', 'credit', 1);
INSERT INTO public.account VALUES (4, 'merchant_payable', 'CNY', 'credit', 0);
INSERT INTO public.account VALUES (5, 'advancer_receivable', 'CNY', 'debit', 0);
INSERT INTO public.account VALUES (6, 'advancer_in_transit', 'CNY', 'credit', 0);
INSERT INTO public.account VALUES (7, 'advancer_payable', 'CNY', 'credit', 0);
INSERT INTO public.account VALUES (8, 'subscription_payable', 'CNY', 'credit', 0);
INSERT INTO public.account VALUES (9, 'redemption_receivable', 'CNY', 'debit', 0);
INSERT INTO public.account VALUES (21, 'register', '000198', 'debit', 0);
INSERT INTO public.account VALUES (22, 'shares', '000198', 'credit', 1);
INSERT INTO public.account VALUES (23, 'redeeming', '000198', 'credit', 1);
INSERT INTO public.account VALUES (24, 'shortfall', '000198', 'debit', 1);
INSERT INTO public.account VALUES (25, 'advancer_shares', '000198', 'credit', 0);
INSERT INTO public.account VALUES (26, 'advancer_income_shares', '000198', 'credit', 0);
INSERT INTO public.account_total VALUES ('000198', '2013-09-16', 1, 300000000, 4000);
INSERT INTO public.account_total VALUES ('000198', '2013-09-16', 2, 34000, 300000000);
INSERT INTO public.account_total VALUES ('000198', '2013-09-16', 3, 4000, 4000);
INSERT INTO public.account_total VALUES ('000198', '2013-09-16', 4, 0, 30000);
INSERT INTO public.account_total VALUES ('000198', '2013-09-16', 5, 30000, 0);
INSERT INTO public.account_total VALUES ('000198', '2013-09-16', 6, 0, 30000);
INSERT INTO public.account_total VALUES ('000198', '2013-09-16', 7, 0, 0);
INSERT INTO public.account_total VALUES ('000198', '2013-09-16', 8, 0, 0);
INSERT INTO public.account_total VALUES ('000198', '2013-09-16', 9, 0, 0);
INSERT INTO public.account_total VALUES ('000198', '2013-09-16', 21, 0, 0);
INSERT INTO public.account_total VALUES ('000198', '2013-09-16', 22, 0, 0);
INSERT INTO public.account_total VALUES ('000198', '2013-09-16', 23, 0, 0);
INSERT INTO public.account_total VALUES ('000198', '2013-09-16', 24, 0, 0);
INSERT INTO public.account_total VALUES ('000198', '2013-09-16', 25, 0, 0);
INSERT INTO public.account_total VALUES ('000198', '2013-09-16', 26, 0, 0);
INSERT INTO public.account_total VALUES ('000198', '2013-09-17', 1, 280005, 300026000);
INSERT INTO public.account_total VALUES ('000198', '2013-09-17', 2, 299996000, 253005);
INSERT INTO public.account_total VALUES ('000198', '2013-09-17', 3, 0, 0);
INSERT INTO public.account_total VALUES ('000198', '2013-09-17', 4, 33000, 30000);
INSERT INTO public.account_total VALUES ('000198', '2013-09-17', 5, 20000, 30000);
INSERT INTO public.account_total VALUES ('000198', '2013-09-17', 6, 30000, 20000);
INSERT INTO public.account_total VALUES ('000198', '2013-09-17', 7, 0, 0);
INSERT INTO public.account_total VALUES ('000198', '2013-09-17', 8, 299996000, 299996000);
INSERT INTO public.account_total VALUES ('000198', '2013-09-17', 9, 0, 0);
INSERT INTO public.account_total VALUES ('000198', '2013-09-17', 21, 299996000, 0);
INSERT INTO public.account_total VALUES ('000198', '2013-09-17', 22, 1000700, 299966000);
INSERT INTO public.account_total VALUES ('000198', '2013-09-17', 23, 0, 1000700);
INSERT INTO public.account_total VALUES ('000198', '2013-09-17', 24, 0, 0);
INSERT INTO public.account_total VALUES ('000198', '2013-09-17', 25, 0, 30000);
INSERT INTO public.account_total VALUES ('000198', '2013-09-17', 26, 0, 0);
INSERT INTO public.account_total VALUES ('000198', '2013-09-18', 1, 1110300, 1357305);
INSERT INTO public.account_total VALUES ('000198', '2013-09-18', 2, 220005, 12000);
INSERT INTO public.account_total VALUES ('000198', '2013-09-18', 3, 1110301, 1110301);
INSERT INTO public.account_total VALUES ('000198', '2013-09-18', 4, 39000, 100000000);
INSERT INTO public.account_total VALUES ('000198', '2013-09-18', 5, 100060000, 80000);
INSERT INTO public.account_total VALUES ('000198', '2013-09-18', 6, 70001, 50001);
INSERT INTO public.account_total VALUES ('000198', '2013-09-18', 7, 45001, 45001);
INSERT INTO public.account_total VALUES ('000198', '2013-09-18', 8, 175003, 175003);
INSERT INTO public.account_total VALUES ('000198', '2013-09-18', 9, 1030300, 1030300);
INSERT INTO public.account_total VALUES ('000198', '2013-09-18', 21, 175003, 1067334);
INSERT INTO public.account_total VALUES ('000198', '2013-09-18', 22, 100047029, 120403);
INSERT INTO public.account_total VALUES ('000198', '2013-09-18', 23, 1000700, 0);
INSERT INTO public.account_total VALUES ('000198', '2013-09-18', 24, 12349, 12345);
INSERT INTO public.account_total VALUES ('000198', '2013-09-18', 25, 30000, 100064999);
INSERT INTO public.account_total VALUES ('000198', '2013-09-18', 26, 0, 0);
INSERT INTO public.advance VALUES (1, 18, 0, '000198', 100000000, 100000000, '2013-09-18', '2013-09-18', NULL);
INSERT INTO public.advance VALUES (4, 19, 17, '000198', 3000, NULL, '2013-09-19', '2013-09-23', NULL);
INSERT INTO public.advance VALUES (2, 20, 0, '000198', 9999, 9999, '2013-09-18', '2013-09-18', NULL);
INSERT INTO public.advance VALUES (2, 22, 0, '000198', 3333, 3333, '2013-09-19', '2013-09-23', NULL);
INSERT INTO public.advance VALUES (2, 20, 9, '000198', 50001, 50001, '2013-09-18', '2013-09-18', NULL);
INSERT INTO public.advance VALUES (4, 19, 11, '000198', 2000, 2000, '2013-09-19', '2013-09-23', NULL);
INSERT INTO public.advance VALUES (4, 16, 11, '000198', 20000, 4999, '2013-09-17', '2013-09-18', NULL);
INSERT INTO public.advance VALUES (2, 4, 2, '000198', 30000, 30000, '2013-09-16', '2013-09-17', 24);
INSERT INTO public.announcement VALUES ('000198', '2013-09-17', 1, 11000, NULL, NULL, 'announced by hand', '\x3f6d63e752e3759fb89c45a8d2e323b2');
INSERT INTO public.announcement VALUES ('000198', '2013-09-17', 2, -12345, NULL, NULL, 'announced by hand', '\x8d4711d04f3f15dc0108b6b173b9d75b');
INSERT INTO public.announcement VALUES ('000198', '2013-09-18', 1, 12000, NULL, 35893, 'announced by hand', '\xe2a948d185e72c2b95af0f1fa84e8491');
INSERT INTO public.announcement VALUES ('000198', '2013-09-19', 1, 13333, NULL, NULL, 'announced by hand', '\xb269051838c807a180720f231f9db7f5');
INSERT INTO public.balance VALUES (1, 3, 0);
INSERT INTO public.balance VALUES (1, 23, 0);
INSERT INTO public.balance VALUES (2, 24, 0);
INSERT INTO public.balance VALUES (3, 24, 0);
INSERT INTO public.balance VALUES (4, 3, 0);
INSERT INTO public.balance VALUES (4, 23, 0);
INSERT INTO public.balance VALUES (4, 24, 0);
INSERT INTO public.balance VALUES (5, 22, 0);
INSERT INTO public.balance VALUES (5, 23, 0);
INSERT INTO public.balance VALUES (5, 24, 0);
INSERT INTO public.balance VALUES (2, 2, 12000);
INSERT INTO public.balance VALUES (1, 2, 0);
INSERT INTO public.balance VALUES (1, 24, 0);
INSERT INTO public.balance VALUES (2, 23, 0);
INSERT INTO public.balance VALUES (3, 2, 0);
INSERT INTO public.balance VALUES (3, 23, 0);
INSERT INTO public.balance VALUES (4, 2, 0);
INSERT INTO public.balance VALUES (5, 2, 0);
INSERT INTO public.balance VALUES (2, 3, 0);
INSERT INTO public.balance VALUES (3, 3, 0);
INSERT INTO public.balance VALUES (5, 3, 0);
INSERT INTO public.balance VALUES (0, 24, 0);
INSERT INTO public.balance VALUES (1, 22, 37661);
INSERT INTO public.balance VALUES (2, 22, 98956201);
INSERT INTO public.balance VALUES (3, 22, 100045361);
INSERT INTO public.balance VALUES (4, 22, 18003);
INSERT INTO public.book_gate VALUES ('000198', 0, '2013-09-18', '2013-09-18');
INSERT INTO public.book_gate VALUES ('000198', 1, '2013-09-18', '2013-09-18');
INSERT INTO public.book_gate VALUES ('000198', 2, '2013-09-18', '2013-09-18');
INSERT INTO public.book_gate VALUES ('000198', 3, '2013-09-18', '2013-09-18');
INSERT INTO public.book_gate VALUES ('000198', 4, '2013-09-18', '2013-09-18');
INSERT INTO public.book_gate VALUES ('000198', 5, '2013-09-18', '2013-09-18');
INSERT INTO public.book_gate VALUES ('000198', 6, '2013-09-18', '2013-09-18');
INSERT INTO public.book_gate VALUES ('000198', 7, '2013-09-18', '2013-09-18');
INSERT INTO public.book_gate VALUES ('000198', 8, '2013-09-18', '2013-09-18');
INSERT INTO public.book_gate VALUES ('000198', 9, '2013-09-18', '2013-09-18');
INSERT INTO public.book_gate VALUES ('000198', 10, '2013-09-18', '2013-09-18');
INSERT INTO public.book_gate VALUES ('000198', 11, '2013-09-18', '2013-09-18');
INSERT INTO public.book_gate VALUES ('000198', 12, '2013-09-18', '2013-09-18');
INSERT INTO public.book_gate VALUES ('000198', 13, '2013-09-18', '2013-09-18');
INSERT INTO public.book_gate VALUES ('000198', 14, '2013-09-18', '2013-09-18');
INSERT INTO public.book_gate VALUES ('000198', 15, '2013-09-18', '2013-09-18');
INSERT INTO public.customer_order VALUES (3, 5, '000198', 'transfer_out_instant', 1379311200000000, 4000, 0, 0, NULL, NULL, 0, NULL, 'done', NULL, NULL, NULL, NULL);
INSERT INTO public.customer_order VALUES (1, 1, '000198', 'transfer_in', 1379296800000000, 100000000, 100000000, 0, NULL, NULL, 0, '2013-09-16', 'confirmed', NULL, NULL, 100000000, 6);
INSERT INTO public.customer_order VALUES (2, 2, '000198', 'transfer_in', 1379296800000000, 100000000, 99970000, 30000, NULL, NULL, 0, '2013-09-16', 'confirmed', NULL, NULL, 100000000, 6);
INSERT INTO public.customer_order VALUES (3, 3, '000198', 'transfer_in', 1379296800000000, 100000000, 99996000, 0, NULL, NULL, 0, '2013-09-16', 'confirmed', NULL, NULL, 99996000, 6);
INSERT INTO public.customer_order VALUES (4, 16, '000198', 'payment', 1379401200000000, 20000, 0, 0, 'shop', NULL, 0, NULL, 'done', NULL, NULL, NULL, NULL);
INSERT INTO public.customer_order VALUES (4, 15, '000198', 'payment', 1379390400000000, 10000, 0, 0, 'shop', NULL, 3000, NULL, 'done', NULL, NULL, NULL, NULL);
INSERT INTO public.customer_order VALUES (1, 18, '000198', 'payment', 1379469600000000, 100000000, 0, 0, 'shop', NULL, 0, NULL, 'done', NULL, NULL, NULL, NULL);
INSERT INTO public.customer_order VALUES (4, 19, '000198', 'payment', 1379556000000000, 5000, 0, 0, 'shop', NULL, 0, NULL, 'done', NULL, NULL, NULL, NULL);
INSERT INTO public.customer_order VALUES (4, 17, '000198', 'refund', 1379404800000000, 3000, 0, 3000, 'shop', 15, 0, '2013-09-18', 'accepted', NULL, NULL, NULL, NULL);
INSERT INTO public.customer_order VALUES (2, 20, '000198', 'transfer_out_instant', 1379473200000000, 60000, 0, 0, NULL, NULL, 0, NULL, 'done', NULL, NULL, NULL, NULL);
INSERT INTO public.customer_order VALUES (2, 21, '000198', 'refund', 1379476800000000, 12000, 12000, 0, 'shop', 4, 0, '2013-09-18', 'accepted', NULL, NULL, NULL, NULL);
INSERT INTO public.customer_order VALUES (2, 4, '000198', 'payment', 1379318400000000, 30000, 0, 0, 'shop', NULL, 12000, NULL, 'done', NULL, NULL, NULL, NULL);
INSERT INTO public.customer_order VALUES (2, 22, '000198', 'payment', 1379563200000000, 3333, 0, 0, 'shop', NULL, 0, NULL, 'done', NULL, NULL, NULL, NULL);
INSERT INTO public.customer_order VALUES (1, 8, '000198', 'transfer_in', 1379383200000000, 50001, 50001, 0, NULL, NULL, 0, '2013-09-17', 'confirmed', NULL, NULL, 50001, 24);
INSERT INTO public.customer_order VALUES (2, 9, '000198', 'transfer_in', 1379383200000000, 50001, 0, 50001, NULL, NULL, 0, '2013-09-17', 'confirmed', NULL, NULL, 50001, 24);
INSERT INTO public.customer_order VALUES (2, 13, '000198', 'transfer_out_standard', 1379383200000000, 1000000, 1000000, 0, NULL, NULL, 0, '2013-09-17', 'confirmed', NULL, NULL, 1000000, 24);
INSERT INTO public.customer_order VALUES (3, 10, '000198', 'transfer_in', 1379383200000000, 50001, 50001, 0, NULL, NULL, 0, '2013-09-17', 'confirmed', NULL, NULL, 50001, 24);
INSERT INTO public.customer_order VALUES (3, 14, '000198', 'transfer_out_standard', 1379383200000000, 700, 700, 0, NULL, NULL, 0, '2013-09-17', 'part_confirmed', 300, '0000', 300, 24);
INSERT INTO public.customer_order VALUES (4, 11, '000198', 'transfer_in', 1379383200000000, 50001, 18001, 22000, NULL, NULL, 0, '2013-09-17', 'part_confirmed', 25000, '0000', 25000, 24);
INSERT INTO public.customer_order VALUES (5, 12, '000198', 'transfer_in', 1379383200000000, 50001, 50001, 0, NULL, NULL, 0, '2013-09-17', 'rejected', 0, '0000', 0, 24);
INSERT INTO public.day_chunk VALUES ('000198', '2013-09-17', 'confirm', 1, 1, 3, 6);
INSERT INTO public.day_chunk VALUES ('000198', '2013-09-17', 'distribute', 1, 0, 5, 23);
INSERT INTO public.day_chunk VALUES ('000198', '2013-09-18', 'confirm', 1, 1, 5, 24);
INSERT INTO public.day_chunk VALUES ('000198', '2013-09-18', 'settle', 1, 2, 5, 26);
INSERT INTO public.day_chunk VALUES ('000198', '2013-09-18', 'distribute', 1, 0, 5, 28);
INSERT INTO public.day_step VALUES ('000198', '2013-09-16', 'confirm', 'done', 1379260800000000);
INSERT INTO public.day_step VALUES ('000198', '2013-09-16', 'settle', 'done', 1379260800000000);
INSERT INTO public.day_step VALUES ('000198', '2013-09-16', 'cutoff', 'done', 1379314800000000);
INSERT INTO public.day_step VALUES ('000198', '2013-09-16', 'close', 'done', 1379347200000000);
INSERT INTO public.day_step VALUES ('000198', '2013-09-16', 'distribute', 'done', 1379347200000000);
INSERT INTO public.day_step VALUES ('000198', '2013-09-16', 'reconcile', 'skipped: no outside record', 1379347200000000);
INSERT INTO public.day_step VALUES ('000198', '2013-09-16', 'prove', 'done', 1379347200000000);
INSERT INTO public.day_step VALUES ('000198', '2013-09-17', 'confirm', 'done', 1379347200000000);
INSERT INTO public.day_step VALUES ('000198', '2013-09-17', 'settle', 'done', 1379347200000000);
INSERT INTO public.day_step VALUES ('000198', '2013-09-17', 'cutoff', 'done', 1379401200000000);
INSERT INTO public.day_step VALUES ('000198', '2013-09-17', 'close', 'done', 1379433600000000);
INSERT INTO public.day_step VALUES ('000198', '2013-09-17', 'distribute', 'done', 1379433600000000);
INSERT INTO public.day_step VALUES ('000198', '2013-09-17', 'reconcile', 'skipped: no outside record', 1379433600000000);
INSERT INTO public.day_step VALUES ('000198', '2013-09-17', 'prove', 'done', 1379433600000000);
INSERT INTO public.day_step VALUES ('000198', '2013-09-18', 'confirm', 'done', 1379433600000000);
INSERT INTO public.day_step VALUES ('000198', '2013-09-18', 'settle', 'done', 1379433600000000);
INSERT INTO public.day_step VALUES ('000198', '2013-09-18', 'cutoff', 'done', 1379487600000000);
INSERT INTO public.day_step VALUES ('000198', '2013-09-18', 'close', 'done', 1379520000000000);
INSERT INTO public.day_step VALUES ('000198', '2013-09-18', 'distribute', 'done', 1379520000000000);
INSERT INTO public.day_step VALUES ('000198', '2013-09-18', 'reconcile', 'skipped: no outside record', 1379520000000000);
INSERT INTO public.day_step VALUES ('000198', '2013-09-18', 'prove', 'done', 1379520000000000);
INSERT INTO public.distribution VALUES ('000198', '2013-09-17', -12345, 2, 'cut and hand out the rest', 299996000, 30000, 37034, 37033, 70350000, 0);
INSERT INTO public.distribution VALUES ('000198', '2013-09-18', 12000, 1, 'cut and hand out the rest', 299103673, 100064999, 35893, 35890, 51872000, 1);
INSERT INTO public.fund VALUES ('000198', '2013-09-16', 'shanghai');
INSERT INTO public.fund_terms VALUES ('000198', '2013-09-16', 100, 10000000000, 10000000000, 100000000000, 10000000000, 100000000000, 'unconfirmed_first', '[]', '\x8149812f4ed84c6d798716c2b7316d8d');
INSERT INTO public.fundwallet_version VALUES ('0001');
INSERT INTO public.holder VALUES (0, '000198', 0);
INSERT INTO public.holder VALUES (1, '000198', 1);
INSERT INTO public.holder VALUES (2, '000198', 2);
INSERT INTO public.holder VALUES (3, '000198', 3);
INSERT INTO public.holder VALUES (4, '000198', 4);
INSERT INTO public.holder VALUES (5, '000198', 5);
INSERT INTO public.journal_entry VALUES (1, 1, '000198', 'transfer_in', '2013-09-16', 1379296800000000, 'r1', '\x482bbda70acdf3246c2a18f9faa3ef11', NULL, NULL, NULL, NULL);
INSERT INTO public.journal_entry VALUES (2, 2, '000198', 'transfer_in', '2013-09-16', 1379296800000000, 'r2', '\x8cb6e713a030aaf92893eec8dbf0035a', NULL, NULL, NULL, NULL);
INSERT INTO public.journal_entry VALUES (3, 3, '000198', 'transfer_in', '2013-09-16', 1379296800000000, 'r3', '\x8a49cc917728859905ef6046fc9c7a34', NULL, NULL, NULL, NULL);
INSERT INTO public.journal_entry VALUES (4, 2, '000198', 'payment', '2013-09-16', 1379318400000000, 'bob paid', '\x799897f5aee4436747c640281e0b71e3', NULL, NULL, NULL, NULL);
INSERT INTO public.journal_entry VALUES (5, 3, '000198', 'transfer_out_instant', '2013-09-16', 1379311200000000, 'r5', '\x365ec3cddac236de60ccb289eb58aac3', NULL, NULL, NULL, NULL);
INSERT INTO public.journal_entry VALUES (6, 0, '000198', 'confirmation', '2013-09-17', 1379347200000000, 'confirm 000198 2013-09-17 1', '\xa067b0129eba1d4fecd4643e1826a6c4', NULL, NULL, 1, 3);
INSERT INTO public.journal_entry VALUES (7, 0, '000198', 'settlement', '2013-09-17', 1379347200000000, 'settle 000198 2013-09-17', '\x4da07427991611dc7b376539d6d508ba', NULL, NULL, NULL, NULL);
INSERT INTO public.journal_entry VALUES (8, 1, '000198', 'transfer_in', '2013-09-17', 1379383200000000, 'second', '\xe22497012975c5a573ca05490e696a88', NULL, NULL, NULL, NULL);
INSERT INTO public.journal_entry VALUES (9, 2, '000198', 'transfer_in', '2013-09-17', 1379383200000000, 'second', '\xceb6ebcda4e0630f07bfbe605eacd0e7', NULL, NULL, NULL, NULL);
INSERT INTO public.journal_entry VALUES (10, 3, '000198', 'transfer_in', '2013-09-17', 1379383200000000, 'second', '\x2063783b677a5ffb8086e7d1318dd037', NULL, NULL, NULL, NULL);
INSERT INTO public.journal_entry VALUES (11, 4, '000198', 'transfer_in', '2013-09-17', 1379383200000000, 'second', '\xe2ff36edc8f9f703df54363668aba9d3', NULL, NULL, NULL, NULL);
INSERT INTO public.journal_entry VALUES (12, 5, '000198', 'transfer_in', '2013-09-17', 1379383200000000, 'second', '\x0a54f50d35e5b068cc40d68f1d929b70', NULL, NULL, NULL, NULL);
INSERT INTO public.journal_entry VALUES (13, 2, '000198', 'transfer_out_standard', '2013-09-17', 1379383200000000, 'out', '\x3a66fd1369018a3ccae90f01e718a71e', NULL, NULL, NULL, NULL);
INSERT INTO public.journal_entry VALUES (14, 3, '000198', 'transfer_out_standard', '2013-09-17', 1379383200000000, 'out', '\x9af059c1bf69a8db8bcbaf477f660dc8', NULL, NULL, NULL, NULL);
INSERT INTO public.journal_entry VALUES (15, 4, '000198', 'payment', '2013-09-17', 1379390400000000, 'dora paid', '\x3d7e62d53ee191a93e49e9127119aa85', NULL, NULL, NULL, NULL);
INSERT INTO public.journal_entry VALUES (16, 4, '000198', 'payment', '2013-09-17', 1379401200000000, 'r14', '\xe5803382a926fea8da9fba0355f52723', NULL, NULL, NULL, NULL);
INSERT INTO public.journal_entry VALUES (17, 4, '000198', 'refund', '2013-09-17', 1379404800000000, 'r15', '\xe7bbcf4613d285a7624adfefb602f615', NULL, NULL, NULL, NULL);
INSERT INTO public.journal_entry VALUES (18, 1, '000198', 'payment', '2013-09-18', 1379469600000000, 'r16', '\x469d8c8abf0f7d3fd0975a695e4050b0', NULL, NULL, NULL, NULL);
INSERT INTO public.journal_entry VALUES (19, 4, '000198', 'payment', '2013-09-19', 1379556000000000, 'r17', '\xcb4ae9089076b5561a9cc2cfdfce7897', NULL, NULL, NULL, NULL);
INSERT INTO public.journal_entry VALUES (20, 2, '000198', 'transfer_out_instant', '2013-09-18', 1379473200000000, 'r18', '\xbc7bc20caa885daa9ee22046e7cda33e', NULL, NULL, NULL, NULL);
INSERT INTO public.journal_entry VALUES (21, 2, '000198', 'refund', '2013-09-18', 1379476800000000, 'r19', '\x9c8ab94c495299ee365fbd9bf00877e3', NULL, NULL, NULL, NULL);
INSERT INTO public.journal_entry VALUES (22, 2, '000198', 'payment', '2013-09-19', 1379563200000000, 'r20', '\x04bc74f477d3622a3bfe3d5beef219e0', NULL, NULL, NULL, NULL);
INSERT INTO public.journal_entry VALUES (23, 0, '000198', 'income', '2013-09-18', 1379433600000000, 'income 000198 2013-09-17 1', '\xa9a18011d52876a76a9e65717fe1aab1', NULL, NULL, 0, 5);
INSERT INTO public.journal_entry VALUES (24, 0, '000198', 'confirmation', '2013-09-18', 1379433600000000, 'confirm 000198 2013-09-18 1', '\x758c10016588319a1ba175fd59638466', NULL, NULL, 1, 5);
INSERT INTO public.journal_entry VALUES (25, 0, '000198', 'claim_returned', '2013-09-19', 1379433600000000, 'claims 000198 2013-09-18 1 2013-09-19', '\x1d60f0dc2d8ed8f6f4d548ece2c6ece9', NULL, NULL, 1, 5);
INSERT INTO public.journal_entry VALUES (26, 0, '000198', 'pay_out', '2013-09-18', 1379433600000000, 'pay out 000198 2013-09-18 1', '\x9ae696fcf6babb8587be9c59c9fb7a61', NULL, NULL, 2, 5);
INSERT INTO public.journal_entry VALUES (27, 0, '000198', 'settlement', '2013-09-18', 1379433600000000, 'settle 000198 2013-09-18', '\x345cfbae394779663ad42cd05534db60', NULL, NULL, NULL, NULL);
INSERT INTO public.journal_entry VALUES (28, 0, '000198', 'income', '2013-09-19', 1379520000000000, 'income 000198 2013-09-18 1', '\x567e5387f0864674e57d3a8db8f7b243', NULL, NULL, 0, 5);
INSERT INTO public.limit_slot VALUES ('000198', 'quota 2013-09-16', 0, 0);
INSERT INTO public.limit_slot VALUES ('000198', 'quota 2013-09-16', 4, 0);
INSERT INTO public.limit_slot VALUES ('000198', 'quota 2013-09-16', 5, 0);
INSERT INTO public.limit_slot VALUES ('000198', 'quota 2013-09-16', 6, 0);
INSERT INTO public.limit_slot VALUES ('000198', 'quota 2013-09-16', 7, 0);
INSERT INTO public.limit_slot VALUES ('000198', 'quota 2013-09-16', 8, 0);
INSERT INTO public.limit_slot VALUES ('000198', 'quota 2013-09-16', 9, 0);
INSERT INTO public.limit_slot VALUES ('000198', 'quota 2013-09-16', 10, 0);
INSERT INTO public.limit_slot VALUES ('000198', 'quota 2013-09-16', 11, 0);
INSERT INTO public.limit_slot VALUES ('000198', 'quota 2013-09-16', 12, 0);
INSERT INTO public.limit_slot VALUES ('000198', 'quota 2013-09-16', 13, 0);
INSERT INTO public.limit_slot VALUES ('000198', 'quota 2013-09-16', 14, 0);
INSERT INTO public.limit_slot VALUES ('000198', 'quota 2013-09-16', 15, 0);
INSERT INTO public.limit_slot VALUES ('000198', 'quota 2013-09-16', 1, 100000000);
INSERT INTO public.limit_slot VALUES ('000198', 'quota 2013-09-16', 2, 100000000);
INSERT INTO public.limit_slot VALUES ('000198', 'quota 2013-09-16', 3, 100000000);
INSERT INTO public.limit_slot VALUES ('000198', 'quota 2013-09-17', 0, 0);
INSERT INTO public.limit_slot VALUES ('000198', 'quota 2013-09-17', 6, 0);
INSERT INTO public.limit_slot VALUES ('000198', 'quota 2013-09-17', 7, 0);
INSERT INTO public.limit_slot VALUES ('000198', 'quota 2013-09-17', 8, 0);
INSERT INTO public.limit_slot VALUES ('000198', 'quota 2013-09-17', 9, 0);
INSERT INTO public.limit_slot VALUES ('000198', 'quota 2013-09-17', 10, 0);
INSERT INTO public.limit_slot VALUES ('000198', 'quota 2013-09-17', 11, 0);
INSERT INTO public.limit_slot VALUES ('000198', 'quota 2013-09-17', 12, 0);
INSERT INTO public.limit_slot VALUES ('000198', 'quota 2013-09-17', 13, 0);
INSERT INTO public.limit_slot VALUES ('000198', 'quota 2013-09-17', 14, 0);
INSERT INTO public.limit_slot VALUES ('000198', 'quota 2013-09-17', 15, 0);
INSERT INTO public.limit_slot VALUES ('000198', 'quota 2013-09-17', 1, 50001);
INSERT INTO public.limit_slot VALUES ('000198', 'quota 2013-09-17', 2, 50001);
INSERT INTO public.limit_slot VALUES ('000198', 'quota 2013-09-17', 3, 50001);
INSERT INTO public.limit_slot VALUES ('000198', 'quota 2013-09-17', 4, 50001);
INSERT INTO public.limit_slot VALUES ('000198', 'quota 2013-09-17', 5, 50001);
INSERT INTO public.limit_slot VALUES ('000198', 'facility', 0, 6254584);
INSERT INTO public.limit_slot VALUES ('000198', 'facility', 1, 6254584);
INSERT INTO public.limit_slot VALUES ('000198', 'facility', 2, 6254584);
INSERT INTO public.limit_slot VALUES ('000198', 'facility', 3, 6254584);
INSERT INTO public.limit_slot VALUES ('000198', 'facility', 4, 6254583);
INSERT INTO public.limit_slot VALUES ('000198', 'facility', 5, 6254583);
INSERT INTO public.limit_slot VALUES ('000198', 'facility', 6, 6254583);
INSERT INTO public.limit_slot VALUES ('000198', 'facility', 7, 6254583);
INSERT INTO public.limit_slot VALUES ('000198', 'facility', 8, 6254583);
INSERT INTO public.limit_slot VALUES ('000198', 'facility', 9, 6254583);
INSERT INTO public.limit_slot VALUES ('000198', 'facility', 10, 6254583);
INSERT INTO public.limit_slot VALUES ('000198', 'facility', 11, 6254583);
INSERT INTO public.limit_slot VALUES ('000198', 'facility', 12, 6254583);
INSERT INTO public.limit_slot VALUES ('000198', 'facility', 13, 6254583);
INSERT INTO public.limit_slot VALUES ('000198', 'facility', 14, 6254583);
INSERT INTO public.limit_slot VALUES ('000198', 'facility', 15, 6254583);
INSERT INTO public.posting VALUES (1, 1, 1, 1, 2, 100000000);
INSERT INTO public.posting VALUES (2, 2, 1, 1, 2, 100000000);
INSERT INTO public.posting VALUES (3, 3, 1, 1, 2, 100000000);
INSERT INTO public.posting VALUES (4, 2, 1, 2, 6, 30000);
INSERT INTO public.posting VALUES (4, 2, 2, 5, 4, 30000);
INSERT INTO public.posting VALUES (5, 3, 1, 2, 3, 4000);
INSERT INTO public.posting VALUES (5, 3, 2, 3, 1, 4000);
INSERT INTO public.posting VALUES (6, 1, 1, 2, 8, 100000000);
INSERT INTO public.posting VALUES (6, 1, 2, 21, 22, 100000000);
INSERT INTO public.posting VALUES (6, 2, 1, 2, 8, 99970000);
INSERT INTO public.posting VALUES (6, 2, 2, 21, 22, 99970000);
INSERT INTO public.posting VALUES (6, 2, 3, 6, 8, 30000);
INSERT INTO public.posting VALUES (6, 2, 4, 21, 25, 30000);
INSERT INTO public.posting VALUES (6, 3, 1, 2, 8, 99996000);
INSERT INTO public.posting VALUES (6, 3, 2, 21, 22, 99996000);
INSERT INTO public.posting VALUES (7, 0, 1, 1, 5, 30000);
INSERT INTO public.posting VALUES (7, 0, 2, 4, 1, 30000);
INSERT INTO public.posting VALUES (7, 0, 3, 8, 1, 299996000);
INSERT INTO public.posting VALUES (8, 1, 1, 1, 2, 50001);
INSERT INTO public.posting VALUES (9, 2, 1, 1, 2, 50001);
INSERT INTO public.posting VALUES (10, 3, 1, 1, 2, 50001);
INSERT INTO public.posting VALUES (11, 4, 1, 1, 2, 50001);
INSERT INTO public.posting VALUES (12, 5, 1, 1, 2, 50001);
INSERT INTO public.posting VALUES (13, 2, 1, 22, 23, 1000000);
INSERT INTO public.posting VALUES (14, 3, 1, 22, 23, 700);
INSERT INTO public.posting VALUES (15, 4, 1, 2, 4, 10000);
INSERT INTO public.posting VALUES (16, 4, 1, 2, 6, 20000);
INSERT INTO public.posting VALUES (16, 4, 2, 5, 4, 20000);
INSERT INTO public.posting VALUES (17, 4, 1, 4, 2, 3000);
INSERT INTO public.posting VALUES (18, 1, 1, 5, 4, 100000000);
INSERT INTO public.posting VALUES (18, 1, 2, 22, 25, 100000000);
INSERT INTO public.posting VALUES (19, 4, 1, 2, 6, 5000);
INSERT INTO public.posting VALUES (19, 4, 2, 5, 4, 5000);
INSERT INTO public.posting VALUES (20, 2, 1, 2, 6, 50001);
INSERT INTO public.posting VALUES (20, 2, 2, 5, 3, 50001);
INSERT INTO public.posting VALUES (20, 2, 3, 5, 3, 9999);
INSERT INTO public.posting VALUES (20, 2, 4, 22, 25, 9999);
INSERT INTO public.posting VALUES (20, 2, 5, 1, 5, 60000);
INSERT INTO public.posting VALUES (20, 2, 6, 3, 1, 60000);
INSERT INTO public.posting VALUES (21, 2, 1, 4, 2, 12000);
INSERT INTO public.posting VALUES (22, 2, 1, 5, 4, 3333);
INSERT INTO public.posting VALUES (22, 2, 2, 22, 25, 3333);
INSERT INTO public.posting VALUES (23, 1, 2, 24, 21, 12345);
INSERT INTO public.posting VALUES (23, 2, 1, 22, 21, 12341);
INSERT INTO public.posting VALUES (23, 3, 1, 22, 21, 12344);
INSERT INTO public.posting VALUES (23, 0, 1, 24, 21, 4);
INSERT INTO public.posting VALUES (24, 1, 1, 2, 8, 50001);
INSERT INTO public.posting VALUES (24, 1, 2, 21, 22, 50001);
INSERT INTO public.posting VALUES (24, 1, 12, 22, 24, 12345);
INSERT INTO public.posting VALUES (24, 2, 3, 6, 8, 50001);
INSERT INTO public.posting VALUES (24, 2, 4, 21, 25, 50001);
INSERT INTO public.posting VALUES (24, 2, 7, 9, 3, 1000000);
INSERT INTO public.posting VALUES (24, 2, 8, 23, 21, 1000000);
INSERT INTO public.posting VALUES (24, 2, 10, 9, 7, 30000);
INSERT INTO public.posting VALUES (24, 2, 11, 25, 21, 30000);
INSERT INTO public.posting VALUES (24, 3, 1, 2, 8, 50001);
INSERT INTO public.posting VALUES (24, 3, 2, 21, 22, 50001);
INSERT INTO public.posting VALUES (24, 3, 7, 9, 3, 300);
INSERT INTO public.posting VALUES (24, 3, 8, 23, 21, 300);
INSERT INTO public.posting VALUES (24, 3, 9, 23, 22, 400);
INSERT INTO public.posting VALUES (24, 4, 1, 2, 8, 20001);
INSERT INTO public.posting VALUES (24, 4, 2, 21, 22, 20001);
INSERT INTO public.posting VALUES (24, 4, 3, 6, 8, 4999);
INSERT INTO public.posting VALUES (24, 4, 4, 21, 25, 4999);
INSERT INTO public.posting VALUES (24, 4, 6, 6, 7, 15001);
INSERT INTO public.posting VALUES (24, 5, 5, 2, 3, 50001);
INSERT INTO public.posting VALUES (25, 4, 1, 6, 2, 2000);
INSERT INTO public.posting VALUES (25, 4, 2, 22, 25, 2000);
INSERT INTO public.posting VALUES (26, 2, 1, 3, 1, 1000000);
INSERT INTO public.posting VALUES (26, 3, 1, 3, 1, 300);
INSERT INTO public.posting VALUES (26, 5, 1, 3, 1, 50001);
INSERT INTO public.posting VALUES (27, 0, 1, 1, 5, 20000);
INSERT INTO public.posting VALUES (27, 0, 2, 4, 1, 27000);
INSERT INTO public.posting VALUES (27, 0, 3, 8, 1, 175003);
INSERT INTO public.posting VALUES (27, 0, 4, 1, 9, 1030300);
INSERT INTO public.posting VALUES (27, 0, 5, 7, 1, 45001);
INSERT INTO public.posting VALUES (28, 1, 1, 21, 22, 5);
INSERT INTO public.posting VALUES (28, 2, 1, 21, 22, 11874);
INSERT INTO public.posting VALUES (28, 3, 1, 21, 22, 12004);
INSERT INTO public.posting VALUES (28, 4, 1, 21, 22, 2);
INSERT INTO public.posting VALUES (28, 0, 1, 21, 26, 12008);
INSERT INTO public.posting VALUES (28, 0, 2, 26, 24, 4);
INSERT INTO public.wallet VALUES (1, '000198', 'alice', 1379260800000000);
INSERT INTO public.wallet VALUES (2, '000198', 'bob', 1379260800000000);
INSERT INTO public.wallet VALUES (3, '000198', 'carol', 1379260800000000);
INSERT INTO public.wallet VALUES (4, '000198', 'dora', 1379260800000000);
INSERT INTO public.wallet VALUES (5, '000198', 'erin', 1379260800000000);
SELECT pg_catalog.setval('public.journal_entry_id', 28, true);
ALTER TABLE ONLY public.account
    ADD CONSTRAINT account_code_key UNIQUE (code);
ALTER TABLE ONLY public.account
    ADD CONSTRAINT account_pkey PRIMARY KEY (account_id);
ALTER TABLE ONLY public.account_total
    ADD CONSTRAINT account_total_pkey PRIMARY KEY (book, value_date, account_id);
ALTER TABLE ONLY public.advance
    ADD CONSTRAINT advance_pkey PRIMARY KEY (holder_id, payment, source);
ALTER TABLE ONLY public.announcement
    ADD CONSTRAINT announcement_pkey PRIMARY KEY (fund, day, version);
ALTER TABLE ONLY public.balance
    ADD CONSTRAINT balance_pkey PRIMARY KEY (holder_id, account_id);
ALTER TABLE ONLY public.book_gate
    ADD CONSTRAINT book_gate_pkey PRIMARY KEY (book, gate);
ALTER TABLE ONLY public.customer_order
    ADD CONSTRAINT customer_order_pkey PRIMARY KEY (holder_id, entry_id);
ALTER TABLE ONLY public.day_chunk
    ADD CONSTRAINT day_chunk_pkey PRIMARY KEY (fund, day, step, number);
ALTER TABLE ONLY public.day_step
    ADD CONSTRAINT day_step_pkey PRIMARY KEY (fund, day, step);
ALTER TABLE ONLY public.distribution
    ADD CONSTRAINT distribution_pkey PRIMARY KEY (fund, day);
ALTER TABLE ONLY public.fund
    ADD CONSTRAINT fund_pkey PRIMARY KEY (code);
ALTER TABLE ONLY public.fund_terms
    ADD CONSTRAINT fund_terms_pkey PRIMARY KEY (fund, valid_from);
ALTER TABLE ONLY public.fundwallet_version
    ADD CONSTRAINT fundwallet_version_pkey PRIMARY KEY (version_num);
ALTER TABLE ONLY public.holder
    ADD CONSTRAINT holder_pkey PRIMARY KEY (holder_id);
ALTER TABLE ONLY public.journal_entry
    ADD CONSTRAINT journal_entry_pkey PRIMARY KEY (entry_id, holder_id);
ALTER TABLE ONLY public.journal_entry
    ADD CONSTRAINT journal_entry_request UNIQUE (holder_id, request_id);
ALTER TABLE ONLY public.journal_entry
    ADD CONSTRAINT journal_entry_reverses UNIQUE (holder_id, reverses);
ALTER TABLE ONLY public.limit_slot
    ADD CONSTRAINT limit_slot_pkey PRIMARY KEY (book, name, slot);
ALTER TABLE ONLY public.posting
    ADD CONSTRAINT posting_pkey PRIMARY KEY (entry_id, holder_id, line);
ALTER TABLE ONLY public.wallet
    ADD CONSTRAINT wallet_pkey PRIMARY KEY (holder_id);
ALTER TABLE ONLY public.wallet
    ADD CONSTRAINT wallet_reference UNIQUE (book, reference);
CREATE INDEX advance_open ON public.advance USING btree (holder_id, redeem_on) WHERE (redeemed_by IS NULL);
CREATE INDEX customer_order_open ON public.customer_order USING btree (holder_id, trade_date) WHERE (status = 'accepted'::text);
CREATE INDEX journal_entry_dated ON public.journal_entry USING btree (book, value_date, holder_id);
CREATE TRIGGER announcement_append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON public.announcement FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_change();
CREATE TRIGGER fund_terms_append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON public.fund_terms FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_change();
CREATE TRIGGER journal_entry_append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON public.journal_entry FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_change();
CREATE TRIGGER posting_append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON public.posting FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_change();
