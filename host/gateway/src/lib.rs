//! Assembly of the gateway and its command line.
