//! The arguments of questions: their weight, their texts, and their words.

use std::fmt::{self, Display, Formatter};
use std::sync::Arc;

use super::{Bucket, CredentialHandle, LogLevel, Partition, Rule, Source, Text};

/// A type that questions have arguments of.
pub(super) trait Argument: Sized {
    /// Bytes of the argument beside the question itself, estimated.
    fn bytes(&self) -> usize {
        0
    }

    /// The argument with each of its texts changed.
    #[must_use]
    fn map_texts(&self, change: &dyn Fn(&str) -> Text) -> Self;

    /// Writes the argument as the words of a question repeat it.
    fn write_words(&self, f: &mut Formatter<'_>) -> fmt::Result;

    /// The part of a list that an answer's index points at, in words.
    fn choice(&self, _index: u32) -> Option<String> {
        None
    }
}

/// An argument that displays as its words.
pub(super) struct Said<'a, T>(pub(super) &'a T);

impl<T: Argument> Display for Said<'_, T> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.0.write_words(f)
    }
}

impl Argument for Text {
    fn bytes(&self) -> usize {
        self.len()
    }

    fn map_texts(&self, change: &dyn Fn(&str) -> Text) -> Self {
        change(self)
    }

    fn write_words(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(self)
    }
}

/// A list of texts, boxed or shared.
macro_rules! text_lists {
    ($($list:ty),+) => {$(
        impl Argument for $list {
            fn bytes(&self) -> usize {
                self.iter().map(|text| size_of::<Text>() + text.len()).sum()
            }

            fn map_texts(&self, change: &dyn Fn(&str) -> Text) -> Self {
                self.iter().map(|text| change(text)).collect()
            }

            fn write_words(&self, f: &mut Formatter<'_>) -> fmt::Result {
                write_some(f, &**self)
            }

            fn choice(&self, index: u32) -> Option<String> {
                self.get(usize::try_from(index).ok()?).map(ToString::to_string)
            }
        }
    )+};
}

text_lists!(Box<[Text]>, Arc<[Text]>);

impl Argument for Box<[Bucket]> {
    fn bytes(&self) -> usize {
        self.iter().map(|bucket| size_of::<Bucket>() + bucket.name.len()).sum()
    }

    fn map_texts(&self, change: &dyn Fn(&str) -> Text) -> Self {
        self.iter().map(|bucket| Bucket { name: change(&bucket.name), ..bucket.clone() }).collect()
    }

    fn write_words(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write_some(f, self)
    }

    fn choice(&self, index: u32) -> Option<String> {
        self.get(usize::try_from(index).ok()?).map(ToString::to_string)
    }
}

impl Argument for Source {
    fn bytes(&self) -> usize {
        if let Self::RequestHeader(name) = self { name.len() } else { 0 }
    }

    fn map_texts(&self, change: &dyn Fn(&str) -> Text) -> Self {
        if let Self::RequestHeader(name) = self {
            Self::RequestHeader(change(name))
        } else {
            self.clone()
        }
    }

    fn write_words(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::RequestHeader(name) => write!(f, "the request's {name}"),
            Self::RouteMethods => f.write_str("the methods of the path"),
            Self::RetryAfter => f.write_str("the seconds to wait"),
        }
    }
}

/// Arguments without text: none of them is shown but a number of bytes.
macro_rules! textless {
    ($($argument:ty => |$value:ident| $words:expr),+ $(,)?) => {$(
        impl Argument for $argument {
            fn map_texts(&self, _: &dyn Fn(&str) -> Text) -> Self {
                *self
            }

            fn write_words(&self, f: &mut Formatter<'_>) -> fmt::Result {
                let $value = self;
                $words.fmt(f)
            }
        }
    )+};
}

textless! {
    CredentialHandle => |credential| credential.0,
    LogLevel => |level| level.as_str(),
    u32 => |number| number,
}

impl Display for Bucket {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let owner = match self.partition {
            Partition::Tenant => "tenant",
            Partition::Key => "key",
            Partition::Address => "address",
        };
        write!(f, "\"{}\" (", self.name)?;
        match self.rule {
            Rule::Rate(rate) => {
                let (quota, seconds, burst) = (rate.quota, rate.window_seconds, rate.burst);
                write!(f, "{quota} in {seconds} s, {burst} at once")?;
            }
            Rule::Concurrency(most) => write!(f, "{most} in flight")?,
        }
        write!(f, ", for each {owner})")
    }
}

/// Writes the first few of a list.
fn write_some<T: Display>(f: &mut Formatter<'_>, list: &[T]) -> fmt::Result {
    const SHOWN: usize = 5;
    if list.is_empty() {
        return f.write_str("nothing");
    }
    for (index, one) in list.iter().take(SHOWN).enumerate() {
        let separator = if index == 0 { "" } else { ", " };
        write!(f, "{separator}{one}")?;
    }
    match list.len().saturating_sub(SHOWN) {
        0 => Ok(()),
        more => write!(f, " and {more} more"),
    }
}
