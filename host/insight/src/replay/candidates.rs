//! The policies of a candidate, compiled for a host of the caller's: for replays.

use std::collections::BTreeMap;

use tollgate_chain::{Class, Failure, Hook, Host, Plugin, Run, Verdict};
use tollgate_config::{Config, Problems};
use tollgate_runtime::{
    CompiledCache, Component, Engine, compile_declared, declared_engine, read_declared,
};

use crate::Error;

/// Every policy of a configuration, by name.
#[derive(Debug)]
pub(super) struct CandidatePolicies<H: Host> {
    policies: BTreeMap<String, Candidate<H>>,
    #[expect(dead_code, reason = "held for its components")]
    engine: Engine,
}

/// One policy.
#[derive(Debug)]
pub(super) struct Candidate<H: Host> {
    pub(super) class: Class,
    component: Component<H>,
    questions_max: u32,
    answer_bytes_max: usize,
}

impl<H: Host> CandidatePolicies<H> {
    /// Compiles them all. Blocks for as long as that takes.
    ///
    /// # Errors
    /// Everything that `tollgate check` would find wrong with a component.
    pub(super) fn load(config: &Config) -> Result<Self, Error> {
        let engine = declared_engine(config, CompiledCache::Off)?;
        let (mut policies, mut problems) = (BTreeMap::new(), Vec::new());

        for own in config.policies() {
            let Some(plugin) = config.plugins().get(own.plugin) else { continue };
            let component = read_declared(plugin)
                .map_err(|problem| vec![problem])
                .and_then(|(bytes, _)| compile_declared(&engine, &bytes, own, &plugin.file));
            match component {
                Ok(component) => {
                    let candidate = Candidate {
                        class: own.class,
                        component,
                        questions_max: own.limits.questions,
                        answer_bytes_max: own.limits.answer_bytes,
                    };
                    policies.insert(own.name.clone(), candidate);
                }
                Err(told) => problems.extend(told),
            }
        }

        if problems.is_empty() {
            Ok(Self { policies, engine })
        } else {
            Err(Problems::from(problems).into())
        }
    }

    /// The policy of this name.
    pub(super) fn get(&self, name: &str) -> Option<&Candidate<H>> {
        self.policies.get(name)
    }
}

impl<H: Host> Candidate<H> {
    /// Runs the hook in a fresh instance; gives back the host and what was decided.
    pub(super) async fn run(&self, hook: Hook, host: H) -> (H, Result<Verdict, Failure>) {
        let run = Run::new(host, self.questions_max, self.answer_bytes_max);
        let (run, outcome) = self.component.run(hook, run).await;
        let outcome = outcome.and_then(|verdict| match verdict.check() {
            Ok(()) => Ok(verdict),
            Err(expected) => Err(Failure::Verdict(expected)),
        });
        let (host, _) = run.finish(&outcome);
        (host, outcome)
    }
}
