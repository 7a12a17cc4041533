//! One word, one thing: a type name is defined once in `host/`.

use crate::findings::Finding;
use crate::tree::Text;
use std::collections::BTreeMap;

/// Returns the type names that `host/` defines more than once, tests apart. Each crate may have one
/// type `Error`.
#[must_use]
pub fn repeated(files: &[Text]) -> Vec<Finding> {
    let mut places: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let sources = files.iter().filter(|file| file.is_rust() && is_source_of_the_host(&file.path));

    for file in sources {
        for (number, line) in untested_lines(&file.text) {
            if let Some(name) = type_name(line) {
                let key =
                    if name == "Error" { error_of(&file.path) } else { format!("host/{name}") };
                places.entry(key).or_default().push(format!("{}:{}", file.path, number + 1));
            }
        }
    }

    let repeated = places.into_iter().filter(|(_, places)| places.len() > 1);
    repeated
        .map(|(name, places)| {
            let what = format!("is defined {} times: {}", places.len(), places.join(", "));
            Finding::new(name, 0, what)
        })
        .collect()
}

fn is_source_of_the_host(path: &str) -> bool {
    path.starts_with("host/") && !path.contains("/tests") && !path.contains("/testing")
}

fn untested_lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.lines().enumerate().take_while(|(_, line)| line.trim_end() != "#[cfg(test)]")
}

fn type_name(line: &str) -> Option<&str> {
    let mut words = line.split_whitespace();
    let mut word = words.next()?;
    if word == "pub" || word.starts_with("pub(") {
        word = words.find(|word| !word.ends_with(')'))?;
    }
    if !["struct", "enum", "trait", "union"].contains(&word) {
        return None;
    }
    let rest = words.next()?;
    let end = rest.find(|letter: char| !letter.is_alphanumeric() && letter != '_');
    // The parameter of a macro is no name.
    rest.get(..end.unwrap_or(rest.len())).filter(|name| !name.is_empty())
}

fn error_of(path: &str) -> String {
    let package: Vec<&str> = path.split('/').take(2).collect();
    format!("{}::Error", package.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_two_definitions_is_noticed() {
        let files = [
            Text::new("host/edge/src/a.rs", "pub(crate) struct Place<T> {\n}\n"),
            Text::new("host/chain/src/b.rs", "    enum Place {\n    }\n"),
            Text::new("services/identity/src/c.rs", "struct Place;\n"),
        ];
        let findings = repeated(&files);
        assert_eq!(findings.len(), 1);
        assert_eq!(findings[0].key, "host/Place");
        assert!(repeated(&files[1..]).is_empty());
    }

    #[test]
    fn each_crate_may_have_one_error() {
        let error = "pub enum Error {\n}\n";
        let files = [
            Text::new("host/edge/src/error.rs", error),
            Text::new("host/chain/src/error.rs", error),
        ];
        assert!(repeated(&files).is_empty());
        let second = [files[0].clone(), Text::new("host/edge/src/tls.rs", error)];
        assert_eq!(repeated(&second)[0].key, "host/edge::Error");
    }

    #[test]
    fn types_of_tests_and_parameters_of_macros_are_not_counted() {
        let files = [
            Text::new("host/edge/src/d.rs", "pub enum $name {\n}\npub enum $name {\n}\n"),
            Text::new("host/edge/src/a.rs", "struct A;\n#[cfg(test)]\nmod tests {\n struct B;\n}"),
            Text::new("host/edge/src/b.rs", "struct B;\n"),
            Text::new("host/edge/tests/c.rs", "struct A;\nstruct B;\n"),
        ];
        assert!(repeated(&files).is_empty());
    }
}
