//! Deposit accounts, and deposits moved through their states.
