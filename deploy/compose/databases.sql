-- One database for each service and environment, reached here as the superuser alone.
CREATE DATABASE identity;
CREATE DATABASE deposits_sandbox;
CREATE DATABASE deposits_live;
REVOKE ALL ON DATABASE identity, deposits_sandbox, deposits_live FROM PUBLIC;
