//! The catalogue as a page: `policies/problems.md`.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::{CATALOGUE, ProblemSource, ProblemType};

/// Longest line of the page, in bytes.
const LINE_MAX: usize = 120;

/// Writes the catalogue as Markdown: an index, then a section for each slug, whose heading is the
/// slug and so its anchor.
#[must_use]
pub fn problem_reference() -> String {
    let mut slugs: BTreeMap<&str, Vec<&ProblemType>> = BTreeMap::new();
    for problem_type in CATALOGUE {
        slugs.entry(problem_type.slug).or_default().push(problem_type);
    }

    let mut page = String::from(HEADER);
    for (slug, problem_types) in &slugs {
        let statuses = joined(problem_types.iter().map(|row| row.status.to_string()));
        let codes = joined(problem_types.iter().map(|row| row.grpc.name().to_owned()));
        // Writing to a string does not fail.
        let _ = writeln!(page, "| [{slug}](#{slug}) | {statuses} | {codes} |");
    }

    for (slug, problem_types) in &slugs {
        let _ = write!(page, "\n## {slug}\n");
        for problem_type in problem_types {
            section(&mut page, problem_type);
        }
    }
    page
}

fn section(page: &mut String, problem_type: &ProblemType) {
    let ProblemType { title, status, grpc, arises, remedy, .. } = problem_type;
    let sources = joined(problem_type.sources.iter().map(ProblemSource::words));
    wrap(page, &format!("**{title}** — HTTP {status}, gRPC {}; from {sources}.", grpc.name()));
    if let Some(type_uri) = problem_type.type_uri {
        wrap(page, &format!("Its `type` is `{type_uri}`."));
    }
    wrap(page, arises);
    wrap(page, &format!("*What to do:* {remedy}"));
}

impl ProblemSource {
    /// The words for the source, as the page has them.
    fn words(&self) -> String {
        match self {
            Self::Gateway => "the gateway".to_owned(),
            Self::Service => "a service".to_owned(),
            Self::Admin => "the operators' port".to_owned(),
            Self::Policy(name) => format!("the policy `{name}`"),
        }
    }
}

/// The different texts, in the order in which they come first.
fn joined(texts: impl Iterator<Item = String>) -> String {
    let mut distinct: Vec<String> = Vec::new();
    for text in texts {
        if !distinct.contains(&text) {
            distinct.push(text);
        }
    }
    distinct.join(", ")
}

/// Appends a paragraph in lines that end at [`LINE_MAX`].
fn wrap(page: &mut String, text: &str) {
    page.push('\n');
    let mut column = 0;
    for word in text.split_whitespace() {
        if column > 0 && column + 1 + word.len() > LINE_MAX {
            page.push('\n');
            column = 0;
        } else if column > 0 {
            page.push(' ');
            column += 1;
        }
        page.push_str(word);
        column += word.len();
    }
    page.push('\n');
}

const HEADER: &str = "\
# Problems

<!-- Generated from the catalogue in host/chain/src/problem/catalogue.rs; do not edit.
     cargo xtask references -->

Every refusal has the form of RFC 9457 (`application/problem+json`). Its `code` is the slug below with underscores. Its
`type` is `type_base` of `[errors]` in `gateway.toml` followed by the slug: with a base that ends in `problems.md#`, the
`type` of each problem is the address of its section here. `detail` says what happened this time; `request_id` names the
occurrence to the operator. RPC callers get the same as a gRPC or Connect status with `google.rpc` details.

A slug has one title. One with several statuses or sources has a paragraph for each.

| slug | HTTP | gRPC |
|---|---|---|
";
