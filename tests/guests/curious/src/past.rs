//! Looks for anything that an earlier request left behind, and leaves something in every place
//! that a guest can reach: so that what is found by a second look is what isolation prevents.
//!
//! Only in Wasm, where the memory is a range of addresses that can be looked at as a whole.

use std::hint::black_box;
use std::sync::atomic::{AtomicU32, Ordering};

/// Bytes of a page of memory.
const PAGE: usize = 64 << 10;
/// The depth below the caller's frame to which the stack is written.
const DEPTH: usize = 4 << 10;

/// The findings of a look, place by place. Two looks that differ share something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Look {
    found: Vec<String>,
}

impl Look {
    /// Looks everywhere, and leaves marks everywhere.
    pub(crate) fn and_leave_marks() -> Self {
        static VISITS: AtomicU32 = AtomicU32::new(0);
        let mut found = vec![
            format!("visits: {}", VISITS.fetch_add(1, Ordering::Relaxed)),
            format!("pages: {}", pages()),
            format!("block: {:#x}", fresh_block()),
        ];
        let marks = marks();
        found.extend(Place::ALL.map(|place| format!("{}: {}", place.name(), place.marks(&marks))));
        leave_marks();
        Self { found }
    }

    pub(crate) fn told(self) -> Vec<String> {
        self.found
    }
}

/// Where marks can lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Stack and statics, below the heap.
    Low,
    /// The memory that the instance began with, above that.
    Heap,
    /// Memory beyond the first look's.
    Beyond,
}

impl Place {
    const ALL: [Self; 3] = [Self::Low, Self::Heap, Self::Beyond];

    fn name(self) -> &'static str {
        match self {
            Self::Low => "low marks",
            Self::Heap => "heap marks",
            Self::Beyond => "marks beyond",
        }
    }

    fn marks(self, marks: &[usize]) -> usize {
        let here = |address: &&usize| match self {
            Self::Low => **address < heap_base(),
            Self::Heap => (heap_base()..initial_end()).contains(*address),
            Self::Beyond => **address >= initial_end(),
        };
        marks.iter().filter(here).count()
    }
}

/// A pattern that is nowhere until it is computed.
fn mark() -> [u32; 2] {
    [black_box(0x5eed_0001_u32).rotate_left(9), black_box(0x0b5e_55ed_u32).rotate_left(17)]
}

/// The addresses of all marks in the memory, those in registers and frames of this look aside.
fn marks() -> Vec<usize> {
    let [first, second] = mark();
    let mut found = Vec::with_capacity(64);
    let words = (8..pages() * PAGE - 8).step_by(4);
    for address in words {
        if read(address) == first && read(address + 4) == second && found.len() < found.capacity() {
            found.push(address);
        }
    }
    found
}

fn leave_marks() {
    static mut LAST_STATIC: [u32; 2] = [0; 2];
    let last_static = (&raw const LAST_STATIC).addr();
    let block = fresh_block();
    let deep = frame() - DEPTH;
    let end = initial_end() - 16;
    let grown = core::arch::wasm32::memory_grow(0, 1) * PAGE;
    for address in [last_static, block, deep, end, grown] {
        let [first, second] = mark();
        write(address & !3, first);
        write((address & !3) + 4, second);
    }
}

/// A block of the allocator that is never given back.
fn fresh_block() -> usize {
    black_box(Box::leak(Box::new([0_u32; 16]))).as_ptr().addr()
}

/// Where the stack is.
#[inline(never)]
fn frame() -> usize {
    let here = black_box(0_u32);
    (&raw const here).addr()
}

fn pages() -> usize {
    core::arch::wasm32::memory_size(0)
}

fn heap_base() -> usize {
    #[expect(unsafe_code, reason = "the linker's symbol is an extern static")]
    unsafe extern "C" {
        static __heap_base: u8;
    }
    (&raw const __heap_base).addr()
}

/// The end of the page in which the heap begins.
fn initial_end() -> usize {
    heap_base().next_multiple_of(PAGE)
}

#[expect(unsafe_code, reason = "looking where nothing of ours lies is the point")]
fn read(address: usize) -> u32 {
    // SAFETY: an address below the end of the memory, of which a guest may read every byte.
    unsafe { std::ptr::with_exposed_provenance::<u32>(address).read_volatile() }
}

#[expect(unsafe_code, reason = "writing where nothing of ours lies is the point")]
fn write(address: usize, word: u32) {
    // SAFETY: each address given is free: a static and a block of our own, stack below every
    // frame, the end of the first page that nobody was given, and a page that was just added.
    unsafe { std::ptr::with_exposed_provenance_mut::<u32>(address).write_volatile(word) }
}
