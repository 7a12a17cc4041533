//! Stages of a rollout, and the exchanges that each concerns.

use std::fmt;

/// Stage of a rollout.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Stage {
    /// It is there and does nothing.
    Off,
    /// It is run beside the policy, and what it decides is only counted.
    Shadow,
    /// It decides for a share of tenants.
    Canary(Share),
    /// It decides for all.
    Full,
}

/// A share of tenants, in hundredths of a percent: 1 to 9,999.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Share(u16);

/// All tenants, in hundredths of a percent.
const WHOLE: u16 = 10_000;

impl Share {
    /// A share of so many percent, to two decimals; none of 0 or 100 and beyond.
    #[must_use]
    pub fn percent(percent: f64) -> Option<Self> {
        let hundredths = (percent * 100.0).round();
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "within the bounds that are checked in the same line"
        )]
        (1.0..f64::from(WHOLE)).contains(&hundredths).then_some(Self(hundredths as u16))
    }

    /// Returns true if somebody with this number, which is spread evenly, is in it. Members of a
    /// share are in every larger one.
    pub(super) fn takes(self, number: u64) -> bool {
        number % u64::from(WHOLE) < u64::from(self.0)
    }
}

impl fmt::Display for Share {
    /// In percent, `2.5 %`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} %", f64::from(self.0) / 100.0)
    }
}

const SHADOW: u32 = u32::MAX;

impl Stage {
    /// The stage as a number, for an atomic.
    pub(super) fn code(self) -> u32 {
        match self {
            Self::Off => 0,
            Self::Shadow => SHADOW,
            Self::Canary(share) => u32::from(share.0),
            Self::Full => u32::from(WHOLE),
        }
    }

    pub(super) fn of(code: u32) -> Self {
        match u16::try_from(code) {
            Ok(0) => Self::Off,
            Ok(hundredths) if hundredths < WHOLE => Self::Canary(Share(hundredths)),
            Ok(_) => Self::Full,
            Err(_) => Self::Shadow,
        }
    }

    /// Share of tenants for whom the candidate decides, in hundredths of a percent.
    #[must_use]
    pub fn hundredths(self) -> u16 {
        match self {
            Self::Off | Self::Shadow => 0,
            Self::Canary(share) => share.0,
            Self::Full => WHOLE,
        }
    }

    /// Its name in the configuration.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Shadow => "shadow",
            Self::Canary(_) => "canary",
            Self::Full => "full",
        }
    }
}

impl fmt::Display for Stage {
    /// `canary 2.5 %`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())?;
        match self {
            Self::Canary(share) => write!(f, " {share}"),
            Self::Off | Self::Shadow | Self::Full => Ok(()),
        }
    }
}
