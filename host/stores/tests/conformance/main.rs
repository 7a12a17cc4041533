//! One suite for each trait of a store, run over every back end there is.
//!
//! A new back end joins by a function that opens it and its name in the list at the top of the
//! suite. What only one back end promises is tested beside that back end.

#![expect(clippy::expect_used, reason = "helpers of tests fail by panicking")]
#![expect(clippy::panic, reason = "helpers of tests fail by panicking")]

/// Makes a test of each case for each back end: a case is a function of the function that opens
/// the back end.
macro_rules! suite {
    ([$($backend:ident),+ $(,)?] $cases:tt) => {
        $( suite!(@backend $backend $cases); )+
    };
    (@backend $backend:ident [$($case:ident),+ $(,)?]) => {
        mod $backend {
            $(
                #[tokio::test]
                async fn $case() {
                    super::$case(super::$backend).await;
                }
            )+
        }
    };
}

mod credentials;
mod failures;
mod idempotency;
mod quota;
