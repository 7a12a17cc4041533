//! The details of a status (google/rpc/error_details.proto), as members of a problem.
//! `DebugInfo` and unknown types are dropped.

use std::time::Duration;

use tollgate_chain::{GrpcFailure, Member, Violation};

use super::status::clean;
use crate::wellknown;
use crate::wire::{Broken, Cursor, Raw};

/// Most entries of any list that is passed on.
const ENTRIES_MAX: usize = 64;

/// Details that the caller may learn.
#[derive(Debug, Default)]
pub(super) struct Details {
    violations: Vec<Violation>,
    retry_after: Option<Duration>,
    detail: Option<String>,
    members: Vec<(&'static str, Member)>,
}

impl Details {
    /// Reads an encoded `google.rpc.Status`; its code and message were in the trailers.
    pub(super) fn read(bytes: &[u8]) -> Result<Self, Broken> {
        let mut details = Self::default();
        for any in parts(bytes, 3)? {
            let url = text(any, 1)?;
            let content = parts(any, 2)?.last().copied().unwrap_or_default();
            details.add(url.rsplit('/').next().unwrap_or_default(), content)?;
        }
        Ok(details)
    }

    pub(super) fn apply(self, failure: &mut GrpcFailure) {
        failure.violations = self.violations;
        failure.retry_after = self.retry_after;
        if let Some(detail) = self.detail {
            failure.problem.detail = detail.into();
        }
        for (name, member) in self.members {
            failure.problem.members.push((name.into(), member));
        }
    }

    fn add(&mut self, name: &str, content: &[u8]) -> Result<(), Broken> {
        match name {
            "google.rpc.BadRequest" => {
                for violation in entries(content, 1)? {
                    let field = json_path(&text(violation, 1)?);
                    let (description, reason) = (text(violation, 2)?, text(violation, 3)?);
                    let reason = if reason.is_empty() { "invalid".to_owned() } else { reason };
                    let reason = reason.to_ascii_lowercase();
                    self.violations.push(Violation { field, reason, description });
                }
            }
            "google.rpc.ErrorInfo" => {
                self.text("reason", text(content, 1)?);
                self.text("domain", text(content, 2)?);
                self.texts("metadata", list(content, 3, |pair| join(pair, "=", [1, 2]))?);
            }
            "google.rpc.RetryInfo" => {
                let delay = parts(content, 1)?.last().copied().unwrap_or_default();
                let (seconds, nanos) = wellknown::time(delay)?;
                let (seconds, nanos) = (u64::try_from(seconds), u32::try_from(nanos));
                if let (Ok(seconds), Ok(nanos @ 0..1_000_000_000)) = (seconds, nanos) {
                    self.retry_after = Some(Duration::new(seconds, nanos));
                }
            }
            "google.rpc.QuotaFailure" => {
                let violated = list(content, 1, |violation| join(violation, ": ", [1, 2]))?;
                self.texts("violated-policies", violated);
            }
            "google.rpc.PreconditionFailure" => {
                self.texts(
                    "violations",
                    list(content, 1, |violation| join(violation, ": ", [1, 2, 3]))?,
                );
            }
            "google.rpc.ResourceInfo" => self.text("resource", join(content, "/", [1, 2])?),
            "google.rpc.LocalizedMessage" => {
                self.detail = Some(text(content, 2)?).filter(|text| !text.is_empty());
                self.text("language", text(content, 1)?);
            }
            "google.rpc.Help" => self.texts("help", list(content, 1, |link| text(link, 2))?),
            _ => {}
        }

        Ok(())
    }

    fn text(&mut self, name: &'static str, text: String) {
        if !text.is_empty() {
            self.members.push((name, Member::Text(text.into())));
        }
    }

    fn texts(&mut self, name: &'static str, texts: Vec<String>) {
        if !texts.is_empty() {
            let texts = texts.into_iter().map(Into::into).collect();
            self.members.push((name, Member::Texts(texts)));
        }
    }
}

/// Every length-delimited value of this number.
fn parts(message: &[u8], number: u32) -> Result<Vec<&[u8]>, Broken> {
    let mut parts = Vec::new();
    let mut cursor = Cursor(message);
    while let Some((found_number, raw)) = cursor.field()? {
        if let (true, Raw::Bytes(bytes)) = (found_number == number, raw) {
            parts.push(bytes);
        }
    }
    Ok(parts)
}

fn entries(message: &[u8], number: u32) -> Result<Vec<&[u8]>, Broken> {
    let mut parts = parts(message, number)?;
    parts.truncate(ENTRIES_MAX);
    Ok(parts)
}

fn text(message: &[u8], number: u32) -> Result<String, Broken> {
    let bytes = parts(message, number)?.last().copied().unwrap_or_default();
    Ok(clean(&String::from_utf8_lossy(bytes)))
}

fn list(
    message: &[u8],
    number: u32,
    show: impl Fn(&[u8]) -> Result<String, Broken>,
) -> Result<Vec<String>, Broken> {
    entries(message, number)?.into_iter().map(show).collect()
}

/// The texts of these numbers that are not empty, joined.
fn join<const N: usize>(
    message: &[u8],
    separator: &str,
    numbers: [u32; N],
) -> Result<String, Broken> {
    let mut joined = Vec::with_capacity(N);
    for number in numbers {
        let part = text(message, number)?;
        if !part.is_empty() {
            joined.push(part);
        }
    }
    Ok(joined.join(separator))
}

/// `shipping_address.street_lines[0]` → `shippingAddress.streetLines[0]`.
fn json_path(path: &str) -> String {
    let mut camel = String::with_capacity(path.len());
    let mut raise = false;
    for char in path.chars() {
        match char {
            '_' => raise = true,
            _ if raise => {
                camel.push(char.to_ascii_uppercase());
                raise = false;
            }
            _ => camel.push(char),
        }
    }
    camel
}
