//! The allocator of a guest: it bumps a pointer and never looks back.
//!
//! An instance lives for one call, so freeing is not worth its code; only the newest block is
//! taken back or grown in place. It starts in what the last page of the initial memory leaves
//! beyond stack and statics, and asks for further pages only when that is exhausted: a guest
//! that never grows its memory costs the host no system call.

use std::alloc::{GlobalAlloc, Layout};
use std::cell::Cell;
use std::ptr::null_mut;

/// Left free by `configure` for each run, so that a run does not begin by growing its memory.
const RUN_BYTES: usize = 8 * 1024;
/// Size of a page of memory.
const PAGE_BYTES: usize = 64 * 1024;

#[global_allocator]
static ALLOCATOR: Bump = Bump { next: Cell::new(0), end: Cell::new(0) };

struct Bump {
    /// Address of the first free byte; 0 before the first use.
    next: Cell<usize>,
    /// Address of the first byte beyond the memory that is ours.
    end: Cell<usize>,
}

/// Grows the memory now unless a run would find enough free.
pub(crate) fn reserve() {
    if ALLOCATOR.end.get() - ALLOCATOR.next.get() < RUN_BYTES {
        ALLOCATOR.grow(RUN_BYTES);
    }
}

#[expect(unsafe_code, reason = "required by GlobalAlloc; a guest has exactly one thread")]
// SAFETY: the target has no threads, so that nothing shares the cells.
unsafe impl Sync for Bump {}

impl Bump {
    /// Moves `next` past `size` bytes at the alignment; None when the memory cannot grow.
    fn take(&self, size: usize, align: usize) -> Option<usize> {
        if self.next.get() == 0 {
            self.start();
        }
        let fits = |start: &usize| start.checked_add(size).is_some_and(|end| end <= self.end.get());
        let mut start = Some(self.next.get().next_multiple_of(align)).filter(fits);
        if start.is_none() && self.grow(size.checked_add(align)?) {
            start = Some(self.next.get().next_multiple_of(align)).filter(fits);
        }
        self.next.set(start? + size);
        start
    }

    /// Takes the rest of the initial memory.
    fn start(&self) {
        #[expect(unsafe_code, reason = "the linker's symbol is an extern static")]
        unsafe extern "C" {
            static __heap_base: u8;
        }
        self.next.set((&raw const __heap_base).addr());
        self.end.set(core::arch::wasm32::memory_size(0) * PAGE_BYTES);
    }

    /// Adds pages for at least `size` bytes. Nobody else grows the memory, so they are adjacent.
    fn grow(&self, size: usize) -> bool {
        let pages = size.div_ceil(PAGE_BYTES);
        let grown = core::arch::wasm32::memory_grow(0, pages) != usize::MAX;
        if grown {
            self.end.set(self.end.get() + pages * PAGE_BYTES);
        }
        grown
    }

    fn is_newest(&self, block: *mut u8, size: usize) -> bool {
        block.addr() + size == self.next.get()
    }
}

#[expect(unsafe_code, reason = "an allocator is the one thing that cannot be written without")]
// SAFETY: every block lies in [__heap_base, end of memory), which is ours alone; `next` only
// moves back over the newest block when that one is given up, so blocks never overlap.
unsafe impl GlobalAlloc for Bump {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        match self.take(layout.size(), layout.align()) {
            Some(start) => std::ptr::with_exposed_provenance_mut(start),
            None => null_mut(),
        }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        if self.is_newest(block, layout.size()) {
            self.next.set(block.addr());
        }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        let end = block.addr().checked_add(size).filter(|end| *end <= self.end.get());
        if let Some(end) = end.filter(|_| self.is_newest(block, layout.size())) {
            self.next.set(end);
            return block;
        }
        if size <= layout.size() {
            return block;
        }
        let Some(start) = self.take(size, layout.align()) else {
            return null_mut();
        };
        let moved = std::ptr::with_exposed_provenance_mut(start);
        // SAFETY: the new block is free, at least as large, and disjoint from the old one.
        unsafe { std::ptr::copy_nonoverlapping(block, moved, layout.size()) };
        moved
    }
}
