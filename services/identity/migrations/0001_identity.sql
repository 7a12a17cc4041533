CREATE TABLE tenants (
    tenant_id  text        PRIMARY KEY,
    name       text        NOT NULL CHECK (char_length(name) BETWEEN 1 AND 128),
    state      text        NOT NULL CHECK (state IN (
        'applied', 'sandbox_active', 'live_requested', 'under_review', 'rejected', 'live_approved',
        'live_restricted_outbound_frozen', 'live_restricted_read_only', 'live_suspended', 'closed')),
    version    bigint      NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now()
);

-- No key and no plain digest of one: only a digest under a pepper that this database does not hold.
CREATE TABLE api_keys (
    key_id          text        PRIMARY KEY,
    tenant_id       text        NOT NULL REFERENCES tenants,
    environment     text        NOT NULL CHECK (environment IN ('sandbox', 'live')),
    digest          bytea       NOT NULL CHECK (octet_length(digest) = 32),
    pepper_version  integer     NOT NULL CHECK (pepper_version > 0),
    last_four       text        NOT NULL CHECK (char_length(last_four) = 4),
    scopes          text[]      NOT NULL CHECK (cardinality(scopes) > 0),
    label           text        NOT NULL CHECK (char_length(label) <= 64),
    succeeds_key_id text        REFERENCES api_keys,
    version         bigint      NOT NULL,
    created_at      timestamptz NOT NULL DEFAULT now(),
    expires_at      timestamptz,
    revoked_at      timestamptz,
    CONSTRAINT api_keys_digest UNIQUE (digest),
    CONSTRAINT api_keys_succeeds UNIQUE (succeeds_key_id)
);

CREATE INDEX api_keys_of_tenant ON api_keys (tenant_id, environment, key_id);
