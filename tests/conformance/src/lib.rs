//! Do host and guest agree, and do we obey the standards?
