//! Limits of source files: their length, and content that none may hold.

use crate::tree::Text;

/// A file longer than the house allows, with the length it may not exceed. The list can only shrink.
pub type Allowance<'a> = (&'a str, usize);

/// Returns the files past 500 lines (their tests apart) that are not on the list, those that have
/// outgrown their allowance, and allowances that are larger than they need be.
#[must_use]
pub fn too_long(files: &[Text], allowances: &[Allowance<'_>]) -> Vec<String> {
    let mut wrong = Vec::new();

    for file in files.iter().filter(|file| file.is_rust() && !is_test(&file.path)) {
        let lines = lines_before_tests(&file.text);
        let allowance = allowances.iter().find(|(path, _)| *path == file.path);
        match allowance {
            None if lines > LINES_MAX => {
                wrong.push(format!("{} has {lines} lines; a file stops at {LINES_MAX}", file.path));
            }
            Some((_, most)) if lines > *most => {
                wrong.push(format!("{} grew from {most} to {lines} lines", file.path));
            }
            Some((_, most)) if lines < *most => {
                wrong.push(format!(
                    "{} has {lines} lines now: lower its allowance of {most}",
                    file.path
                ));
            }
            _ => {}
        }
    }

    let gone = allowances.iter().filter(|(path, _)| !files.iter().any(|file| file.path == *path));
    wrong.extend(gone.map(|(path, _)| format!("{path} has an allowance but is not there")));
    wrong
}

/// Returns the crates that outgrew the lines that they may have, tests apart: a binary holds what no
/// library can.
#[must_use]
pub fn outgrown(files: &[Text]) -> Vec<String> {
    let mut wrong = Vec::new();
    for (folder, most) in CRATE_LINES_MAX {
        let sources = files.iter().filter(|file| file.is_rust() && file.path.starts_with(folder));
        let lines: usize = sources.map(|file| lines_before_tests(&file.text)).sum();
        if lines == 0 || lines > *most {
            wrong.push(format!("{folder} has {lines} lines; it may have 1 to {most}"));
        }
    }
    wrong
}

/// Returns the lines that leave work undone, switch a test off or sleep on a thread.
#[must_use]
pub fn unfinished(files: &[Text]) -> Vec<String> {
    let mut wrong = Vec::new();
    for file in files.iter().filter(|file| file.is_rust() && file.path != SELF) {
        for (number, line) in file.text.lines().enumerate() {
            let code = line.split("//").next().unwrap_or_default();
            for word in UNFINISHED.iter().filter(|word| code.contains(**word)) {
                let allowed = *word == "thread::sleep" && file.path == THE_ONE_SLEEP;
                if !allowed {
                    wrong.push(format!("{}:{} holds `{word}`", file.path, number + 1));
                }
            }
        }
    }
    wrong
}

/// Returns the places that name somebody's machine or a package registry's host.
#[must_use]
pub fn workplace(files: &[Text]) -> Vec<String> {
    let mut wrong = Vec::new();
    for file in files.iter().filter(|file| file.path != SELF) {
        for (number, line) in file.text.lines().enumerate() {
            for word in WORKPLACE.iter().filter(|word| line.contains(**word)) {
                wrong.push(format!("{}:{} names `{word}`", file.path, number + 1));
            }
        }
    }
    wrong
}

/// Returns the files with a name that says nothing about what they own.
#[must_use]
pub fn nameless(files: &[Text]) -> Vec<String> {
    files
        .iter()
        .filter(|file| file.is_rust())
        .filter(|file| {
            let name = file.path.rsplit('/').next().unwrap_or_default();
            NAMELESS.contains(&name)
        })
        .map(|file| format!("{}: the name does not say what it owns", file.path))
        .collect()
}

fn is_test(path: &str) -> bool {
    path.ends_with("/tests.rs") || path.contains("/tests/")
}

fn lines_before_tests(text: &str) -> usize {
    text.lines().take_while(|line| line.trim_end() != "#[cfg(test)]").count()
}

const LINES_MAX: usize = 500;
const CRATE_LINES_MAX: &[(&str, usize)] = &[("host/gateway/src/", 1_200)];
const SELF: &str = "tests/tidy/src/source.rs";
const THE_ONE_SLEEP: &str = "deploy/parts/src/wait.rs";
const UNFINISHED: &[&str] = &["#[ignore", "todo!(", "unimplemented!(", "thread::sleep", "dbg!("];
// Written in parts, so that this file is not the first offender.
const WORKPLACE: &[&str] = &[
    concat!("/wo", "rk/"),
    concat!("/ro", "ot/"),
    concat!(".lib", "rary/"),
    concat!("crates", ".io"),
    concat!("npmjs", ".org"),
    concat!("maven", ".org"),
    concat!("deb.debian", ".org"),
];
const NAMELESS: &[&str] = &[
    "mod.rs",
    "util.rs",
    "utils.rs",
    "helper.rs",
    "helpers.rs",
    "misc.rs",
    "common.rs",
    "manager.rs",
    "middleware.rs",
    "filter.rs",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_binary_that_outgrows_its_lines_is_noticed_and_so_is_one_that_is_not_there() {
        let file = |lines: usize| [Text::new("host/gateway/src/main.rs", &"x\n".repeat(lines))];
        assert!(outgrown(&file(1_200)).is_empty());
        assert_eq!(outgrown(&file(1_201)).len(), 1);
        assert_eq!(outgrown(&[]).len(), 1);
    }

    #[test]
    fn a_long_file_is_noticed_and_its_tests_are_not_counted() {
        let long = "x\n".repeat(501);
        let tested = format!("x\n#[cfg(test)]\n{long}");
        let files = [
            Text::new("host/edge/src/long.rs", &long),
            Text::new("host/edge/src/tested.rs", &tested),
            Text::new("host/edge/tests/long.rs", &long),
        ];
        assert_eq!(too_long(&files, &[]).len(), 1);
    }

    #[test]
    fn an_allowance_can_only_shrink() {
        let files = [Text::new("host/edge/src/long.rs", &"x\n".repeat(510))];
        assert!(too_long(&files, &[("host/edge/src/long.rs", 510)]).is_empty());
        assert_eq!(too_long(&files, &[("host/edge/src/long.rs", 505)]).len(), 1);
        assert_eq!(too_long(&files, &[("host/edge/src/long.rs", 600)]).len(), 1);
        assert_eq!(too_long(&[], &[("host/edge/src/gone.rs", 600)]).len(), 1);
    }

    #[test]
    fn work_left_undone_is_noticed_but_not_where_it_is_only_spoken_of() {
        let files = [
            Text::new("a.rs", "fn later() { todo!() }\n#[ignore]\nstd::thread::sleep(t);\n"),
            Text::new("b.rs", "// a todo!() in words\n"),
        ];
        assert_eq!(unfinished(&files).len(), 3);
    }

    #[test]
    fn a_path_of_somebodys_machine_is_noticed() {
        let path = concat!("see /wo", "rk/here for more");
        assert_eq!(workplace(&[Text::new("README.md", path)]).len(), 1);
        assert!(workplace(&[Text::new("README.md", "see here")]).is_empty());
    }

    #[test]
    fn a_file_named_for_nothing_is_noticed() {
        assert_eq!(nameless(&[Text::new("host/edge/src/utils.rs", "")]).len(), 1);
        assert_eq!(nameless(&[Text::new("host/edge/src/tls/mod.rs", "")]).len(), 1);
        assert!(nameless(&[Text::new("host/edge/src/tls.rs", "")]).is_empty());
    }
}
