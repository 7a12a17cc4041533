//! Keys of plugins, policies, chains and rollouts.

use tollgate_chain::Class;

use super::gateway::HEADER_NAMES;
use super::words::StageWord;
use super::{
    ConfigKey, NAME_OF_ITEM, Section, SectionItems, ValueType, integer, list, names, text,
    text_like,
};
use crate::grants::grant_names;

/// A digest.
pub(super) const SHA256: ValueType = text_like("64 hexadecimal digits", "^[0-9A-Fa-f]{64}$");

/// `[plugins.<name>]`
pub(crate) const PLUGINS: Section = Section {
    name: "plugins",
    items: SectionItems::Named("name", plugin::KEYS),
    words: "Components.",
};

pub(crate) mod plugin {
    use super::{ConfigKey, SHA256 as DIGEST, ValueType};

    super::super::keys! {
        FILE = ConfigKey::required("file", ValueType::Path, "The component");
        SHA256 = ConfigKey::optional(
            "sha256", DIGEST, "The digest that the file must have; any when absent");
    }
}

/// `[policies.<name>]`
pub(crate) const POLICIES: Section = Section {
    name: "policies",
    items: SectionItems::Named("name", policy::KEYS),
    words: "Plugins put to work, each with grants and settings.",
};

pub(crate) mod policy {
    use super::{
        Class, ConfigKey, NAME_OF_ITEM, ValueType, grant_names, interests, limits, list, names,
        text,
    };

    super::super::keys! {
        PLUGIN = ConfigKey::required("plugin", NAME_OF_ITEM, "The plugin");
        CLASS = ConfigKey::optional(
            "class", ValueType::Word { names: names::<Class>, default: Some("security") },
            "The meaning of a failure: `security` and `traffic` end the exchange, closed; \
             `observe` is passed over");
        GRANTS = ConfigKey::optional(
            "grants", list(&ValueType::Word { names: grant_names, default: None }, 0, 64),
            "Interfaces of the contract that the component may import; none by default");
        INTERESTS = ConfigKey::optional(
            "interests", ValueType::Table(interests::KEYS),
            "The requests that the policy applies to; all by default");
        ATTRIBUTES = ConfigKey::optional(
            "attributes", ValueType::Map(&ValueType::Attribute),
            "The attributes of Routes that the policy reads. Each is `\"text\"`, a list of the \
             values that there are, or `{ values = …, required = true }`");
        BRANCHES = ConfigKey::optional(
            "branches",
            list(
                &text("`request.header(…)`, `notes.get(…)` or `principal.tenant`"), 0, 16),
            "Questions whose answers of raw text may branch the policy's decision trees, each \
             tenant for itself");
        LIMITS = ConfigKey::optional(
            "limits", ValueType::Table(limits::KEYS), "Bounds of one run");
        SETTINGS = ConfigKey::optional(
            "settings", ValueType::Settings, "Settings, as the plugin expects them");
    }
}

pub(crate) mod interests {
    use super::{ConfigKey, HEADER_NAMES, list, text, text_like};

    super::super::keys! {
        METHODS = ConfigKey::optional(
            "methods",
            list(&text_like("an HTTP method", "^[!#$%&'*+.^_`|~0-9A-Za-z-]+$"), 0, 64),
            "HTTP methods; any when empty");
        ROUTE_CLASSES = ConfigKey::optional(
            "route_classes", list(&text("text"), 0, 64),
            "Values of the Route's attribute `class`; any when empty");
        HEADERS = ConfigKey::optional(
            "headers", HEADER_NAMES,
            "Headers of which the request must have one; refused for class `security`");
    }
}

pub(crate) mod limits {
    use super::{ConfigKey, integer};

    super::super::keys! {
        TIME_MS = ConfigKey::optional(
            "time_ms", integer(1, 1_000, 20), "Running time, waits for the host not counted");
        MEMORY_BYTES = ConfigKey::optional(
            "memory_bytes", integer(65_536, 16 << 20, 1 << 20), "Linear memory");
        TABLE_ELEMENTS = ConfigKey::optional(
            "table_elements", integer(1, 20_000, 1_024), "Elements of tables");
        QUESTIONS = ConfigKey::optional(
            "questions", integer(1, 65_536, 256), "Questions to the host");
        ANSWER_BYTES = ConfigKey::optional(
            "answer_bytes", integer(0, 1 << 20, 65_536), "Bytes of text in answers");
    }
}

/// `[chains.<name>]`
pub(crate) const CHAINS: Section = Section {
    name: "chains",
    items: SectionItems::Named("name", chain::KEYS),
    words: "Policies in the order in which they decide.",
};

pub(crate) mod chain {
    use super::{ConfigKey, NAME_OF_ITEM, list};

    super::super::keys! {
        POLICIES = ConfigKey::required(
            "policies", list(&NAME_OF_ITEM, 0, 64), "The policies, each at most once");
    }
}

/// `[rollouts.<policy>]`
pub(crate) const ROLLOUTS: Section = Section {
    name: "rollouts",
    items: SectionItems::Named("policy", rollout::KEYS),
    words: "Candidates: policies that may take the place of others.",
};

pub(crate) mod rollout {
    use super::{ConfigKey, NAME_OF_ITEM, StageWord, ValueType, names, tolerance};

    super::super::keys! {
        CANDIDATE = ConfigKey::required(
            "candidate", NAME_OF_ITEM,
            "The policy that may take the place; of the same class and interests, in no chain");
        STAGE = ConfigKey::required(
            "stage", ValueType::Word { names: names::<StageWord>, default: None },
            "Where it begins: `off`, `shadow` (run beside, without effect), `canary` (for a share \
             of tenants) or `full`");
        SHARE_PERCENT = ConfigKey::optional(
            "share_percent", ValueType::Percent { min: 0.01, max: 99.99, default: None },
            "Share of tenants, with the stage `canary` and no other");
        TOLERANCE = ConfigKey::optional(
            "tolerance", ValueType::Table(tolerance::KEYS),
            "How much worse than the policy it may be before it is rolled back");
    }
}

pub(crate) mod tolerance {
    use super::{ConfigKey, ValueType, integer};

    super::super::keys! {
        DECISIONS_MIN = ConfigKey::optional(
            "decisions_min", integer(1, 1_000_000, 100),
            "Nothing is concluded before so many decisions of each");
        FAILURES_PERCENT = ConfigKey::optional(
            "failures_percent",
            ValueType::Percent { min: 0.0, max: 100.0, default: Some(1.0) },
            "Failures, in percent of decisions, above the policy's");
        REFUSALS_PERCENT = ConfigKey::optional(
            "refusals_percent",
            ValueType::Percent { min: 0.0, max: 100.0, default: Some(5.0) },
            "Refusals, in percent of decisions, above the policy's");
        LATENCY_US = ConfigKey::optional(
            "latency_us", integer(1, 60_000_000, 2_000),
            "Mean time of a decision above the policy's");
    }
}
