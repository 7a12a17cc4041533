use super::{Section, Settings, parse};

#[derive(Debug, PartialEq, Eq)]
struct Everything {
    flag: bool,
    number: u32,
    text: String,
    word: u8,
    texts: Vec<String>,
    inner: Vec<u32>,
    named: Vec<(String, u32)>,
}

impl Settings for Everything {
    fn read(section: &mut Section<'_>) -> Self {
        let one = |inner: &mut Section<'_>| inner.number("n", 1..=9, None);
        Self {
            flag: section.flag("flag", false),
            number: section.number("number", 1..=10, Some(3)),
            text: section.text("text"),
            word: section.choice("word", &[("one", 1), ("two", 2)], 0),
            texts: section.texts("texts", 2),
            inner: section.sections("inner", 2, one),
            named: section.named_sections("named", 2, one),
        }
    }
}

fn problems(text: &str) -> Vec<(String, String)> {
    let problems = parse::<Everything>(text).expect_err("the settings are wrong");
    problems.into_iter().map(|problem| (problem.key, problem.message)).collect()
}

fn keys(text: &str) -> Vec<String> {
    problems(text).into_iter().map(|(key, _)| key).collect()
}

#[test]
fn every_kind_of_value_is_read() {
    let text = r#"{"flag":true,"number":10,"text":"t","word":"two","texts":["a"],
        "inner":[{"n":1},{"n":2}],"named":{"x":{"n":3}}}"#;
    let everything = parse::<Everything>(text).expect("the settings are right");
    let expected = Everything {
        flag: true,
        number: 10,
        text: "t".into(),
        word: 2,
        texts: vec!["a".into()],
        inner: vec![1, 2],
        named: vec![("x".into(), 3)],
    };
    assert_eq!(everything, expected);
}

#[test]
fn what_is_left_out_has_its_default() {
    let everything = parse::<Everything>(r#"{"text":"t"}"#).expect("only `text` is required");
    assert_eq!((everything.flag, everything.number, everything.word), (false, 3, 0));
    assert!(everything.texts.is_empty() && everything.inner.is_empty());
}

#[test]
fn all_problems_are_listed_with_the_path_of_their_key() {
    let text = r#"{"flag":1,"number":11,"text":"","word":"three","texts":["a",""],
        "inner":[{"n":0},5],"named":{"x":{"n":1,"m":2}},"surplus":null}"#;
    let expected =
        ["flag", "number", "text", "word", "texts[1]", "inner[0].n", "inner[1]", "named.x.m"];
    assert_eq!(keys(text), [&expected[..], &["surplus"]].concat());
}

#[test]
fn a_problem_says_what_was_expected_and_what_was_found() {
    let problems = problems(r#"{"text":"t","number":-1,"word":true,"surplus":0}"#);
    assert_eq!(problems[0].1, "expected a whole number from 1 to 10, found -1");
    assert_eq!(problems[1].1, "expected `one` or `two`, found true");
    assert!(problems[2].1.starts_with("unknown key; the keys here are: flag, number, text"));
}

#[test]
fn a_missing_key_is_called_missing() {
    assert_eq!(problems("{}"), [("text".to_owned(), "is missing".to_owned())]);
}

#[test]
fn lists_and_tables_are_bounded() {
    let text = r#"{"text":"t","texts":["a","b","c"],"inner":[{"n":1},{"n":1},{"n":1}],
        "named":{"x":{"n":1},"y":{"n":1},"z":{"n":1}}}"#;
    assert_eq!(keys(text), ["texts", "inner", "named"]);
}

#[test]
fn what_is_no_table_is_refused_at_the_root() {
    assert_eq!(keys("[]"), [""]);
    assert_eq!(keys("{"), [""]);
    assert_eq!(
        keys(r#"{"text":"t","texts":1,"inner":"x","named":[]}"#),
        ["texts", "inner", "named"]
    );
}
