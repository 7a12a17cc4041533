use super::*;
use tollgate_capability::credentials::NewKey;
use tollgate_capability::testing::ManualClock;

fn entry(id: &str, digest: &KeyDigest, more: &str) -> String {
    let sha256 = digest.0.hex();
    format!(
        "[[keys]]\nid = \"{id}\"\nsha256 = \"{sha256}\"\ntenant = \"acme\"\n\
         environment = \"live\"\nscopes = [\"deposits:write\"]\n{more}\n"
    )
}

fn new_digest() -> KeyDigest {
    NewKey::make(Environment::Live).expect("randomness").digest()
}

fn store(text: &str) -> Result<FileCredentials, Error> {
    FileCredentials::parse(text, Arc::new(ManualClock::new()))
}

#[test]
fn a_listed_digest_stands_for_its_principal_and_no_other_does() {
    let digest = new_digest();
    let store = store(&entry("k", &digest, "access = \"no-money-out\"")).expect("a good file");
    let Lookup::Found(principal) = store.find(&digest) else { panic!("it is listed") };
    assert_eq!(principal.tenant, "acme");
    assert_eq!(principal.environment, Environment::Live);
    assert_eq!(principal.access, Access::NoMoneyOut);
    assert!(principal.scopes.contains("deposits:write"));
    assert_eq!(store.find(&new_digest()), Lookup::NotFound);
}

#[test]
fn a_key_ends_at_its_moment() {
    let clock = Arc::new(ManualClock::new());
    let digest = new_digest();
    let text = entry("k", &digest, "expires_at = \"2027-01-01T00:00:00Z\"");
    let store = FileCredentials::parse(&text, Arc::clone(&clock) as _).expect("a good file");
    clock.set_unix(Duration::from_secs(1_798_761_599));
    assert_ne!(store.find(&digest), Lookup::NotFound);
    clock.set_unix(Duration::from_secs(1_798_761_600));
    assert_eq!(store.find(&digest), Lookup::NotFound);
}

#[test]
fn a_reload_replaces_all_keys_and_a_bad_one_none() {
    let (old, new) = (new_digest(), new_digest());
    let store = store(&entry("old", &old, "")).expect("a good file");
    assert!(store.replace(&entry("new", &new, "colour = \"red\"")).is_err());
    assert_ne!(store.find(&old), Lookup::NotFound);
    assert_eq!(store.replace(&entry("new", &new, "")).expect("a good file"), 1);
    assert_eq!(store.find(&old), Lookup::NotFound);
    assert_ne!(store.find(&new), Lookup::NotFound);
}

#[test]
fn what_is_wrong_is_said_with_the_keys_id_and_never_its_digest() {
    let good = entry("k-1", &new_digest(), "");
    let sha256 = good.lines().nth(2).expect("the digest").to_owned();
    for (text, expected) in [
        (good.replace(&sha256, "sha256 = \"tg_live_abc\""), "never the key itself"),
        (good.replace("deposits:write", "deposits"), "resource:action"),
        (good.replace("acme", ""), "a tenant"),
        (format!("{good}{good}"), "no other key has"),
        (format!("{good}expires_at = \"tomorrow\""), "expires_at"),
    ] {
        let error = store(&text).expect_err("it is wrong").to_string();
        assert!(error.contains("k-1") && error.contains(expected), "{error}");
        assert!(!error.contains("tg_live_abc"), "{error}");
    }
    assert!(store("[[key]]").is_err());
    assert!(store(&good.replace("\"live\"", "\"test\"")).is_err());
}
