//! The decision: has every bucket that the request is charged to room for it?

use tollgate_sdk::{Bucket, Host, Source, Taken, Verdict, problems};

use crate::Settings;

/// Decides about a request.
pub fn decide(settings: &Settings, host: &mut impl Host) -> Verdict {
    let class = if settings.asks_class() { host.route_attribute("rate-class") } else { None };
    let buckets = settings.buckets(class.as_deref());
    if buckets.is_empty() {
        return Verdict::Proceed;
    }
    let answer = host.quota_take_all(&buckets);
    host.quota_report();
    match answer {
        Taken::Allowed => Verdict::Proceed,
        Taken::Denied(index) => {
            host.reply_header_set_from("retry-after", &Source::RetryAfter);
            let index = usize::try_from(index).ok();
            exceeded(index.and_then(|index| buckets.get(index)))
        }
    }
}

fn exceeded(bucket: Option<&Bucket>) -> Verdict {
    let violated: Vec<String> = bucket.map(|bucket| bucket.name.clone()).into_iter().collect();
    problems::QUOTA_EXCEEDED.refuse_with(
        "A quota for this request is used up. RateLimit-Policy lists the quotas; retry after as \
         many seconds as Retry-After says.",
        "violated-policies",
        violated,
    )
}
