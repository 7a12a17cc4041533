//! The page: paragraphs in long functions, the openings of doc comments, the width of Markdown.
//!
//! The rules read lines and rely on what `rustfmt` makes of them: a function ends at the first
//! closing brace that is indented as its head is.

use crate::findings::Finding;
use crate::tree::Text;

/// Returns the functions of more than 20 lines that have no blank line.
#[must_use]
pub fn without_paragraphs(files: &[Text]) -> Vec<Finding> {
    files.iter().filter(|file| file.is_rust()).flat_map(dense_functions).collect()
}

/// Returns the paragraphs of doc comments that open with a question word or with *Of* or *As*: the
/// first one, and each after an empty line or a heading.
#[must_use]
pub fn fragments(files: &[Text]) -> Vec<Finding> {
    files.iter().filter(|file| file.is_rust()).flat_map(fragments_in).collect()
}

/// Returns the lines of Markdown past 120 characters, rows of tables apart.
#[must_use]
pub fn wide_markdown(files: &[Text]) -> Vec<Finding> {
    let markdown = files.iter().filter(|file| file.path.ends_with(".md"));
    markdown.flat_map(wide_lines).collect()
}

fn dense_functions(file: &Text) -> Vec<Finding> {
    let lines: Vec<&str> = file.text.lines().collect();
    let mut findings = Vec::new();

    for (start, line) in lines.iter().enumerate() {
        let Some(name) = function_head(line) else { continue };
        let closing = format!("{}}}", indent(line));
        let body = lines.iter().skip(start + 1);
        let Some(length) = body.clone().position(|line| *line == closing) else { continue };

        if length >= FUNCTION_LINES_MAX && body.take(length).all(|line| !line.trim().is_empty()) {
            let key = format!("{}::{name}", file.path);
            let what = format!("{} lines without a blank line between steps", length + 1);
            findings.push(Finding::new(key, start + 1, what));
        }
    }
    findings
}

/// Returns the name of the function whose head this line opens; none for a signature without a body.
fn function_head(line: &str) -> Option<&str> {
    let mut rest = line.trim_start();
    if let Some(after) = rest.strip_prefix("pub") {
        rest = match after.strip_prefix('(') {
            Some(scope) => scope.split_once(')')?.1.trim_start(),
            None => after.trim_start(),
        };
    }
    while let Some(after) = QUALIFIERS.iter().find_map(|word| rest.strip_prefix(word)) {
        rest = after;
    }
    let rest = rest.strip_prefix("fn ")?;
    let end = rest.find(|letter: char| !letter.is_alphanumeric() && letter != '_')?;
    (!line.trim_end().ends_with(';')).then(|| rest.get(..end)).flatten()
}

fn indent(line: &str) -> &str {
    line.split_at(line.len() - line.trim_start().len()).0
}

fn fragments_in(file: &Text) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut inside = false;

    for (number, line) in file.text.lines().map(str::trim).enumerate() {
        let doc = line.strip_prefix("///").or_else(|| line.strip_prefix("//!")).map(str::trim);
        let opening = doc.filter(|_| !inside).and_then(|text| text.split_whitespace().next());
        inside = doc.is_some_and(|text| !text.is_empty() && !text.starts_with('#'));

        // A comma or a full stop may follow the word.
        let word =
            opening.map(|word| word.trim_end_matches(|letter: char| !letter.is_alphabetic()));
        if word.is_some_and(|word| FRAGMENT_WORDS.contains(&word)) {
            let key = format!("{}: {line}", file.path);
            findings.push(Finding::new(key, number + 1, "is a fragment".to_owned()));
        }
    }
    findings
}

fn wide_lines(file: &Text) -> Vec<Finding> {
    let lines = file.text.lines().enumerate().filter(|(_, line)| !line.starts_with('|'));
    lines
        .filter_map(|(number, line)| {
            let width = line.chars().count();
            let what = format!("is {width} characters wide");
            let key = format!("{}:{}", file.path, number + 1);
            (width > MARKDOWN_WIDTH_MAX).then(|| Finding::new(key, number + 1, what))
        })
        .collect()
}

/// The longest function that may do without a blank line, in lines after its head.
const FUNCTION_LINES_MAX: usize = 20;
const MARKDOWN_WIDTH_MAX: usize = 120;
const QUALIFIERS: &[&str] = &["const ", "async ", "unsafe ", "extern \"C\" "];
const FRAGMENT_WORDS: &[&str] = &["What", "Who", "How", "Whether", "Of", "As"];

#[cfg(test)]
mod tests {
    use super::*;

    fn function(head: &str, lines: &str) -> Text {
        Text::new("a.rs", &format!("impl A {{\n    {head} {{\n{lines}    }}\n}}\n"))
    }

    #[test]
    fn a_long_function_without_a_blank_line_is_noticed() {
        let dense = "        step();\n".repeat(20);
        for head in ["fn a(&self)", "pub(crate) async fn a<T>()", "pub const unsafe fn a()"] {
            let findings = without_paragraphs(&[function(head, &dense)]);
            assert_eq!(findings.len(), 1, "{head}");
            assert_eq!(findings[0].key, "a.rs::a");
        }
        let paragraphs = dense.replacen("step();\n", "step();\n\n", 1);
        assert!(without_paragraphs(&[function("fn a()", &paragraphs)]).is_empty());
        let short = "        step();\n".repeat(19);
        assert!(without_paragraphs(&[function("fn a()", &short)]).is_empty());
    }

    #[test]
    fn a_signature_and_a_word_that_only_looks_like_a_function_have_no_body() {
        let lines = "        x,\n".repeat(30);
        assert!(without_paragraphs(&[function("fnord a()", &lines)]).is_empty());
        let signature = format!("trait A {{\n    fn a();\n{lines}    }}\n}}\n");
        assert!(without_paragraphs(&[Text::new("a.rs", &signature)]).is_empty());
    }

    #[test]
    fn a_paragraph_that_opens_as_a_fragment_is_noticed_and_its_other_lines_are_not() {
        let text = [
            "/// What it is.",
            "fn a() {}",
            "//! As, it stands.",
            "",
            "/// Returns the size",
            "/// Of the file.",
            "// What the next line does.",
            "/// Asks the host.",
            "///",
            "/// # Errors",
            "/// As [`other`].",
            "/// # Panics",
            "/// Never.",
            "///",
            "/// Whether it is kept is decided first.",
        ];

        let findings = fragments(&[Text::new("a.rs", &text.join("\n"))]);
        let lines: Vec<usize> = findings.iter().map(|finding| finding.line).collect();
        assert_eq!(lines, [1, 3, 11, 15]);
    }

    #[test]
    fn a_wide_line_of_markdown_is_noticed_and_a_row_of_a_table_is_not() {
        let wide = "é".repeat(121);
        let text = format!("{wide}\n| {wide} |\n{}\n", "é".repeat(120));
        assert_eq!(wide_markdown(&[Text::new("a.md", &text)]).len(), 1);
        assert!(wide_markdown(&[Text::new("a.rs", &text)]).is_empty());
    }
}
