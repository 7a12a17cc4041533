//! The catalogue of problem types and the page that is generated from it.

use std::collections::{HashMap, HashSet};

use tollgate_chain::{
    CATALOGUE, Content, GrpcCode, ProblemSource, ProblemType, Reply, Verdict, problem_reference,
};

#[test]
fn problems_md_is_fresh() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../policies/problems.md");
    let page = std::fs::read_to_string(path).unwrap();
    assert!(
        page == problem_reference(),
        "policies/problems.md is stale: run `cargo xtask references`"
    );
}

#[test]
fn every_slug_has_one_section_and_every_line_fits() {
    let page = problem_reference();
    let headings: Vec<&str> = page.lines().filter_map(|line| line.strip_prefix("## ")).collect();
    let slugs: HashSet<&str> = CATALOGUE.iter().map(|row| row.slug).collect();
    assert_eq!(headings.len(), slugs.len());
    assert_eq!(headings.iter().copied().collect::<HashSet<_>>(), slugs);

    for row in CATALOGUE {
        assert!(page.contains(&format!("**{}** — HTTP {}", row.title, row.status)));
    }
    for line in page.lines() {
        assert!(line.chars().count() <= 120, "{line}");
    }
}

#[test]
fn every_row_is_a_reply_that_a_policy_might_give_and_stands_once() {
    let mut rows = HashSet::new();
    for row in CATALOGUE {
        let content = Content::Problem(row.problem("detail"));
        let verdict = Verdict::Reply(Reply { status: row.status, content });
        assert_eq!(verdict.check(), Ok(()), "{}", row.slug);
        assert!(!row.sources.is_empty(), "{} comes from nowhere", row.slug);
        assert!(row.arises.ends_with('.') && row.remedy.ends_with('.'), "{}", row.slug);
        let sources = format!("{:?}", row.sources);
        assert!(rows.insert((row.slug, row.status, sources)), "{} is listed twice", row.slug);
    }
}

#[test]
fn a_slug_has_one_title_whatever_its_status_and_its_source() {
    let mut titles = HashMap::new();
    for row in CATALOGUE {
        let title = *titles.entry(row.slug).or_insert(row.title);
        assert_eq!(row.title, title, "{} has two titles", row.slug);
        assert!(title.starts_with(|first: char| first.is_ascii_uppercase()), "{title}");
    }
}

#[test]
fn an_occurrence_has_slug_title_and_type_of_its_row() {
    let problem = ProblemType::QUOTA_EXCEEDED.problem("used up");
    assert_eq!((&*problem.slug, &*problem.title), ("quota-exceeded", "Quota exceeded"));
    assert_eq!(&*problem.detail, "used up");
    let iana = "https://iana.org/assignments/http-problem-types#quota-exceeded";
    assert_eq!(problem.type_uri.as_deref(), Some(iana));
    assert_eq!(ProblemType::DRAINING.problem("").type_uri, None);
}

#[test]
fn a_grpc_code_is_its_number_and_unknown_numbers_are_kept() {
    for (number, code) in (0..).zip(GrpcCode::ALL) {
        assert_eq!((GrpcCode::from(number), code.number()), (code, number));
    }
    assert_eq!(GrpcCode::from(17), GrpcCode::Unlisted(17));
    assert_eq!(GrpcCode::from(4_000_000_000).number(), 4_000_000_000);
    assert_eq!(GrpcCode::Unlisted(99).name(), "UNKNOWN");
    assert_eq!(GrpcCode::NotFound.to_string(), "5");
}

#[test]
fn every_grpc_code_but_ok_has_a_row_that_names_services() {
    for code in GrpcCode::ALL.into_iter().skip(1).chain([GrpcCode::Unlisted(17)]) {
        let row = ProblemType::of_service(code);
        assert!(row.sources.contains(&ProblemSource::Service), "{}", code.name());
    }
    let of_services = CATALOGUE.iter().filter(|row| row.sources == [ProblemSource::Service]);
    for row in of_services {
        let codes = GrpcCode::ALL.into_iter().map(ProblemType::of_service);
        assert!(codes.into_iter().any(|own| own == row), "no code comes to {}", row.slug);
    }
}
