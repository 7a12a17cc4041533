//! The engine: `fuzz --target=NAME [corpus…] [options of libFuzzer]`, as `cargo xtask fuzz` runs it.
//!
//! Only with `--cfg fuzzing`; without it, it says so.
#![allow(
    unexpected_cfgs,
    reason = "`cargo xtask fuzz` sets it, under the name that cargo-fuzz gave it"
)]
#![cfg_attr(fuzzing, no_main)]

#[cfg(fuzzing)]
mod engine {
    use std::sync::OnceLock;

    use fuzz::Target;

    static TARGET: OnceLock<Option<&'static Target>> = OnceLock::new();

    /// Reads the target's name from the command line, where libFuzzer passes over `--target`.
    fn chosen() -> Option<&'static Target> {
        let mut arguments = std::env::args();
        let name = arguments.find_map(|word| Some(word.strip_prefix("--target=")?.to_owned()))?;
        fuzz::target(&name)
    }

    libfuzzer_sys::fuzz_target!(|data: &[u8]| {
        match TARGET.get_or_init(chosen) {
            Some(target) => (target.run)(data),
            None => panic!("expected --target=NAME, with the name of a target"),
        }
    });
}

#[cfg(not(fuzzing))]
fn main() -> std::process::ExitCode {
    // The ordinary build has no engine in it, so that it needs none.
    std::process::ExitCode::FAILURE
}
