//! The machine that a guest's language runtime expects. Of WASI 0.2 the clocks and the
//! randomness are questions like any other, recorded and fed again; the environment is empty;
//! hashes are seeded alike in every run; and there are no files. Whatever else of the accepted
//! interfaces a runtime imports and never calls is there, and ends the run when it is called.
//! `wasmtime-wasi` would replace the empty lists and the seed alone: see the README's decisions.

use tollgate_chain::{Answer, Host, WasiRead};
use wasmtime::component::{
    Component, ComponentType, Lift, Linker, LinkerInstance, Lower, Resource,
};
use wasmtime::{Result, StoreContextMut};

use crate::state::{State, Stop};

/// The interfaces that may be imported; of a version of WASI 0.2 each.
const ACCEPTED: [&str; 5] =
    ["wasi:cli/", "wasi:clocks/", "wasi:filesystem/", "wasi:io/", "wasi:random/"];
const VERSION: &str = "0.2.";

/// Returns true if it is an import that language runtimes come with, and that can be granted.
pub(crate) fn is_accepted(import: &str) -> bool {
    let Some((interface, version)) = import.split_once('@') else { return false };
    ACCEPTED.iter().any(|package| interface.starts_with(package))
        && version.strip_prefix(VERSION).is_some_and(|patch| patch.parse::<u32>().is_ok())
}

/// Links what the component imports of WASI, under the very version that it was built for.
pub(crate) fn link<H: Host>(linker: &mut Linker<State<H>>, component: &Component) -> Result<()> {
    for (import, _) in component.component_type().imports(component.engine()) {
        if !is_accepted(import) {
            continue;
        }

        let interface = import.split('@').next().unwrap_or(import);
        let mut instance = linker.instance(import)?;
        match interface {
            "wasi:clocks/wall-clock" => wall_clock(&mut instance)?,
            "wasi:clocks/monotonic-clock" => monotonic_clock(&mut instance)?,
            "wasi:random/random" => random(&mut instance, ["get-random-bytes", "get-random-u64"])?,
            "wasi:random/insecure" => {
                random(&mut instance, ["get-insecure-random-bytes", "get-insecure-random-u64"])?;
            }
            "wasi:random/insecure-seed" => {
                instance.func_wrap("insecure-seed", |_: Context<'_, H>, (): ()| Ok((SEED,)))?;
            }
            "wasi:cli/environment" => environment(&mut instance)?,
            "wasi:filesystem/preopens" => {
                let none = || Vec::<(Resource<()>, String)>::new();
                instance
                    .func_wrap("get-directories", move |_: Context<'_, H>, (): ()| Ok((none(),)))?;
            }
            _ => {}
        }
    }

    linker.define_unknown_imports_as_traps(component)
}

type Context<'a, H> = StoreContextMut<'a, State<H>>;
type Instance<'a, H> = LinkerInstance<'a, State<H>>;

/// Seeds of hash maps. The same in every run: a verdict may depend on the order of a map, and a
/// policy that is attacked by way of its hashes runs into its own limits.
const SEED: (u64, u64) = (0, 0);
/// Resolution of the clocks, in nanoseconds.
const RESOLUTION: u64 = 1_000_000;
const SECOND: u64 = 1_000_000_000;

/// `wasi:clocks/wall-clock.datetime`
#[derive(Debug, Clone, Copy, ComponentType, Lift, Lower)]
#[component(record)]
struct Datetime {
    seconds: u64,
    nanoseconds: u32,
}

impl Datetime {
    fn of(nanoseconds: u64) -> Self {
        let rest = u32::try_from(nanoseconds % SECOND).unwrap_or_default();
        Self { seconds: nanoseconds / SECOND, nanoseconds: rest }
    }
}

fn wall_clock<H: Host>(instance: &mut Instance<'_, H>) -> Result<()> {
    instance.func_wrap("now", |mut context: Context<'_, H>, (): ()| {
        Ok((Datetime::of(moment(&mut context, WasiRead::WallClock)?),))
    })?;
    instance.func_wrap("resolution", |_: Context<'_, H>, (): ()| Ok((Datetime::of(RESOLUTION),)))
}

fn monotonic_clock<H: Host>(instance: &mut Instance<'_, H>) -> Result<()> {
    instance.func_wrap("now", |mut context: Context<'_, H>, (): ()| {
        Ok((moment(&mut context, WasiRead::MonotonicClock)?,))
    })?;
    instance.func_wrap("resolution", |_: Context<'_, H>, (): ()| Ok((RESOLUTION,)))
}

fn random<H: Host>(instance: &mut Instance<'_, H>, [bytes, word]: [&str; 2]) -> Result<()> {
    instance.func_wrap(bytes, |mut context: Context<'_, H>, (count,): (u64,)| {
        let count = u32::try_from(count).unwrap_or(u32::MAX);
        Ok((Vec::from(drawn(&mut context, count)?),))
    })?;
    instance.func_wrap(word, |mut context: Context<'_, H>, (): ()| {
        let mut word = [0; 8];
        word.copy_from_slice(&drawn(&mut context, 8)?);
        Ok((u64::from_le_bytes(word),))
    })
}

fn environment<H: Host>(instance: &mut Instance<'_, H>) -> Result<()> {
    let none = Vec::<(String, String)>::new;
    instance.func_wrap("get-environment", move |_: Context<'_, H>, (): ()| Ok((none(),)))?;
    let none = Vec::<String>::new;
    instance.func_wrap("get-arguments", move |_: Context<'_, H>, (): ()| Ok((none(),)))?;
    instance.func_wrap("initial-cwd", |_: Context<'_, H>, (): ()| Ok((None::<String>,)))
}

fn moment<H: Host>(context: &mut Context<'_, H>, asked: WasiRead) -> Result<u64> {
    let moment = ask(context, asked)?.into_nanoseconds();
    moment.map_err(|mismatch| Stop::from(mismatch).into())
}

/// Returns as many bytes as were asked for, or ends the run.
fn drawn<H: Host>(context: &mut Context<'_, H>, count: u32) -> Result<Box<[u8]>> {
    let drawn = ask(context, WasiRead::Random(count))?.into_random().map_err(Stop::from)?;
    if u32::try_from(drawn.len()) != Ok(count) {
        return Err(Stop::Randomness.into());
    }
    Ok(drawn)
}

fn ask<H: Host>(context: &mut Context<'_, H>, asked: WasiRead) -> Result<Answer> {
    context.data_mut().ask_ready(asked.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_wasi_what_a_language_runtime_comes_with_is_accepted_and_no_socket() {
        for (import, accepted) in [
            ("wasi:clocks/wall-clock@0.2.6", true),
            ("wasi:filesystem/types@0.2.0", true),
            ("wasi:cli/stderr@0.2.12", true),
            ("wasi:sockets/tcp@0.2.6", false),
            ("wasi:http/outgoing-handler@0.2.6", false),
            ("wasi:clocks/wall-clock@0.3.0", false),
            ("wasi:clocks/wall-clock@0.2.0-rc-2023-11-10", false),
            ("wasi:clocks/wall-clock", false),
            ("tollgate:policy/log@0.2.0", false),
        ] {
            assert_eq!(is_accepted(import), accepted, "{import}");
        }
    }

    #[test]
    fn a_moment_is_seconds_and_what_is_left() {
        let Datetime { seconds, nanoseconds } = Datetime::of(1_700_000_000_123_000_000);
        assert_eq!((seconds, nanoseconds), (1_700_000_000, 123_000_000));
    }
}
