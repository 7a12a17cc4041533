//! The trait of a policy, and the macro that makes a component of it.

use crate::{Host, ResponseHost, ResponseVerdict, Settings, Verdict};
#[cfg(target_family = "wasm")]
use {crate::SettingProblem, std::sync::OnceLock};

/// A policy: settings, and a decision about each request.
///
/// ```
/// use tollgate_sdk::testing::{Table, outcome, settings};
/// use tollgate_sdk::{Host, Plugin, Problem, Section, Settings, Verdict, export_plugin};
///
/// pub struct Maintenance;
/// pub struct Closed {
///     class: String,
/// }
///
/// impl Settings for Closed {
///     fn read(section: &mut Section<'_>) -> Self {
///         Self { class: section.text("class") }
///     }
/// }
///
/// impl Plugin for Maintenance {
///     type Settings = Closed;
///     fn on_request(settings: &Closed, host: &mut impl Host) -> Verdict {
///         if host.route_attribute("class").as_deref() != Some(settings.class.as_str()) {
///             return Verdict::Proceed;
///         }
///         host.reply_header_set("retry-after", "600");
///         Verdict::refuse(503, Problem::new("maintenance", "Under maintenance"))
///     }
/// }
///
/// export_plugin!(Maintenance);
///
/// let mut host = Table::new().with("route.attribute(class)", "payouts");
/// let verdict = Maintenance::on_request(&settings(r#"{"class":"payouts"}"#), &mut host);
/// assert_eq!(outcome(&verdict), "503 maintenance");
/// assert!(host.saw("reply-headers.set(retry-after, 600)"));
/// ```
pub trait Plugin: 'static {
    /// The settings that an operator may give.
    type Settings: Settings;

    /// Decides about a request. A pure function of the settings and of the host's answers.
    fn on_request(settings: &Self::Settings, host: &mut impl Host) -> Verdict;
}

/// A policy that also decides about the response, in a second run and a fresh instance.
/// Export it with `export_plugin!(Type, with response)`.
pub trait ResponsePlugin: Plugin {
    /// Decides about the response to a request that was forwarded.
    fn on_response(settings: &Self::Settings, host: &mut impl ResponseHost) -> ResponseVerdict;
}

/// Where the exports keep the settings.
#[cfg(target_family = "wasm")]
pub type Configured<S> = OnceLock<S>;

/// Reads the settings and keeps them; the body of the export `configure`.
///
/// # Errors
/// Everything that is wrong with the settings.
#[cfg(target_family = "wasm")]
pub fn configure<S: Settings>(
    place: &Configured<S>,
    text: &str,
) -> Result<(), Vec<SettingProblem>> {
    let settings = crate::settings::parse(text)?;
    crate::allocator::reserve();
    place
        .set(settings)
        .map_err(|_| vec![SettingProblem::new("", "the policy is configured already")])
}

/// The settings; traps, closed, when there are none.
#[cfg(target_family = "wasm")]
pub fn configured<S: Settings>(place: &'static Configured<S>) -> &'static S {
    place.get().unwrap_or_else(|| std::process::abort())
}

/// Makes a component of a [`Plugin`]: `export_plugin!(Type)`, or
/// `export_plugin!(Type, with response)` for a [`ResponsePlugin`].
///
/// Expands to nothing outside Wasm, so that the crate links and tests natively.
#[macro_export]
macro_rules! export_plugin {
    ($plugin:ident) => {
        #[cfg(target_family = "wasm")]
        const _: () = {
    $crate::export_plugin!(@settings $plugin);
            impl $crate::bindings::policy::Guest for $plugin {
                $crate::export_plugin!(@request $plugin);
            }
            $crate::bindings::policy::export_policy!(
                $plugin with_types_in $crate::bindings::policy
            );
        };
    };
    ($plugin:ident, with response) => {
        #[cfg(target_family = "wasm")]
        const _: () = {
    $crate::export_plugin!(@settings $plugin);
            impl $crate::bindings::policy_with_response::Guest for $plugin {
                $crate::export_plugin!(@request $plugin);
                fn on_response() -> $crate::ResponseVerdict {
                    <$plugin as $crate::ResponsePlugin>::on_response(
                        $crate::glue::configured(&SETTINGS),
                        &mut $crate::glue::Imports,
                    )
                }
            }
            $crate::bindings::policy_with_response::export_policy_with_response!(
                $plugin with_types_in $crate::bindings::policy_with_response
            );
        };
    };
    (@settings $plugin:ident) => {
        static SETTINGS: $crate::glue::Configured<<$plugin as $crate::Plugin>::Settings> =
            $crate::glue::Configured::new();
    };
    (@request $plugin:ident) => {
        fn configure(text: String) -> Result<(), Vec<$crate::SettingProblem>> {
            $crate::glue::configure(&SETTINGS, &text)
        }
        fn on_request() -> $crate::Verdict {
            <$plugin as $crate::Plugin>::on_request(
                $crate::glue::configured(&SETTINGS),
                &mut $crate::glue::Imports,
            )
        }
    };
}
