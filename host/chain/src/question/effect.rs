//! The table of effects: questions that reserve something outside the exchange.

use std::fmt;

use serde::de::VariantAccess;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::argument::{Argument, Said};
use super::function::{AnswerSource, Function, QuestionFacts};
use super::table::{deserialize_group, given_or, questions, serialize_group};
use super::{Bucket, Nonsense, Question, Text, bounds, form};
use crate::{Answer, Claimed, Interface, Taken};

const EFFECT: QuestionFacts = QuestionFacts::from_source(AnswerSource::BackEnd).decisive();

questions! {
    /// Questions that reserve something outside the exchange, kept or released with the run.
    Effect {
        /// The effect that charges quotas.
        Quota(QuotaEffect) {
            TakeAll(buckets: Box<[Bucket]>) "quota.take-all" {
                form: "quota-take-all",
                facts: EFFECT,
                words: "took from the quotas {buckets}",
                typical: Answer::Taken(Taken::Allowed),
                bounds: bounds::buckets(buckets),
                against: {
                    Answer::Taken(Taken::Denied(index)) => (
                        "the quota {} is used up",
                        buckets.0.choice(*index).unwrap_or_else(|| format!("quota number {}", index + 1))
                    ),
                },
            }
        }

        /// The effect that claims an operation.
        Idempotency(IdempotencyEffect) {
            Claim "idempotency.claim" {
                form: "idempotency-claim",
                facts: EFFECT,
                words: "claimed the operation of the idempotency key",
                typical: Answer::Claimed(Claimed::Claimed),
                unavailable: Answer::Claimed(Claimed::Unavailable),
                against: {
                    Answer::Claimed(Claimed::InProgress) => (
                        "another request with the same idempotency key is still being carried out"
                    ),
                    Answer::Claimed(Claimed::Reused) => (
                        "the idempotency key was used before, with a different request"
                    ),
                    Answer::Claimed(Claimed::Completed(_)) => (
                        "the operation was carried out before, and its reply was kept"
                    ),
                    Answer::Claimed(Claimed::Unavailable) => (
                        "idempotency keys cannot be looked up now"
                    ),
                    Answer::Claimed(Claimed::BodyRefused(_)) => (
                        "the body is too large, too slow, or does not fit the route"
                    ),
                },
            }
        }
    }
}
