//! What does it cost? Both sides measured in one run.
