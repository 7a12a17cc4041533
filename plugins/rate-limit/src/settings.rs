//! Which buckets there are, and which requests are charged to them.

use tollgate_sdk::{Bucket, Partition, Rate, Rule, Section};

/// The buckets, and to which requests they apply.
#[derive(Debug)]
pub struct Settings {
    limits: Vec<Limit>,
}

#[derive(Debug)]
struct Limit {
    bucket: Bucket,
    /// Values of the Route's attribute `rate-class`; empty for all requests.
    classes: Vec<String>,
}

impl tollgate_sdk::Settings for Settings {
    fn read(section: &mut Section<'_>) -> Self {
        let mut limits = section.sections("policies", LIMITS_MAX, read_rate);
        let rates = limits.len();
        limits.extend(section.sections("concurrency", LIMITS_MAX, read_concurrency));

        if limits.is_empty() {
            section.problem("policies", "expected at least one limit here or in `concurrency`");
        }
        if limits.len() > LIMITS_MAX {
            section.problem("policies", "expected at most 16 limits, `concurrency` included");
        }

        for (index, limit) in limits.iter().enumerate() {
            let name = &limit.bucket.name;
            if limits.iter().take(index).any(|earlier| earlier.bucket.name == *name) {
                let (key, index) = match index.checked_sub(rates) {
                    Some(index) => ("concurrency", index),
                    None => ("policies", index),
                };
                section.problem_at(key, index, format!("`{name}` is named twice"));
            }
        }
        Self { limits }
    }
}

impl Settings {
    /// Returns true if a limit depends on the Route's class.
    #[must_use]
    pub fn asks_class(&self) -> bool {
        self.limits.iter().any(|limit| !limit.classes.is_empty())
    }

    /// The buckets that a request of this class is charged to.
    #[must_use]
    pub fn buckets(&self, class: Option<&str>) -> Vec<Bucket> {
        let applies = |limit: &&Limit| {
            limit.classes.is_empty()
                || class.is_some_and(|class| limit.classes.iter().any(|own| own == class))
        };
        self.limits.iter().filter(applies).map(|limit| limit.bucket.clone()).collect()
    }
}

fn read_rate(limit: &mut Section<'_>) -> Limit {
    let quota = limit.number("quota", 1..=UNITS_MAX, None);
    let burst = limit.number("burst", 1..=UNITS_MAX, Some(quota));
    let cost = limit.number("cost", 1..=UNITS_MAX, Some(1));
    let window_seconds = limit.number("window_seconds", 1..=86_400, None);
    if cost > burst {
        limit.problem("cost", format!("expected at most the burst of {burst}, found {cost}"));
    }
    read_limit(limit, Rule::Rate(Rate { quota, window_seconds, burst, cost }))
}

fn read_concurrency(limit: &mut Section<'_>) -> Limit {
    let in_flight = limit.number("limit", 1..=100_000, None);
    read_limit(limit, Rule::Concurrency(in_flight))
}

fn read_limit(limit: &mut Section<'_>, rule: Rule) -> Limit {
    let name = limit.text("name");
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"._-".contains(&b);
    if name.len() > 64 || !name.bytes().all(plain) {
        limit.problem("name", "expected 1 to 64 letters, digits, `.`, `_` or `-`");
    }
    let partition = limit.choice("partition", &PARTITIONS, Partition::Tenant);
    Limit { bucket: Bucket { name, partition, rule }, classes: limit.texts("classes", 64) }
}

/// The most limits that a policy may take from at once by the contract.
const LIMITS_MAX: usize = 16;
const UNITS_MAX: u32 = 1_000_000;
const PARTITIONS: [(&str, Partition); 3] =
    [("tenant", Partition::Tenant), ("key", Partition::Key), ("address", Partition::Address)];
