//! Conversions between the shared vocabulary and its protobuf forms.

use tollgate_terms::{Access, Environment};

use crate::principal as wire;

impl From<Environment> for wire::Environment {
    fn from(environment: Environment) -> Self {
        match environment {
            Environment::Sandbox => Self::Sandbox,
            Environment::Live => Self::Live,
        }
    }
}

impl wire::Environment {
    /// Returns the environment; none if it is unspecified.
    #[must_use]
    pub fn to_terms(self) -> Option<Environment> {
        match self {
            Self::Unspecified => None,
            Self::Sandbox => Some(Environment::Sandbox),
            Self::Live => Some(Environment::Live),
        }
    }
}

impl From<Access> for wire::Access {
    fn from(access: Access) -> Self {
        match access {
            Access::Full => Self::Full,
            Access::NoMoneyOut => Self::NoMoneyOut,
            Access::ReadOnly => Self::ReadOnly,
            Access::None => Self::None,
        }
    }
}

impl wire::Access {
    /// Returns the access; none if it is unspecified.
    #[must_use]
    pub fn to_terms(self) -> Option<Access> {
        match self {
            Self::Unspecified => None,
            Self::Full => Some(Access::Full),
            Self::NoMoneyOut => Some(Access::NoMoneyOut),
            Self::ReadOnly => Some(Access::ReadOnly),
            Self::None => Some(Access::None),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_environment_and_access_survives_the_wire() {
        for environment in Environment::ALL {
            assert_eq!(wire::Environment::from(environment).to_terms(), Some(environment));
        }
        for access in Access::ALL {
            assert_eq!(wire::Access::from(access).to_terms(), Some(access));
        }
    }

    #[test]
    fn an_unspecified_or_unknown_number_is_nothing() {
        let message = wire::Principal { environment: 99, access: 99, ..wire::Principal::default() };
        assert_eq!((message.environment().to_terms(), message.access().to_terms()), (None, None));
        assert_eq!(wire::Environment::Unspecified.to_terms(), None);
        assert_eq!(wire::Access::Unspecified.to_terms(), None);
    }
}
