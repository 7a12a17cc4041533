//! Does the user get what we promise? Real binaries, real parts.
