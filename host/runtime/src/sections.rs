//! A look at the sections of a file before the compiler sees it: a file that is no component, or
//! only the beginning of one, gets an error that says so.

use wasmparser::{Chunk, Parser, Payload};

use crate::LoadError;

/// Most bytes of a component; the largest language runtimes come with about 12 MiB.
pub(crate) const COMPONENT_BYTES_MAX: usize = 32 << 20;

const MAGIC: &[u8] = b"\0asm";
/// Magic, version and layer.
const HEAD_BYTES: usize = 8;

/// Checks the head, and that all sections of the component itself are whole.
pub(crate) fn check(file: &[u8]) -> Result<(), LoadError> {
    if file.len() > COMPONENT_BYTES_MAX {
        return Err(LoadError::TooLarge { bytes: file.len(), most: COMPONENT_BYTES_MAX });
    }
    check_head(file)?;

    let (mut parser, mut at) = (Parser::new(0), 0);
    while let Some(rest) = file.get(at..).filter(|rest| !rest.is_empty()) {
        let chunk = parser.parse(rest, false);
        match chunk.map_err(|error| LoadError::Compile(error.to_string()))? {
            Chunk::NeedMoreData(_) => return Err(LoadError::Truncated { at }),
            Chunk::Parsed { consumed, payload } => {
                let end = nested_end(&payload).unwrap_or(at + consumed);
                if end > file.len() {
                    return Err(LoadError::Truncated { at });
                }
                at = end;
            }
        }
    }
    Ok(())
}

fn check_head(file: &[u8]) -> Result<(), LoadError> {
    if Parser::is_component(file) {
        return Ok(());
    }
    let not = |found| Err(LoadError::NotAComponent { found });
    if Parser::is_core_wasm(file) {
        return not("a core module, which must be made into a component first");
    }
    match file.get(..MAGIC.len()) {
        Some(MAGIC) if file.len() < HEAD_BYTES => Err(LoadError::Truncated { at: 0 }),
        Some(MAGIC) => not("WebAssembly of an unknown version"),
        Some(_) => not("no WebAssembly at all"),
        None => not("an empty or very short file"),
    }
}

/// Returns the end of a module or component within the component: the parser gives only its head.
fn nested_end(payload: &Payload<'_>) -> Option<usize> {
    let (Payload::ModuleSection { unchecked_range, .. }
    | Payload::ComponentSection { unchecked_range, .. }) = payload
    else {
        return None;
    };
    Some(unchecked_range.end)
}

/// Finds the first custom section of this name, in the component itself or in a module within it.
pub(crate) fn custom<'a>(file: &'a [u8], name: &str) -> Option<&'a [u8]> {
    let mut payloads = Parser::new(0).parse_all(file).map_while(Result::ok);
    payloads.find_map(|payload| {
        let Payload::CustomSection(section) = payload else { return None };
        (section.name() == name).then(|| section.data())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const COMPONENT: &[u8] = &[0x0d, 0x00, 0x01, 0x00];
    const MODULE: &[u8] = &[0x01, 0x00, 0x00, 0x00];

    fn component(rest: &[u8]) -> Vec<u8> {
        [MAGIC, COMPONENT, rest].concat()
    }

    #[test]
    fn what_is_no_component_is_told_apart() {
        let found = |file: &[u8]| match check(file) {
            Err(LoadError::NotAComponent { found }) => found,
            other => panic!("{other:?}"),
        };
        assert_eq!(found(b""), "an empty or very short file");
        assert_eq!(found(b"\x7fELF\x02\x01\x01\x00"), "no WebAssembly at all");
        assert!(found(&[MAGIC, MODULE].concat()).starts_with("a core module"));
        assert!(found(b"\0asm\x02\0\0\0").contains("unknown version"));
    }

    #[test]
    fn a_section_that_is_not_all_there_is_found() {
        assert_eq!(check(&component(&[])), Ok(()));
        assert_eq!(check(&component(&[0, 2, 1, b'a'])), Ok(()));
        assert_eq!(check(&component(&[0, 2, 1])), Err(LoadError::Truncated { at: 8 }));
        assert_eq!(check(&component(&[0, 2, 1, b'a', 0])), Err(LoadError::Truncated { at: 12 }));
        let module = component(&[&[1, 9][..], MAGIC, MODULE].concat());
        assert_eq!(check(&module), Err(LoadError::Truncated { at: 8 }));
        assert_eq!(check(&component(&[0, 0xff, 0xff])), Err(LoadError::Truncated { at: 8 }));
        assert_eq!(check(b"\0asm\x0d"), Err(LoadError::Truncated { at: 0 }));
    }

    #[test]
    fn a_custom_section_is_found_in_the_component_and_in_a_module_of_it() {
        let own = component(&[0, 4, 1, b'a', b'h', b'i']);
        assert_eq!(custom(&own, "a"), Some(&b"hi"[..]));
        assert_eq!(custom(&own, "b"), None);
        let module = [MAGIC, MODULE, &[0, 3, 1, b'b', b'!']].concat();
        let size = u8::try_from(module.len()).unwrap_or_default();
        let nesting = component(&[&[1, size][..], &module].concat());
        assert_eq!(custom(&nesting, "b"), Some(&b"!"[..]));
        for length in 0..nesting.len() {
            assert_eq!(custom(&nesting[..length], "b"), None, "{length}");
        }
        // A name longer than its section is no name.
        assert_eq!(custom(&component(&[0, 2, 9, b'a']), "a"), None);
    }

    #[test]
    fn a_size_without_end_is_refused() {
        let endless = component(&[0, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x00]);
        assert!(matches!(check(&endless), Err(LoadError::Compile(_))));
    }
}
