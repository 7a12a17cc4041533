//! Charges each request to the quotas of its tenant.
