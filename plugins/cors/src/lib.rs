//! Answers preflights and marks responses for the origins that may read them.
