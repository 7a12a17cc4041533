//! Everything a policy author needs: the contract's bindings, a tight allocator, a table of answers for tests.
