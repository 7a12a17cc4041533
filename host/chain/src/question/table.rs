//! The macro behind the table of questions: from a row follows all that depends on the question.

/// The given tokens, or a default where there are none.
macro_rules! given_or {
    ($default:expr;) => {
        $default
    };
    ($default:expr; $given:expr) => {
        $given
    };
}

/// Declares a class of questions, grouped by interface. A row reads:
///
/// ```text
/// Variant(argument: Type, …) "interface.function" {
///     form: the question's name in receipts,
///     facts: see `QuestionFacts`,
///     words: what a policy did by asking, with the arguments,
///     typical: the answer that a plain request gets (a command's is always *done*),
///     unavailable: the answer while its back end cannot be asked,
///     field: the argument that names a header field whose value is another argument,
///     bounds: the check of its arguments,
///     against: { an answer => (the reason that it gives to refuse the request) },
/// }
/// ```
///
/// The keys from `typical` on are optional.
macro_rules! questions {
    (
        $(#[$class_doc:meta])*
        $class:ident {$(
            $(#[$group_doc:meta])*
            $interface:ident($group:ident) $(in $tag:literal)? {$(
                $variant:ident $(($($argument:ident: $kind:ty),+))? $name:literal {
                    form: $form:literal,
                    facts: $facts:expr,
                    words: $words:literal,
                    $(typical: $typical:expr,)?
                    $(unavailable: $unavailable:expr,)?
                    $(field: $field:ident,)?
                    $(bounds: $bounds:expr,)?
                    $(against: { $($answer:pat => ($($reason:tt)+)),+ $(,)? },)?
                }
            )+}
        )+}
    ) => {
        $(#[$class_doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash)]
        pub enum $class {
            $($(#[$group_doc])* $interface($group),)+
        }

        impl $class {
            /// The functions of the class, by interface.
            pub(super) const FUNCTIONS: &'static [&'static [Function]] = &[$($group::FUNCTIONS),+];

            /// The static half of the question's row.
            #[must_use]
            pub fn function(&self) -> &'static Function {
                match self {
                    $(Self::$interface(question) => question.function(),)+
                }
            }

            /// The answer that a plain request gets while nothing is down: yes to what most
            /// requests are, no field that few have, nothing that an earlier policy left.
            #[must_use]
            pub fn typical_answer(&self) -> Answer {
                match self {
                    $(Self::$interface(question) => question.typical_answer(),)+
                }
            }

            /// The name of the header field whose value is among the arguments.
            pub(super) fn field(&self) -> Option<&str> {
                match self {
                    $(Self::$interface(question) => question.field(),)+
                }
            }

            pub(super) fn check(&self) -> Result<(), Nonsense> {
                match self {
                    $(Self::$interface(question) => question.check(),)+
                }
            }

            pub(super) fn bytes(&self) -> usize {
                match self {
                    $(Self::$interface(question) => question.bytes(),)+
                }
            }

            pub(super) fn map_texts(&self, change: &dyn Fn(&str) -> Text) -> Self {
                match self {
                    $(Self::$interface(question) => Self::$interface(question.map_texts(change)),)+
                }
            }

            pub(super) fn choice(&self, index: u32) -> Option<String> {
                match self {
                    $(Self::$interface(question) => question.choice(index),)+
                }
            }

            pub(super) fn write_words(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                match self {
                    $(Self::$interface(question) => question.write_words(f),)+
                }
            }

            pub(super) fn reason_against(&self, answer: &Answer) -> Option<String> {
                match self {
                    $(Self::$interface(question) => question.reason_against(answer),)+
                }
            }
        }

        impl Serialize for $class {
            fn serialize<S: Serializer>(&self, form: S) -> Result<S::Ok, S::Error> {
                match self {
                    $(Self::$interface(question) => {
                        serialize_group!(question, form; $($tag)?)
                    })+
                }
            }
        }

        impl<'de> Deserialize<'de> for $class {
            fn deserialize<D: Deserializer<'de>>(form: D) -> Result<Self, D::Error> {
                form::deserialize(form)
            }
        }

        impl form::ClassForm for $class {
            fn from_form<'de, V: VariantAccess<'de>>(
                name: &str,
                question: V,
            ) -> Option<Result<Self, V::Error>> {
                $(if given_or!([$($form),+]; $([$tag])?).contains(&name) {
                    let group = deserialize_group!($group, name, question; $($tag)?);
                    return Some(group.map(Self::$interface));
                })+
                None
            }
        }

        $(
            $(#[$group_doc])*
            #[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
            pub enum $group {$(
                #[doc = concat!("`", $name, "`")]
                #[serde(rename = $form)]
                $variant $(($($kind),+))?,
            )+}

            #[allow(unused_variables, reason = "few rows need all of their arguments everywhere")]
            impl $group {
                const FUNCTIONS: &'static [Function] = &[$(Function {
                    name: $name,
                    interface: Interface::$interface,
                    unavailable: given_or!(None; $(Some($unavailable))?),
                    facts: $facts,
                }),+];

                fn function(&self) -> &'static Function {
                    match self {
                        $(Self::$variant $(($($argument),+))? => const { &Function {
                            name: $name,
                            interface: Interface::$interface,
                            unavailable: given_or!(None; $(Some($unavailable))?),
                            facts: $facts,
                        } },)+
                    }
                }

                fn typical_answer(&self) -> Answer {
                    match self {
                        $(Self::$variant $(($($argument),+))? => {
                            given_or!(Answer::Done; $($typical)?)
                        })+
                    }
                }

                fn field(&self) -> Option<&str> {
                    match self {
                        $(Self::$variant $(($($argument),+))? => given_or!(None; $(Some($field))?),)+
                    }
                }

                fn check(&self) -> Result<(), Nonsense> {
                    match self {
                        $(Self::$variant $(($($argument),+))? => given_or!(Ok(()); $($bounds)?)
                            .map_err(|expected| Nonsense { function: $name, expected }),)+
                    }
                }

                fn bytes(&self) -> usize {
                    match self {
                        $(Self::$variant $(($($argument),+))? => 0 $($(+ $argument.bytes())+)?,)+
                    }
                }

                fn map_texts(&self, change: &dyn Fn(&str) -> Text) -> Self {
                    match self {
                        $(Self::$variant $(($($argument),+))? => {
                            Self::$variant $(($($argument.map_texts(change)),+))?
                        })+
                    }
                }

                fn choice(&self, index: u32) -> Option<String> {
                    match self {
                        $(Self::$variant $(($($argument),+))? => {
                            None $($(.or_else(|| $argument.choice(index)))+)?
                        })+
                    }
                }

                fn write_words(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                    match self {
                        $(Self::$variant $(($($argument),+))? => {
                            $($(let $argument = Said($argument);)+)?
                            write!(f, $words)
                        })+
                    }
                }

                fn reason_against(&self, answer: &Answer) -> Option<String> {
                    match self {
                        $(Self::$variant $(($($argument),+))? => {
                            $($(let $argument = Said($argument);)+)?
                            $($(if let $answer = answer {
                                return Some(fmt::format(format_args!($($reason)+)));
                            })+)?
                            None
                        })+
                    }
                }
            }

            impl From<$group> for $class {
                fn from(question: $group) -> Self {
                    Self::$interface(question)
                }
            }

            impl From<$group> for Question {
                fn from(question: $group) -> Self {
                    Self::$class(question.into())
                }
            }
        )+
    };
}

/// Serialises a group without a name of its own, or under one.
macro_rules! serialize_group {
    ($question:ident, $form:ident;) => {
        $question.serialize($form)
    };
    ($question:ident, $form:ident; $tag:literal) => {
        $form.serialize_newtype_variant("Question", 0, $tag, $question)
    };
}

/// Deserialises a group: its own name, if it has one, is already read.
macro_rules! deserialize_group {
    ($group:ident, $name:ident, $question:ident;) => {
        form::group::<$group, V>($name, $question)
    };
    ($group:ident, $name:ident, $question:ident; $tag:literal) => {
        $question.newtype_variant::<$group>()
    };
}

pub(super) use {deserialize_group, given_or, questions, serialize_group};
