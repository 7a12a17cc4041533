//! Every fixture in `accepted/` loads; every one in `rejected/` is refused with exactly the
//! problems in the `.expected` file beside it.

#![expect(clippy::unwrap_used, reason = "what stands ready for a test may fail as tests do")]

use std::fs;
use std::path::{Path, PathBuf};

use tollgate_config::{Config, Problems, load};

fn fixtures(folder: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(folder);
    let mut files: Vec<PathBuf> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "toml"))
        .collect();
    files.sort();
    assert!(!files.is_empty());
    files
}

fn load_alone(fixture: &Path) -> (tempfile::TempDir, Result<Config, Problems>) {
    let folder = tempfile::tempdir().unwrap();
    fs::copy(fixture, folder.path().join("gateway.toml")).unwrap();
    let result = load(folder.path());
    (folder, result)
}

fn shown(folder: &Path, problems: &Problems) -> String {
    let prefix = format!("{}/", folder.display());
    problems.to_string().replace(&prefix, "").replace(&*folder.to_string_lossy(), ".") + "\n"
}

#[test]
fn accepted_fixtures_load() {
    for fixture in fixtures("accepted") {
        let (folder, result) = load_alone(&fixture);
        if let Err(problems) = result {
            panic!("{}:\n{}", fixture.display(), shown(folder.path(), &problems));
        }
    }
}

#[test]
fn rejected_fixtures_are_refused_with_place_and_expectation() {
    let mut differences = Vec::new();
    for fixture in fixtures("rejected") {
        let (folder, result) = load_alone(&fixture);
        let problems = result.expect_err(&fixture.display().to_string());
        let expected = fs::read_to_string(fixture.with_extension("expected")).unwrap();
        let problems = shown(folder.path(), &problems);
        if problems != expected {
            differences.push(format!("{} is refused with\n{problems}", fixture.display()));
        }
    }
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

#[test]
fn a_nearer_folder_replaces_whole_items_of_those_it_extends() {
    let root = tempfile::tempdir().unwrap();
    let (common, local) = (root.path().join("common"), root.path().join("local"));
    fs::create_dir_all(&common).unwrap();
    fs::create_dir_all(&local).unwrap();

    fs::write(
        common.join("all.toml"),
        "[chains.open]\npolicies = []\n[listeners.main]\naddress = \"127.0.0.1:1\"\nchain = \"open\"\n\
         trusted_proxies = [\"10.0.0.0/8\"]\n",
    )
    .unwrap();
    fs::write(
        local.join("own.toml"),
        "extends = [\"../common\"]\n[listeners.main]\naddress = \"127.0.0.1:2\"\nchain = \"open\"\n",
    )
    .unwrap();

    let config = load(&local).unwrap();
    let listener = config.listeners().first().unwrap();
    assert_eq!(listener.address.port(), 2);
    assert!(listener.trusted_proxies.is_empty(), "items are replaced, not merged");
    assert_eq!(config.folders().len(), 2);
}

#[test]
fn a_setting_problem_names_the_line_of_the_setting() {
    let text =
        fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/accepted/full.toml"))
            .unwrap();
    let line = 1 + text.lines().position(|line| line.starts_with("origins")).unwrap();
    let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/accepted/full.toml");
    let (_folder, config) = load_alone(&fixture);
    let config = config.unwrap();
    let cors = config.policies().iter().find(|policy| policy.name == "cors").unwrap();
    let problem = cors.setting_problem("origins[1]", "expected an origin");
    assert_eq!(problem.line, line);
    assert_eq!(problem.key, "policies.cors.settings.origins[1]");
}

#[test]
fn a_problem_deep_in_the_settings_names_its_own_line_or_the_nearest() {
    let folder = tempfile::tempdir().unwrap();
    let text = "[plugins.p]\nfile = \"p.wasm\"\n[policies.limit]\nplugin = \"p\"\n\
                [policies.limit.settings]\npolicies = [\n    { name = \"a\", quota = 1 },\n    \
                { name = \"b\", quota = -1, on = 2026-11-22 },\n]\n\
                [policies.limit.settings.services.deposits]\nlive = \"x\"\n\
                [chains.open]\npolicies = []\n\
                [listeners.main]\naddress = \"127.0.0.1:1\"\nchain = \"open\"\n";
    fs::write(folder.path().join("rules.toml"), text).unwrap();
    let config = load(folder.path()).unwrap();
    let policy = config.policies().first().unwrap();
    let line = |key: &str| policy.setting_problem(key, "expected another").line;
    let at = |part: &str| 1 + text.lines().position(|line| line.contains(part)).unwrap();
    assert_eq!(line("policies[0].quota"), at("quota = 1 "));
    assert_eq!(line("policies[1].quota"), at("quota = -1"));
    assert_eq!(line("policies[1].window_seconds"), at("quota = -1"), "what is missing has no line");
    assert_eq!(line("services.deposits.live"), at("live ="));
    assert_eq!(line("colour"), at("[policies.limit]"));
    let settings = r#"{"policies":[{"name":"a","quota":1},{"name":"b","on":"2026-11-22","quota":-1}],"services":{"deposits":{"live":"x"}}}"#;
    assert_eq!(policy.settings, settings);
}
