//! A receipt as an answer to "why?": the answer first, then who asked, then what each policy did.

use tollgate_chain::{Class, Content, Hook, Verdict};

use super::{reasons, words};
use crate::receipts::{PolicyForm, ReceiptForm, Way};

/// The receipt in lines.
pub fn tell(form: &ReceiptForm) -> Vec<String> {
    let mut lines = vec![headline(form), String::new(), format!("Why: {}.", why(form))];
    if let Some(words) = told_to_caller(form) {
        lines.push(format!("The caller was told: {words}"));
    }
    lines.push(String::new());
    lines.extend(circumstances(form));
    lines.push(String::new());
    for (index, policy) in form.policies.iter().enumerate() {
        lines.extend(part(index + 1, policy, form));
    }
    lines
}

fn headline(form: &ReceiptForm) -> String {
    let code = form.code.as_deref().map(|code| format!(" {code}")).unwrap_or_default();
    if is_open(form) {
        let upstream = form.upstream.as_deref().unwrap_or("nobody");
        return format!("Would pass, to the upstream {upstream}");
    }
    let by = match (&form.policy, failed(form)) {
        (Some(policy), _) => format!("answered by the policy {policy}"),
        (None, Some(policy)) => format!("the policy {} failed", policy.policy),
        (None, None) if form.code.is_some() => "answered by the gateway itself".to_owned(),
        (None, None) => match &form.upstream {
            Some(upstream) => format!("answered by the upstream {upstream}"),
            None => "answered by the gateway itself".to_owned(),
        },
    };
    format!("{}{code}: {by}", form.status)
}

fn why(form: &ReceiptForm) -> String {
    if let Some(policy) = decisive(form) {
        return match reasons::reason(policy) {
            Some(reason) => reason,
            None => "the policy decides so without asking anything".to_owned(),
        };
    }

    if let Some(policy) = failed(form) {
        let failure = policy.failure.as_deref().unwrap_or("without a verdict");
        let name = &policy.policy;
        return format!(
            "the policy {name} ended without a verdict ({failure}), and a request about which a \
             policy of its class cannot decide is refused"
        );
    }

    let passed = "every policy that applies let the request pass";
    match (&form.code, &form.upstream) {
        (Some(code), Some(upstream)) => {
            format!("{passed}, and then the way to the upstream {upstream} ended with {code}")
        }
        (Some(code), None) => format!("{passed}, and then the gateway itself found {code}"),
        (None, _) => passed.to_owned(),
    }
}

fn told_to_caller(form: &ReceiptForm) -> Option<String> {
    match &decisive(form)?.verdict {
        Some(Verdict::Reply(reply)) => match &reply.content {
            Content::Problem(problem) => Some(problem.detail.to_string()),
            Content::Empty | Content::Held(_) => None,
        },
        _ => None,
    }
}

fn circumstances(form: &ReceiptForm) -> Vec<String> {
    let mut lines = vec![
        format!("Request   {} {} at {}", form.method, form.path, form.time),
        format!("Id        {}", form.request_id),
    ];

    lines.push(match &form.route {
        Some(route) => format!("Route     {route}, by the chain {}", form.chain),
        None => format!("Route     none; the chain {} of the listener decides", form.chain),
    });

    lines.push(match (&form.tenant, &form.environment, &form.key_id) {
        (Some(tenant), Some(environment), Some(key)) => {
            format!("Caller    tenant {tenant}, {environment}, key {key}")
        }
        _ => "Caller    not established".to_owned(),
    });

    if is_open(form) {
        lines.push("Upstream  not contacted; it is taken to be ready".to_owned());
    } else if let Some(upstream) = &form.upstream {
        let after = form.upstream_us.map(|us| format!(", answered after {us} µs"));
        let grpc = form.grpc_status.map(|code| format!(", gRPC status {code}"));
        let (after, grpc) = (after.unwrap_or_default(), grpc.unwrap_or_default());
        lines.push(format!("Upstream  {upstream}{after}{grpc}"));
    }

    let (generation, took) = (form.generation, form.took_us);
    lines.push(format!("Decided   by configuration generation {generation}, in {took} µs in all"));
    lines
}

fn part(number: usize, policy: &PolicyForm, form: &ReceiptForm) -> Vec<String> {
    let (name, class) = (&policy.policy, class(policy.class));
    let hook = if policy.hook == Hook::Response { ", about the response" } else { "" };
    let way = match policy.way {
        Way::Tree => "by its tree",
        Way::TreeVerified => "by its tree, and its component agreed",
        Way::Wasm => "in its component",
        Way::Skipped => {
            let why = policy.why.as_deref().unwrap_or_default();
            return vec![format!("{number}. {name}{hook}: skipped, because {why}")];
        }
        Way::NotReached => {
            return vec![format!("{number}. {name}: not asked, because {}", ended(form))];
        }
    };

    let outcome = match (&policy.failure, &policy.verdict) {
        (Some(failure), _) => format!("failed: {failure}"),
        (None, Some(verdict)) => words::verdict(verdict),
        (None, None) => "decided nothing".to_owned(),
    };

    let took = policy.took_us;
    let mut lines = vec![format!("{number}. {name}{hook}: {outcome} ({class}, {way}, {took} µs)")];
    if let Some(own) = &policy.in_place_of {
        lines.push(format!("     in place of {own}, whose candidate it is"));
    }

    for step in &policy.steps {
        let question = &step.question;
        lines.push(match words::answer(&step.question, &step.answer) {
            Some(answer) => format!("     {question}: {answer}"),
            None => format!("     {question}"),
        });
    }

    if policy.contradicts {
        let told = "it decided otherwise on the same answers before: its tree is switched off";
        lines.push(format!("     {told}"));
    }
    if policy.failure.is_some() && policy.class == Class::Observe {
        lines.push("     a policy that only observes is passed over when it fails".to_owned());
    }

    let version = policy.version.as_deref().unwrap_or("(no version)");
    let digest = short(&policy.sha256);
    lines.push(format!("     component {} {version}, {digest}", policy.plugin));
    lines
}

/// Why the policies after it were not asked.
fn ended(form: &ReceiptForm) -> String {
    match (&form.policy, failed(form)) {
        (Some(policy), _) => format!("{policy} had answered"),
        (None, Some(policy)) => format!("{} had failed", policy.policy),
        (None, None) => "the exchange had ended".to_owned(),
    }
}

/// The policy whose reply the caller got.
fn decisive(form: &ReceiptForm) -> Option<&PolicyForm> {
    let name = form.policy.as_ref()?;
    form.policies
        .iter()
        .rev()
        .find(|own| own.policy == *name && matches!(own.verdict, Some(Verdict::Reply(_))))
}

/// The policy whose failure ended the exchange.
fn failed(form: &ReceiptForm) -> Option<&PolicyForm> {
    form.policies.iter().find(|own| own.failure.is_some() && own.class != Class::Observe)
}

/// Returns whether only the upstream could say what the answer is.
fn is_open(form: &ReceiptForm) -> bool {
    form.status == 0
}

fn class(class: Class) -> &'static str {
    match class {
        Class::Security => "security",
        Class::Traffic => "traffic",
        Class::Observe => "observe",
    }
}

fn short(digest: &str) -> &str {
    digest.get(..12).unwrap_or(digest)
}

#[cfg(test)]
mod tests;
