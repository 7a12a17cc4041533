//! Attributes of a Route: the operator's words, for policies to ask.

/// Pairs of name and value, each name once. A Route has a handful and every request asks for
/// several, so they lie side by side and are looked through.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Attributes(Box<[(Box<str>, Box<str>)]>);

impl Attributes {
    /// The value of this name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(own, _)| **own == *name).map(|(_, value)| &**value)
    }
}

/// Collects the attributes: of two values with one name the first counts.
impl FromIterator<(Box<str>, Box<str>)> for Attributes {
    fn from_iter<I: IntoIterator<Item = (Box<str>, Box<str>)>>(pairs: I) -> Self {
        Self(pairs.into_iter().collect())
    }
}
