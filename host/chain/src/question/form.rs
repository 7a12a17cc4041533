//! The serialised form of questions, which receipts keep: `{"read":{"method-is":"GET"}}`.
//!
//! It names a class and a question, not the interface between them, and so does not change with
//! the grouping of the enums.

use std::fmt;
use std::marker::PhantomData;

use serde::de::value::{EnumAccessDeserializer, StrDeserializer};
use serde::de::{Deserialize, DeserializeSeed, Deserializer, EnumAccess, VariantAccess, Visitor};
use serde::de::{Error as _, IntoDeserializer as _};

/// A class of questions, grouped by interface.
pub(super) trait ClassForm: Sized {
    /// Deserialises the question of this name; none where the class has no such question.
    fn from_form<'de, V: VariantAccess<'de>>(
        name: &str,
        question: V,
    ) -> Option<Result<Self, V::Error>>;
}

/// Deserialises a question of a class.
pub(super) fn deserialize<'de, C: ClassForm, D: Deserializer<'de>>(form: D) -> Result<C, D::Error> {
    form.deserialize_enum("Question", &[], ClassVisitor(PhantomData))
}

/// Deserialises a question whose name is already known.
pub(super) fn group<'de, G: Deserialize<'de>, V: VariantAccess<'de>>(
    name: &str,
    question: V,
) -> Result<G, V::Error> {
    G::deserialize(EnumAccessDeserializer::new(Named { name, question }))
}

struct ClassVisitor<C>(PhantomData<C>);

impl<'de, C: ClassForm> Visitor<'de> for ClassVisitor<C> {
    type Value = C;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a question")
    }

    fn visit_enum<A: EnumAccess<'de>>(self, form: A) -> Result<C, A::Error> {
        let (name, question) = form.variant::<String>()?;
        C::from_form(&name, question)
            .unwrap_or_else(|| Err(A::Error::custom(format_args!("unknown question `{name}`"))))
    }
}

/// A question whose name was read and whose arguments were not.
struct Named<'n, V> {
    name: &'n str,
    question: V,
}

impl<'de, V: VariantAccess<'de>> EnumAccess<'de> for Named<'_, V> {
    type Error = V::Error;
    type Variant = V;

    fn variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<(S::Value, V), V::Error> {
        let name: StrDeserializer<'_, V::Error> = self.name.into_deserializer();
        Ok((seed.deserialize(name)?, self.question))
    }
}
