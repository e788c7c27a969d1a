//! The arithmetic of zones, rates and ticks.

use std::time::Duration;

use seatrial_api::Str;
use seatrial_machinery::SimTime;

use super::controller::tick_at_or_after;
use super::rate_limited_queue::RateLimitedTimedQueue;
use super::zone::{ZoneCount, ZoneState};

/// Ready nodes, lost nodes, the state, and how many nodes a second are tainted.
#[test]
fn zones_are_disrupted_from_55_percent_on_and_fully_without_a_ready_node() {
    let rows = [
        (0, 0, ZoneState::Normal, 0.1),
        (1, 0, ZoneState::Normal, 0.1),
        (0, 1, ZoneState::FullDisruption, 0.1),
        (0, 60, ZoneState::FullDisruption, 0.1),
        // Two lost nodes are never a disruption, whatever their part.
        (1, 2, ZoneState::Normal, 0.1),
        (1, 3, ZoneState::PartialDisruption, 0.0),
        (9, 11, ZoneState::PartialDisruption, 0.0),
        (91, 109, ZoneState::Normal, 0.1),
        (90, 110, ZoneState::PartialDisruption, 0.01),
        // Fifty nodes are a small zone, fifty-one a large one.
        (20, 30, ZoneState::PartialDisruption, 0.0),
        (20, 31, ZoneState::PartialDisruption, 0.01),
    ];
    for (ready, not_ready, state, rate) in rows {
        let count = ZoneCount { ready, not_ready };
        assert_eq!(count.state(), state, "{count:?}");
        assert!((count.rate(state) - rate).abs() < f64::EPSILON, "{count:?}: {}", count.rate(state));
    }
}

fn name(text: &'static str) -> Str {
    Str::new_static(text)
}

#[test]
fn a_node_has_its_turn_every_ten_seconds_and_once() {
    let mut queue = RateLimitedTimedQueue::new(0.1);
    assert_eq!(queue.next_try(), None);
    for node in ["a", "b", "c"] {
        assert!(queue.add(&name(node)));
        assert!(!queue.add(&name(node)), "{node} is in the queue");
    }
    let at = SimTime::from_millis;
    assert_eq!(queue.try_next(at(500)), Some(name("a")));
    assert_eq!((queue.try_next(at(500)), queue.try_next(at(10_499))), (None, None));
    assert_eq!(queue.next_try(), Some(at(10_500)));
    queue.remove("b");
    assert_eq!(queue.try_next(at(10_500)), Some(name("c")));
    assert_eq!(queue.next_try(), None);
    assert!(!queue.add(&name("a")), "a had its turn");
    queue.remove("a");
    assert!(queue.add(&name("a")));
}

#[test]
fn a_new_rate_makes_those_wait_who_were_waiting() {
    let at = SimTime::from_secs;
    let mut queue = RateLimitedTimedQueue::new(0.1);
    queue.add(&name("a"));
    queue.swap_limiter(0.0, at(1));
    assert_eq!((queue.next_try(), queue.try_next(at(100))), (None, None));
    // From nothing to something: the first turn comes after the time of one.
    queue.swap_limiter(0.01, at(100));
    assert_eq!((queue.try_next(at(199)), queue.next_try()), (None, Some(at(200))));
    queue.swap_limiter(0.1, at(150));
    assert_eq!(queue.next_try(), Some(at(160)));
    // The same rate again changes nothing, and a queue that had a turn to give keeps it.
    queue.swap_limiter(0.1, at(155));
    assert_eq!(queue.next_try(), Some(at(160)));
    queue.swap_limiter(0.01, at(160));
    assert_eq!(queue.try_next(at(160)), Some(name("a")));
}

#[test]
fn ticks_are_multiples_of_their_period() {
    let period = Duration::from_secs(5);
    for (millis, tick) in [(0, 0), (1, 5_000), (4_999, 5_000), (5_000, 5_000), (5_001, 10_000)] {
        assert_eq!(tick_at_or_after(SimTime::from_millis(millis), period), SimTime::from_millis(tick), "{millis}");
    }
}
