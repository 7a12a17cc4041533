//! Limits of class `observe`: a policy that is passed over when it fails must not be relied upon.

use tollgate_chain::{Class, Function};
use tollgate_runtime::Inspection;

/// Why a component cannot serve in this class; nothing when it can. What counts is what the
/// component uses, not what it was granted: an observer may read the principal.
pub(super) fn unfit(class: Class, inspection: &Inspection) -> Option<String> {
    if class != Class::Observe {
        return None;
    }
    let decisive = Function::all().filter(|function| function.facts.decisive);
    let mut used: Vec<&str> = decisive
        .filter(|function| inspection.uses(function))
        .map(|function| function.name)
        .collect();
    used.sort_unstable();
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
    use tollgate_chain::Interface;
    use tollgate_runtime::Import;

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
