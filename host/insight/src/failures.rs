//! `tollgate check --failures`: of each policy of a folder, what a caller would see of each cause
//! for which it cannot do its part. Faults are looked up in the one table of the core; what a
//! policy makes of a dependency that is down is its own decision, so it is run and asked.

mod probe;

use std::collections::{BTreeSet, HashMap};
use std::path::PathBuf;

use tollgate_chain::{Class, Closed, Error as ExchangeError, FAULTS, Failure, Fate, Hook, When};
use tollgate_config::{Config, PolicyConfig};
use tollgate_edge::respond::Ended;
use tollgate_edge::{Caller, Protocol, Responder};
use tollgate_runtime::{
    CompiledCache, Engine, Inspection, declared_engine, inspect, read_component,
};

use crate::Error;
use probe::{Dependency, GOES_ON, Probing};

/// A line: policy, class, when, cause, and what follows.
type Line = [String; 5];

/// The consequences of the failures of a folder's policies.
#[derive(Debug, Default)]
pub struct FailureReport {
    /// All lines, policy by policy.
    lines: Vec<Line>,
    /// Policies of class `security` that go on though what they rely on is down.
    pub open: Vec<String>,
}

/// Tells the failures of every policy of a folder that compiles.
pub fn failures(config: &Config) -> Result<FailureReport, Error> {
    let engine = declared_engine(config, CompiledCache::Off)?;
    let mut inspections = Inspections { engine: &engine, known: HashMap::new() };
    let mut failures = FailureReport::default();
    for (index, policy) in config.policies().iter().enumerate() {
        let Some(plugin) = config.plugins().get(policy.plugin) else { continue };
        let inspection = inspections.of(&plugin.file)?.clone();
        failures.faults(config, policy, &inspection);
        let probing = Probing { config, engine: &engine, index, policy, plugin };
        for dependency in Dependency::all().into_iter().filter(|one| one.is_used(&inspection)) {
            failures.dependency(policy, dependency, &probing.outcomes(dependency)?);
        }
    }
    Ok(failures)
}

impl FailureReport {
    fn faults(&mut self, config: &Config, policy: &PolicyConfig, inspection: &Inspection) {
        for row in FAULTS {
            if row.when == When::Run(Hook::Response) && !responds(inspection) {
                continue;
            }
            let outcome = told(config, policy, row.fate(policy.class));
            self.push(policy, row.when, row.cause.as_str(), outcome);
        }
        if !responds(inspection) {
            let outcome = "never: the component has no such hook".to_owned();
            self.push(policy, When::Run(Hook::Response), "any", outcome);
        }
    }

    fn dependency(&mut self, policy: &PolicyConfig, down: Dependency, outcomes: &BTreeSet<String>) {
        let outcome = match outcomes.len() {
            0 => "asked for no route of this folder".to_owned(),
            _ => outcomes.iter().map(String::as_str).collect::<Vec<_>>().join(" or "),
        };
        if policy.class == Class::Security && outcomes.contains(GOES_ON) {
            self.open.push(format!(
                "policies.{}: goes on when {}, and is of class `security`",
                policy.name,
                down.label()
            ));
        }
        self.push(policy, When::Run(Hook::Request), &down.label(), outcome);
    }

    fn push(&mut self, policy: &PolicyConfig, when: When, cause: &str, outcome: String) {
        let class = format!("{:?}", policy.class).to_lowercase();
        let line = [policy.name.clone(), class, when.as_str().into(), cause.to_owned(), outcome];
        self.lines.push(line);
    }

    /// The lines as a table whose columns stand two spaces apart.
    pub fn table(&self) -> Vec<String> {
        let head = ["policy", "class", "when", "cause", "what follows"].map(str::to_owned);
        let all = || std::iter::once(&head).chain(&self.lines);
        let mut widths = [0; 5];
        for line in all() {
            for (width, cell) in widths.iter_mut().zip(line) {
                *width = (*width).max(cell.len());
            }
        }
        let pad = |(cell, width): (&String, &usize)| format!("{cell:width$}");
        let row = |line: &Line| line.iter().zip(&widths).map(pad).collect::<Vec<_>>().join("  ");
        all().map(|line| row(line).trim_end().to_owned()).collect()
    }
}

fn responds(inspection: &Inspection) -> bool {
    inspection.exports.iter().any(|export| export == Hook::Response.as_str())
}

fn told(config: &Config, policy: &PolicyConfig, fate: Fate) -> String {
    match fate {
        Fate::Closed(Closed::Refused) => {
            "refused; the previous configuration stays active".to_owned()
        }
        Fate::Closed(Closed::NotForwarded) => {
            format!("{}, nothing is forwarded", status(config, policy))
        }
        Fate::Closed(Closed::Withheld) => {
            format!("{}, the response is withheld", status(config, policy))
        }
        Fate::PassedOver => "passed over".to_owned(),
    }
}

/// Status and code of a policy's failure, by the one map to HTTP.
fn status(config: &Config, policy: &PolicyConfig) -> String {
    let error =
        ExchangeError::Plugin { policy: policy.name.as_str().into(), failure: Failure::Time };
    let caller =
        Caller { protocol: Protocol::Json, request_id: "", instance: "/", retry_after: None };
    let response = Responder::new(config.problem_type_base()).problem(&error, &caller);
    let code = response.extensions().get::<Ended>().map(|ended| ended.code.clone());
    format!("{} {}", response.status().as_u16(), code.unwrap_or_default())
}

/// Imports and exports of components, each file read once.
struct Inspections<'a> {
    engine: &'a Engine,
    known: HashMap<PathBuf, Inspection>,
}

impl Inspections<'_> {
    fn of(&mut self, file: &PathBuf) -> Result<&Inspection, Error> {
        if !self.known.contains_key(file) {
            let bytes = read_component(file).map_err(Error::Component)?;
            let inspection = inspect(self.engine, &bytes)
                .map_err(|source| Error::Inspect { file: file.clone(), source })?;
            self.known.insert(file.clone(), inspection);
        }
        self.known
            .get(file)
            .ok_or_else(|| Error::Component(format!("{}: no inspection", file.display())))
    }
}
