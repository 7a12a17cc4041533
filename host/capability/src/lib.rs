//! Answers every question of a policy natively, with the stores behind them.
