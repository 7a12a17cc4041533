//! Real parts for tests: PostgreSQL, Kafka, certificates, gateways and clients, each on its own port.
