//! Telling the processor what will be looked at soon, so that it need not wait for memory then.
//!
//! With 100,000 pods next to nothing that belongs to one of them is in a cache when its turn comes. All that is fetched at
//! once, while the turn of another lasts, arrives together. Nothing but time depends on it.

/// How much of memory comes with one fetch.
const LINE_BYTES: usize = 64;
/// To where: the cache next to the processor.
const CLOSEST: i32 = 0;

/// Has a value fetched from memory.
#[inline]
pub fn fetch<T>(value: &T) {
    let start: *const T = value;
    for offset in (0..size_of::<T>()).step_by(LINE_BYTES) {
        branches::prefetch_read_data::<T, CLOSEST>(start.wrapping_byte_add(offset));
    }
}
