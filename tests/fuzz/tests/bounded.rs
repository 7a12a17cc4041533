//! Every target over its seeds, and over a bounded number of changed ones, without the engine.

#![expect(clippy::unwrap_used, reason = "what stands ready for a test may fail as tests do")]

use std::fs;
use std::path::{Path, PathBuf};

use fuzz::{TARGETS, Target};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

/// Changed seeds for each target.
const CASES: u32 = 1_000;
/// The seed of the random numbers: every run tries the same inputs.
const SEED: [u8; 32] = *b"tollgate: seeds of bounded runs.";
/// Bounds of what is kept in the tree.
const SEEDS_MAX: usize = 20;
const BYTES_MAX: u64 = 200 << 10;

/// Bytes that mean something to one of the readers.
const MARKS: &[&[u8]] = &[
    b"\0",
    b"\n",
    b"\r\n",
    b" ",
    b"\t",
    b"\"",
    b"%",
    b"%2f",
    b"%00",
    b"&",
    b"+",
    b",",
    b"-",
    b".",
    b"..",
    b"/",
    b"//",
    b"0",
    b":",
    b";",
    b"=",
    b"?",
    b"[",
    b"]",
    b"\\",
    b"{",
    b"}",
    b"**",
    b"\xff",
    b"\xc3\xa9",
    b"null",
    b"1e400",
    b"9007199254740993",
    b"\x80\0\0\0\x01",
    b"\xef\xbb\xbf",
];

fn corpus() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus")
}

fn files(target: &Target) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = fs::read_dir(corpus().join(target.name))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    files
}

/// One change of an input, at a place that follows from its length.
#[derive(Debug, Clone)]
enum Change {
    Insert(Index, Vec<u8>),
    Replace(Index, u8),
    Remove(Index, usize),
    Repeat(Index, usize),
}

impl Change {
    fn apply(&self, input: &mut Vec<u8>) {
        let place = |index: &Index, length: usize| index.index(length.max(1)).min(length);

        match self {
            Self::Insert(index, bytes) => {
                let at = place(index, input.len());
                input.splice(at..at, bytes.iter().copied());
            }
            Self::Replace(index, byte) => {
                let at = place(index, input.len());
                if let Some(replaced) = input.get_mut(at) {
                    *replaced = *byte;
                }
            }
            Self::Remove(index, length) => {
                let at = place(index, input.len());
                input.drain(at..input.len().min(at + length));
            }
            Self::Repeat(index, length) => {
                let at = place(index, input.len());
                let piece: Vec<u8> = input.iter().skip(at).take(*length).copied().collect();
                input.splice(at..at, piece);
            }
        }
    }
}

fn change() -> impl Strategy<Value = Change> {
    let marks: Vec<Vec<u8>> = MARKS.iter().map(|mark| mark.to_vec()).collect();
    prop_oneof![
        (any::<Index>(), select(marks)).prop_map(|(at, mark)| Change::Insert(at, mark)),
        (any::<Index>(), vec(any::<u8>(), 1..8)).prop_map(|(at, new)| Change::Insert(at, new)),
        (any::<Index>(), any::<u8>()).prop_map(|(at, byte)| Change::Replace(at, byte)),
        (any::<Index>(), 1..16_usize).prop_map(|(at, length)| Change::Remove(at, length)),
        (any::<Index>(), 1..64_usize).prop_map(|(at, length)| Change::Repeat(at, length)),
    ]
}

#[test]
fn every_target_holds_on_its_seeds() {
    for target in TARGETS {
        for file in files(target) {
            let data = fs::read(&file).unwrap();
            let run = std::panic::catch_unwind(|| (target.run)(&data));
            assert!(run.is_ok(), "{} on {}", target.name, file.display());
        }
    }
}

#[test]
fn every_target_holds_on_changed_seeds() {
    for target in TARGETS {
        let seeds: Vec<Vec<u8>> =
            files(target).iter().map(|file| fs::read(file).unwrap()).collect();
        let config = Config { cases: CASES, failure_persistence: None, ..Config::default() };
        let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &SEED);
        let mut runner = TestRunner::new_with_rng(config, rng);

        let inputs = (select(seeds), vec(change(), 0..6)).prop_map(|(mut input, changes)| {
            changes.iter().for_each(|change| change.apply(&mut input));
            input
        });
        let result = runner.run(&inputs, |input| {
            (target.run)(&input);
            Ok(())
        });
        assert!(result.is_ok(), "{}: {}", target.name, result.unwrap_err());
    }
}

#[test]
fn seeds_are_few_and_small_and_each_belongs_to_a_target() {
    let mut folders: Vec<String> = fs::read_dir(corpus())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    folders.sort();
    let names: Vec<&str> = TARGETS.iter().map(|target| target.name).collect();
    assert_eq!(folders, names);

    let mut bytes = 0;
    for target in TARGETS {
        let files = files(target);
        assert!((1..=SEEDS_MAX).contains(&files.len()), "{} has {}", target.name, files.len());
        bytes += files.iter().map(|file| fs::metadata(file).unwrap().len()).sum::<u64>();
    }
    assert!(bytes <= BYTES_MAX, "{bytes} bytes of seeds");
}
