//! Path templates of `google.api.http`: `chain::Template` and the table of two of them.
//!
//! A template that parses says its own text, parses again to the same, and matches the canonical
//! path that is made from it, with a value for each variable. In a table of two no path of either is
//! lost: it leads to one of the two.

use http::Method;
use tollgate_chain::{Matched, Template, check_path};

use super::path::table;
use crate::lines::Lines;

/// Checks one template, or two in two lines.
pub(super) fn run(data: &[u8]) {
    let mut lines = Lines::of(data);
    let Some(first) = lines.text() else { return };
    let Some(path) = parsed(first) else { return };
    leads(&[first], &path, &[first]);

    let Some(second) = lines.text() else { return };
    let Some(other) = parsed(second) else { return };
    if table(&[first, second]).is_some() {
        leads(&[first, second], &path, &[first, second]);
        leads(&[first, second], &other, &[first, second]);
    }
}

/// Checks a template alone, and makes a path of it.
fn parsed(text: &str) -> Option<String> {
    let template = Template::parse(text).ok()?;
    assert_eq!(template.as_str(), text);
    assert_eq!(template.to_string(), text);
    assert_eq!(Template::parse(template.as_str()).unwrap(), template);

    let path = path_of(text);
    check_path(&path).unwrap();
    Some(path)
}

/// Puts segments in the place of wildcards: `{name=a/*}` gives `a/one`, `**` gives `many/more`.
fn path_of(text: &str) -> String {
    let mut path = String::new();
    let mut rest = text;

    while let Some(char) = rest.chars().next() {
        rest = rest.get(char.len_utf8()..).unwrap_or_default();
        match char {
            '{' => {
                let end = rest.find(['=', '}']).unwrap();
                if rest.as_bytes().get(end) == Some(&b'}') {
                    path.push_str("one");
                }
                rest = rest.get(end + 1..).unwrap();
            }
            '}' => {}
            '*' => match rest.strip_prefix('*') {
                Some(after) => {
                    path.push_str("many/more");
                    rest = after;
                }
                None => path.push_str("one"),
            },
            other => path.push(other),
        }
    }

    path
}

fn leads(templates: &[&str], path: &str, expected: &[&str]) {
    let table = table(templates).unwrap();
    match table.find(&Method::GET, path) {
        Matched::Found { route, variables, .. } => {
            assert!(expected.contains(&&*route.template), "{path} leads to {}", route.template);
            let template = Template::parse(&route.template).unwrap();
            assert_eq!(variables.len(), template.variables().count());
        }
        other => panic!("{path} is lost in a table of {templates:?}: {other:?}"),
    }
}
