-- What happened: append-only, one row per version of a stream.
CREATE TABLE events (
    stream_id      text        NOT NULL,
    version        bigint      NOT NULL CHECK (version > 0),
    event_id       uuid        NOT NULL,
    type           text        NOT NULL,
    schema_version integer     NOT NULL CHECK (schema_version > 0),
    tenant_id      text        NOT NULL,
    environment    text        NOT NULL CHECK (environment IN ('sandbox', 'live', 'both')),
    payload        bytea       NOT NULL,
    meta           jsonb       NOT NULL,
    occurred_at    timestamptz NOT NULL,
    recorded_at    timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT events_stream_version UNIQUE (stream_id, version),
    CONSTRAINT events_event_id UNIQUE (event_id)
);

CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
END
$$;

CREATE TRIGGER events_append_only BEFORE UPDATE OR DELETE ON events
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER events_not_emptied BEFORE TRUNCATE ON events
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- What is still to be told. `partition` spreads streams over relays; one relay holds one at a time.
CREATE TABLE outbox (
    event_id     uuid        NOT NULL,
    topic        text        NOT NULL,
    stream_id    text        NOT NULL,
    version      bigint      NOT NULL,
    type         text        NOT NULL,
    envelope     bytea       NOT NULL,
    partition    smallint    NOT NULL
        GENERATED ALWAYS AS (mod(abs(hashtext(stream_id)::bigint), 16)) STORED,
    created_at   timestamptz NOT NULL DEFAULT now(),
    published_at timestamptz,
    PRIMARY KEY (event_id, topic)
);

-- No cursor over a sequence: numbers commit out of order, and what commits late would be lost.
CREATE INDEX outbox_pending ON outbox (partition, topic, stream_id, version)
    WHERE published_at IS NULL;
CREATE INDEX outbox_published ON outbox (published_at) WHERE published_at IS NOT NULL;

-- A row lock on one of these is the lease of that partition: it ends with its connection.
CREATE TABLE relay_partitions (partition smallint PRIMARY KEY);
INSERT INTO relay_partitions SELECT generate_series(0, 15);

-- Every operation that was ever asked for, kept as long as the money records.
CREATE TABLE operations (
    tenant_id     text        NOT NULL,
    environment   text        NOT NULL CHECK (environment IN ('sandbox', 'live')),
    operation_key bytea       NOT NULL CHECK (octet_length(operation_key) = 32),
    fingerprint   bytea       NOT NULL CHECK (octet_length(fingerprint) = 32),
    method        text        NOT NULL,
    -- Set in the same transaction: the encoded answer, or the encoded google.rpc.Status.
    response      bytea,
    refusal       bytea,
    created_at    timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT operations_key UNIQUE (tenant_id, environment, operation_key),
    CONSTRAINT operations_outcome CHECK (response IS NULL OR refusal IS NULL)
);
