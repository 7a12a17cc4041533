//! What a policy of class `observe` may not do: be passed over, and be relied upon.

use tollgate_chain::Class;
use tollgate_runtime::Inspection;

/// Functions by which a policy settles something that everything after it relies on: who is
/// calling, whether there is quota left, whether the operation is this exchange's.
const DECISIVE: [(&str, &str); 4] = [
    ("credentials", "resolve"),
    ("idempotency", "claim"),
    ("principal", "establish"),
    ("quota", "take-all"),
];

/// Why a component cannot serve in this class; nothing when it can. What counts is what the
/// component uses, not what it was granted: an observer may read the principal.
pub(super) fn unfit(class: Class, inspection: &Inspection) -> Option<String> {
    if class != Class::Observe {
        return None;
    }
    let uses = |(interface, function): &&(&str, &str)| {
        inspection.imports.iter().any(|import| {
            let granted = import.grant.is_some_and(|grant| grant.as_str() == *interface);
            granted && import.functions.iter().any(|used| used == function)
        })
    };
    let used = DECISIVE.iter().filter(uses);
    let used: Vec<String> = used.map(|(interface, name)| format!("{interface}.{name}")).collect();
    (!used.is_empty()).then(|| {
        format!(
            "a policy of class `observe` is passed over when it fails, and this one decides by \
             {}; expected class `security` or `traffic`",
            used.join(", ")
        )
    })
}

#[cfg(test)]
mod tests {
    use tollgate_runtime::{Import, Interface};

    use super::*;

    fn using(grant: Interface, function: &str) -> Inspection {
        let name = format!("tollgate:policy/{grant}@0.1.0");
        let import = Import { name, functions: vec![function.to_owned()], grant: Some(grant) };
        Inspection { imports: vec![import], exports: Vec::new(), contract: None }
    }

    #[test]
    fn an_observer_may_read_what_others_settled_and_settle_nothing() {
        for (grant, function, fits) in [
            (Interface::Principal, "tenant", true),
            (Interface::Principal, "establish", false),
            (Interface::Credentials, "presented", true),
            (Interface::Credentials, "resolve", false),
            (Interface::Quota, "take-all", false),
            (Interface::Idempotency, "key", true),
            (Interface::Idempotency, "claim", false),
        ] {
            let inspection = using(grant, function);
            assert_eq!(unfit(Class::Observe, &inspection).is_none(), fits, "{grant}.{function}");
            assert_eq!(unfit(Class::Security, &inspection), None);
            assert_eq!(unfit(Class::Traffic, &inspection), None);
        }
    }

    #[test]
    fn the_problem_names_what_is_used_and_what_was_expected() {
        let told = unfit(Class::Observe, &using(Interface::Quota, "take-all")).unwrap_or_default();
        assert!(told.contains("quota.take-all"), "{told}");
        assert!(told.ends_with("expected class `security` or `traffic`"), "{told}");
    }
}
