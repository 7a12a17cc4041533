CREATE TABLE deposit_accounts (
    deposit_account_id text        PRIMARY KEY,
    tenant_id          text        NOT NULL,
    environment        text        NOT NULL CHECK (environment IN ('sandbox', 'live')),
    currency           text        NOT NULL CHECK (currency ~ '^[A-Z][A-Z0-9]{2,9}$'),
    label              text        NOT NULL CHECK (char_length(label) <= 64),
    version            bigint      NOT NULL,
    created_at         timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX deposit_accounts_of_tenant
    ON deposit_accounts (tenant_id, environment, deposit_account_id);

CREATE TABLE deposits (
    deposit_id         text        PRIMARY KEY,
    deposit_account_id text        NOT NULL REFERENCES deposit_accounts,
    tenant_id          text        NOT NULL,
    environment        text        NOT NULL CHECK (environment IN ('sandbox', 'live')),
    minor_units        bigint      NOT NULL CHECK (minor_units > 0),
    currency           text        NOT NULL,
    state              text        NOT NULL,
    -- Bits of the facts it was told and took.
    facts              integer     NOT NULL DEFAULT 0,
    reference          text        NOT NULL CHECK (char_length(reference) BETWEEN 1 AND 128),
    version            bigint      NOT NULL,
    created_at         timestamptz NOT NULL DEFAULT now(),
    updated_at         timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT deposits_reference UNIQUE (deposit_account_id, reference)
);

-- What moved. A balance is a sum of these and is stored nowhere.
CREATE TABLE postings (
    event_id       uuid        NOT NULL REFERENCES events (event_id),
    line           smallint    NOT NULL,
    tenant_id      text        NOT NULL,
    environment    text        NOT NULL CHECK (environment IN ('sandbox', 'live')),
    ledger_account text        NOT NULL,
    minor_units    bigint      NOT NULL CHECK (minor_units <> 0),
    currency       text        NOT NULL,
    recorded_at    timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (event_id, line)
);
CREATE INDEX postings_of_account ON postings (ledger_account);

CREATE TRIGGER postings_append_only BEFORE UPDATE OR DELETE ON postings
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER postings_not_emptied BEFORE TRUNCATE ON postings
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- Judged when the transaction commits: what one event moved sums to zero per currency.
CREATE FUNCTION require_zero_sum() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM postings WHERE event_id = NEW.event_id
               GROUP BY currency HAVING sum(minor_units) <> 0) THEN
        RAISE EXCEPTION 'the postings of an event do not sum to zero'
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END
$$;
CREATE CONSTRAINT TRIGGER postings_zero_sum AFTER INSERT ON postings
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION require_zero_sum();
