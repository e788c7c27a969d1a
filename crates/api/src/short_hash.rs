//! Hashes that tables keep beside what they lead to, in half the room.

/// A hash in four bytes.
#[inline]
#[must_use]
pub fn fold_hash(hash: u64) -> u32 {
    (hash ^ (hash >> 32)) as u32
}

/// Such a hash for a table, which takes the low bits for the place and the high bits to tell neighbours apart.
#[inline]
#[must_use]
pub fn spread_hash(hash: u32) -> u64 {
    u64::from(hash).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}
