//! A look at the outermost layer of a file, before the compiler sees it: a file that is no
//! component, or only the beginning of one, gets an error that says so.

use std::ops::Range;

use crate::LoadError;

/// Most bytes of a component; the largest language runtimes come with about 12 MiB.
pub(crate) const COMPONENT_BYTES_MAX: usize = 32 << 20;

const MAGIC: &[u8] = b"\0asm";
/// Version 13 of the binary format, layer 1: a component.
const COMPONENT: &[u8] = &[0x0d, 0x00, 0x01, 0x00];
/// Version 1, layer 0: a core module.
const MODULE: &[u8] = &[0x01, 0x00, 0x00, 0x00];
const HEAD_BYTES: usize = 8;

/// Checks the head and that all sections are whole.
pub(crate) fn check(file: &[u8]) -> Result<(), LoadError> {
    if file.len() > COMPONENT_BYTES_MAX {
        return Err(LoadError::TooLarge { bytes: file.len(), most: COMPONENT_BYTES_MAX });
    }
    check_head(file)?;
    let mut at = HEAD_BYTES;
    while at < file.len() {
        at = section_end(file, at).ok_or(LoadError::Truncated { at })?;
    }
    Ok(())
}

fn check_head(file: &[u8]) -> Result<(), LoadError> {
    let not = |found| Err(LoadError::NotAComponent { found });
    let Some((magic, version)) = file.split_at_checked(MAGIC.len()) else {
        return not("an empty or very short file");
    };
    if magic != MAGIC {
        return not("no WebAssembly at all");
    }
    match version.get(..COMPONENT.len()) {
        Some(COMPONENT) => Ok(()),
        Some(MODULE) => not("a core module, which must be made into a component first"),
        Some(_) => not("WebAssembly of an unknown version"),
        None => Err(LoadError::Truncated { at: 0 }),
    }
}

/// The identifier of a section that the format leaves to others.
const CUSTOM: u8 = 0;
/// Within a component: the identifier of a core module, and of a component.
const NESTED: [u8; 2] = [1, 4];
/// Deepest nesting that is looked into.
const DEPTH_MAX: u32 = 4;

/// The first custom section of this name, in the component itself or in a module within it.
pub(crate) fn custom<'a>(file: &'a [u8], name: &str) -> Option<&'a [u8]> {
    find(file, name, DEPTH_MAX)
}

fn find<'a>(file: &'a [u8], name: &str, depth: u32) -> Option<&'a [u8]> {
    let depth = depth.checked_sub(1)?;
    let is_component = file.get(MAGIC.len()..HEAD_BYTES) == Some(COMPONENT);
    let mut at = HEAD_BYTES;
    while at < file.len() {
        let (id, content) = (*file.get(at)?, section(file, at)?);
        at = content.end;
        let content = file.get(content)?;
        let found = match id {
            CUSTOM => named(content, name),
            nested if is_component && NESTED.contains(&nested) => find(content, name, depth),
            _ => None,
        };
        if found.is_some() {
            return found;
        }
    }
    None
}

/// Returns the bytes after the name of a custom section, when it is this name.
fn named<'a>(content: &'a [u8], name: &str) -> Option<&'a [u8]> {
    let (length, at) = number(content, 0)?;
    let (own, rest) = content.get(at..)?.split_at_checked(length)?;
    (own == name.as_bytes()).then_some(rest)
}

/// Where the section that starts here ends; none when that is beyond the file.
fn section_end(file: &[u8], start: usize) -> Option<usize> {
    section(file, start).map(|content| content.end)
}

/// Where the content of the section that starts here lies; none when it is not all there.
fn section(file: &[u8], start: usize) -> Option<Range<usize>> {
    let (size, at) = number(file, start + 1)?;
    let end = at.checked_add(size)?;
    (end <= file.len()).then_some(at..end)
}

/// A number of up to 32 bits in groups of seven, and where it ends.
fn number(bytes: &[u8], mut at: usize) -> Option<(usize, usize)> {
    let mut number: u64 = 0;
    for shift in (0..35).step_by(7) {
        let byte = *bytes.get(at)?;
        at += 1;
        number |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some((usize::try_from(number).ok()?, at));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

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
        assert_eq!(check(&component(&[0, 0, 1])), Err(LoadError::Truncated { at: 10 }));
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
        assert_eq!(check(&endless), Err(LoadError::Truncated { at: 8 }));
    }
}
