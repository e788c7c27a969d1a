//! Which addresses stay where there are too many.
//!
//! Mirrors pkg/controller/endpoint/endpoints_controller.go (`truncateEndpoints`) (v1.36).

/// How many addresses an Endpoints has at most. Mirrors `maxCapacity`.
pub(super) const MAX_CAPACITY: usize = 1000;

/// How many addresses of a subset are ready, and how many are not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Count {
    pub(super) ready: usize,
    pub(super) not_ready: usize,
}

/// How many of each subset's addresses stay, ready ones first and each subset by its share; `None` where all of them do.
pub(super) fn truncate_endpoints(subsets: &[Count]) -> Option<Vec<Count>> {
    let ready: usize = subsets.iter().map(|c| c.ready).sum();
    let not_ready: usize = subsets.iter().map(|c| c.not_ready).sum();
    if ready + not_ready <= MAX_CAPACITY {
        return None;
    }
    let truncates_ready = ready > MAX_CAPACITY;
    let (max, total) = if truncates_ready { (MAX_CAPACITY, ready) } else { (MAX_CAPACITY - ready, not_ready) };
    let mut can_be_added = max;
    let mut kept = Vec::with_capacity(subsets.len());
    for subset in subsets {
        let count = if truncates_ready { subset.ready } else { subset.not_ready };
        // Rounded up, so that the last subset may get less than its share.
        let share = (count * max).div_ceil(total.max(1)).min(can_be_added).min(count);
        can_be_added -= share;
        kept.push(if truncates_ready {
            Count { ready: share, not_ready: 0 }
        } else {
            Count { ready: subset.ready, not_ready: share }
        });
    }
    Some(kept)
}
