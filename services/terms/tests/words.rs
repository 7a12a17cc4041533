//! The words that travel in keys, configuration and metadata.

use tollgate_terms::{Access, Environment, headers};

#[test]
fn an_environment_is_read_back_from_its_word() {
    for (environment, word) in [(Environment::Sandbox, "sandbox"), (Environment::Live, "live")] {
        assert_eq!((environment.as_str(), environment.to_string()), (word, word.to_owned()));
        assert_eq!(Environment::from_word(word), Some(environment));
        assert_eq!(word.parse(), Ok(environment));
        let json = serde_json::to_string(&environment).unwrap();
        assert_eq!(json, format!("\"{word}\""));
        assert_eq!(serde_json::from_str::<Environment>(&json).unwrap(), environment);
    }
}

#[test]
fn an_unknown_environment_is_refused_with_the_words_that_are_known() {
    for word in ["", "Live", "live ", "production"] {
        assert_eq!(Environment::from_word(word), None);
        let error = word.parse::<Environment>().unwrap_err();
        assert_eq!(error.to_string(), format!("`{word}` is not one of sandbox, live"));
    }
}

#[test]
fn access_is_written_in_kebab_case() {
    let words = Access::ALL.map(|access| serde_json::to_string(&access).unwrap());
    assert_eq!(words, ["\"full\"", "\"no-money-out\"", "\"read-only\"", "\"none\""]);
    let read: [Access; 4] = words.map(|word| serde_json::from_str(&word).unwrap());
    assert_eq!(read, Access::ALL);
}

#[test]
fn header_names_are_those_that_clients_and_services_know() {
    let names = [
        (headers::API_KEY, "x-api-key"),
        (headers::IDEMPOTENCY_KEY, "idempotency-key"),
        (headers::IDEMPOTENT_REPLAYED, "idempotent-replayed"),
        (headers::REQUEST_ID, "x-request-id"),
        (headers::REQUEST_TIMEOUT, "x-request-timeout"),
        (headers::PRINCIPAL, "x-tollgate-principal-bin"),
        (headers::OPERATION_KEY, "x-operation-key"),
        (headers::REQUEST_FINGERPRINT, "x-request-fingerprint"),
        (headers::GRPC_TIMEOUT, "grpc-timeout"),
    ];
    for (name, text) in names {
        assert_eq!(name, text);
    }
}
