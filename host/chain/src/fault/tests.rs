//! Every cell of a run, by the real walks, with a policy that fails in every way there is.

use std::collections::HashSet;
use std::pin::Pin;
use std::sync::Arc;

use super::*;
use crate::question::Nonsense;
use crate::testing::{Script, head, policy};
use crate::{Chain, Error, Finished, Growth, Plugin, Policy, Receipt, Run, request, response};

/// Fails as it is told, in both hooks.
#[derive(Debug)]
struct Failing(Failure);

impl Plugin<Script> for Failing {
    fn run<'a>(
        &'a self,
        _hook: Hook,
        run: Run<Script>,
    ) -> Pin<Box<dyn Future<Output = Finished<Script>> + Send + 'a>> {
        Box::pin(async move { (run, Err(self.0.clone())) })
    }

    fn has(&self, _hook: Hook) -> bool {
        true
    }
}

/// Every way in which a run fails.
fn failures() -> Vec<Failure> {
    let nonsense = Nonsense { function: "log.write", expected: "less" };
    vec![
        Failure::NoInstance,
        Failure::Start("no".into()),
        Failure::Trap("unreachable".into()),
        Failure::Time,
        Failure::Memory,
        Failure::Table,
        Failure::Stack,
        Failure::Question(Departure::Nonsense(nonsense)),
        Failure::Question(Departure::Differs { index: 0 }),
        Failure::Question(Departure::Exceeds { index: 0 }),
        Failure::Question(Departure::Waits),
        Failure::Question(Departure::Questions),
        Failure::Question(Departure::AnswerBytes),
        Failure::Verdict("a status"),
        Failure::Impure,
        Failure::Engine("mismatch".into()),
    ]
}

/// The consequence that the walk of this hook gives to the failure.
async fn walked(hook: Hook, class: Class, failure: Failure) -> Fate {
    let failing = policy(Arc::new(Failing(failure.clone())), &Growth::default());
    let failing = Arc::new(Policy { class, ..failing });
    let chain = Chain { name: "one".into(), policies: vec![failing] };

    let (head, mut receipt) = (head(), Receipt::default());
    let error = match hook {
        Hook::Request => {
            let walked = request::walk(&chain, &head, None, Script::default(), &mut receipt).await;
            match walked.1 {
                request::RequestOutcome::Passed { upstream } => {
                    assert_eq!(upstream, None);
                    return Fate::PassedOver;
                }
                request::RequestOutcome::Failed(error) => error,
                other @ request::RequestOutcome::Replied { .. } => panic!("{other:?}"),
            }
        }
        Hook::Response => {
            let walked = response::walk(&chain, &head, None, Script::default(), &mut receipt).await;
            match walked.1 {
                response::ResponseOutcome::Passed => return Fate::PassedOver,
                response::ResponseOutcome::Failed(error) => error,
                other @ response::ResponseOutcome::Replied { .. } => panic!("{other:?}"),
            }
        }
    };

    assert_eq!(error, Error::Plugin { policy: "guest".into(), failure });
    Fate::Closed(match hook {
        Hook::Request => Closed::NotForwarded,
        Hook::Response => Closed::Withheld,
    })
}

#[tokio::test]
async fn the_walks_do_what_the_table_says_of_every_failure_class_and_hook() {
    for class in [Class::Security, Class::Traffic, Class::Observe] {
        for hook in [Hook::Request, Hook::Response] {
            for failure in failures() {
                let cause = Cause::of(&failure);
                let told =
                    FAULTS.iter().find(|row| (row.cause, row.when) == (cause, When::Run(hook)));
                let told = told.map(|row| row.fate(class));
                let done = walked(hook, class, failure).await;
                assert_eq!(Some(done), told, "{class:?} {} {}", hook.as_str(), cause.as_str());
            }
        }
    }
}

#[test]
fn the_table_has_each_cause_once_and_each_run_cause_for_both_hooks() {
    let cells: HashSet<_> = FAULTS.iter().map(|row| (row.cause, row.when)).collect();
    assert_eq!(cells.len(), FAULTS.len());
    let causes: HashSet<_> = failures().iter().map(Cause::of).collect();
    for hook in [Hook::Request, Hook::Response] {
        let when = When::Run(hook);
        let told = FAULTS.iter().filter(|row| row.when == when).map(|row| row.cause);
        assert_eq!(told.collect::<HashSet<_>>(), causes);
    }
    let loads = FAULTS.iter().filter(|row| row.when == When::Load);
    assert!(loads.clone().all(|row| !causes.contains(&row.cause)));
    assert_eq!(loads.count(), 5);
}
