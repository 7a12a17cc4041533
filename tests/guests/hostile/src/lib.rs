//! A guest that misbehaves as its settings tell it to.
