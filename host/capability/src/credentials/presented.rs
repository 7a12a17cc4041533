//! The credential of a request: one `Authorization` or one `X-Api-Key`, nowhere else.

use http::header::AUTHORIZATION;
use percent_encoding::percent_decode_str;
use tollgate_chain::{Head, Presented};
use tollgate_terms::{api_key, headers};

use super::{ApiKey, ONLY};

/// Names under which people put keys into queries, where logs and referrers find them.
const QUERY_NAMES: [&str; 7] =
    ["api_key", "apikey", "api-key", "x-api-key", "key", "access_token", "token"];

/// Classifies the credentials of a request.
pub(super) fn presented(head: &Head) -> Presented {
    if head.query.as_deref().is_some_and(query_holds_key) {
        return Presented::InQuery;
    }
    let lines = head.headers.get_all(AUTHORIZATION).iter().count()
        + head.headers.get_all(headers::API_KEY).iter().count();
    match lines {
        0 => Presented::None,
        1 => Presented::One(ONLY),
        _ => Presented::Several,
    }
}

/// Returns the key of a request that presents one, if its form is right. RFC 6750 §2.1: one space
/// after the scheme, whose case does not matter.
pub(super) fn key(head: &Head) -> Option<ApiKey> {
    let text = match head.headers.get(AUTHORIZATION) {
        Some(line) => {
            let (scheme, token) = line.to_str().ok()?.split_once(' ')?;
            scheme.eq_ignore_ascii_case("bearer").then_some(token)?
        }
        None => head.headers.get(headers::API_KEY)?.to_str().ok()?,
    };
    ApiKey::parse(text)
}

/// Returns true if a parameter of the query looks like a key.
fn query_holds_key(query: &str) -> bool {
    query.split(['&', ';']).any(|parameter| {
        let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
        let name = percent_decode_str(name).decode_utf8_lossy();
        QUERY_NAMES.iter().any(|known| name.eq_ignore_ascii_case(known))
            && percent_decode_str(value)
                .decode_utf8_lossy()
                .trim_start()
                .starts_with(api_key::PREFIX)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::credentials::NewKey;
    use crate::request::tests::head_with;
    use tollgate_chain::Environment;

    #[test]
    fn one_line_of_either_kind_is_one_credential_and_more_are_several() {
        let one = Presented::One(ONLY);
        let cases: [(&[(&str, &str)], Presented); 8] = [
            (&[], Presented::None),
            (&[("authorization", "Bearer x")], one),
            (&[("authorization", "Basic eA==")], one),
            (&[("x-api-key", "")], one),
            (&[("authorization", "Bearer x"), ("x-api-key", "x")], Presented::Several),
            (&[("authorization", "Bearer x"), ("authorization", "Bearer x")], Presented::Several),
            (&[("x-api-key", "x"), ("x-api-key", "x")], Presented::Several),
            (&[("cookie", "api_key=tg_live_x")], Presented::None),
        ];
        for (headers, expected) in cases {
            assert_eq!(presented(&head_with(headers)), expected, "{headers:?}");
        }
    }

    #[test]
    fn a_key_in_the_query_is_seen_however_it_is_spelt() {
        for (query, expected) in [
            ("a=1&api_key=tg_live_x", true),
            ("apikey=tg_sandbox_x", true),
            ("key=tg_live_x", true),
            ("ACCESS_TOKEN=tg_live_x", true),
            ("%61pi_key=%74g_live_x", true),
            ("key=%20tg_live_x", true),
            ("key=other", false),
            ("key", false),
            ("note=tg_live_x", false),
            ("", false),
        ] {
            let mut head = head_with(&[("authorization", "Bearer x")]);
            head.query = Some(query.into());
            assert_eq!(presented(&head) == Presented::InQuery, expected, "{query}");
        }
    }

    #[test]
    fn the_scheme_is_bearer_in_any_case_followed_by_one_space() {
        let new = NewKey::make(Environment::Live).expect("randomness");
        let text = new.expose();
        let of = |name, value: &str| key(&head_with(&[(name, value)])).map(|key| key.digest);
        for scheme in ["Bearer", "bearer", "BEARER"] {
            assert_eq!(of("authorization", &format!("{scheme} {text}")), Some(new.digest()));
        }
        assert_eq!(of("x-api-key", text), Some(new.digest()));
        for value in [
            format!("Bearer  {text}"),
            format!("Bearer\t{text}"),
            format!("Basic {text}"),
            text.to_owned(),
            format!("Bearer {text},{text}"),
            format!("Bearer {text} x"),
        ] {
            assert_eq!(of("authorization", &value), None, "{value}");
        }
        assert_eq!(of("x-api-key", &format!("Bearer {text}")), None);
    }
}
