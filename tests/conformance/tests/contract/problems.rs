//! Do policies, host and catalogue agree on every type of problem?

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use tollgate_chain::{CATALOGUE, ProblemSource};
use tollgate_sdk::problems;

/// The plugins that come with the gateway.
const PLUGINS: [&str; 6] =
    ["allowed-hosts", "auth", "cors", "idempotency", "rate-limit", "routing"];

fn root() -> PathBuf {
    // At run time: checkouts may share compiled tests.
    let here = std::env::var_os("CARGO_MANIFEST_DIR")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
    here.join("../..")
}

/// The sources below a folder, tests apart, each with its path.
fn sources(folder: &Path) -> Vec<(PathBuf, String)> {
    let mut sources = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources.extend(self::sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs")
            && !path.ends_with("tests.rs")
        {
            let text = std::fs::read_to_string(&path).unwrap();
            let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap();
            sources.push((path, code.to_owned()));
        }
    }
    sources
}

#[test]
fn every_problem_of_the_sdk_is_in_the_catalogue_with_title_status_and_type() {
    for (name, own) in problems::ALL {
        let known = CATALOGUE.iter().any(|row| {
            (row.slug, row.title, row.status, row.type_uri)
                == (own.slug, own.title, own.status, own.type_uri)
                && row.sources.iter().any(|source| matches!(source, ProblemSource::Policy(_)))
        });
        assert!(known, "{name} is not in the catalogue like that");
    }
}

#[test]
fn the_catalogue_names_for_each_plugin_the_problems_that_it_uses() {
    let mut named = BTreeSet::new();
    for row in CATALOGUE {
        for source in row.sources {
            if let ProblemSource::Policy(plugin) = source {
                named.insert((*plugin, row.slug));
            }
        }
    }

    let mut used = BTreeSet::new();
    for plugin in PLUGINS {
        for (path, code) in sources(&root().join("plugins").join(plugin).join("src")) {
            assert!(!code.contains("Problem::new("), "{} says a problem itself", path.display());
            assert!(!code.contains("Verdict::refuse("), "{} says a status itself", path.display());
            // A call may stand on the next line.
            let code: String = code.split_whitespace().collect();
            for (name, own) in problems::ALL {
                let word = format!("problems::{name}.");
                let misconfigured = *name == "INTERNAL" && code.contains("misconfigured()");
                if code.contains(&word) || misconfigured {
                    used.insert((plugin, own.slug));
                }
            }
        }
    }

    assert_eq!(named, used, "catalogue (left) and plugins (right) differ");
}

#[test]
fn no_slug_of_the_catalogue_is_written_beside_it() {
    let written = ["host/chain/src/problem/catalogue.rs", "plugins/sdk/src/problems.rs"];
    let mut files = sources(&root().join("plugins"));
    for entry in std::fs::read_dir(root().join("host")).unwrap() {
        let folder = entry.unwrap().path().join("src");
        if folder.is_dir() {
            files.extend(sources(&folder));
        }
    }
    assert!(files.len() > 100, "the sources were not found");

    files.retain(|(path, _)| !path.components().any(|part| part.as_os_str() == "tests"));
    for (path, code) in
        files.iter().filter(|(path, _)| !written.iter().any(|own| path.ends_with(own)))
    {
        for row in CATALOGUE.iter().filter(|row| row.slug.contains('-')) {
            let quoted = format!("\"{}\"", row.slug);
            assert!(!code.contains(&quoted), "{} writes {quoted}", path.display());
        }
    }
}
