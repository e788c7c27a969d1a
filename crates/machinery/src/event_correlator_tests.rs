//! What is created, counted and dropped.

use super::*;

fn secs(secs: u64) -> SimTime {
    SimTime::from_secs(secs)
}

fn key(object: u64, event_type: &str, reason: &str) -> EventKey {
    let source = source_id("replicaset-controller", NO_TEXT_ID);
    let [field_path, event_type, reason, message] = ["", event_type, reason, "m"].map(text_id);
    EventKey { source, object, field_path, event_type, reason, message }
}

fn says(key: EventKey, message: &str) -> EventKey {
    EventKey { message: text_id(message), ..key }
}

const CREATE: Outcome = Outcome::Create { aggregated: false };

#[test]
fn identical_events_are_counted() {
    let mut correlator = EventCorrelator::new();
    let key = key(1, "Normal", "Pulled");
    assert_eq!(correlator.correlate(&key, 70, secs(5)), CREATE);
    for count in 2..=25 {
        let want = Outcome::Patch { event: 70, count, first: secs(5), aggregated: false };
        assert_eq!(correlator.correlate(&key, 70 + u64::from(count), secs(6)), want);
    }
    assert_eq!(correlator.correlate(&key, 99, secs(6)), Outcome::Drop);
}

#[test]
fn any_difference_makes_another_event() {
    let base = key(1, "Normal", "Pulled");
    let others = [
        EventKey { source: 9, ..base },
        EventKey { object: 2, ..base },
        EventKey { field_path: text_id("spec.containers{a}"), ..base },
        EventKey { event_type: text_id("Warning"), ..base },
        EventKey { reason: text_id("Pulling"), ..base },
        says(base, "n"),
    ];
    for other in others {
        let mut correlator = EventCorrelator::new();
        correlator.correlate(&base, 1, secs(0));
        assert_eq!(correlator.correlate(&other, 2, secs(0)), CREATE, "{other:?}");
    }
}

/// A ReplicaSet that creates 30 pods at once, as recorded: 9 events and one aggregate with count 16.
#[test]
fn thirty_pods_give_nine_events_and_an_aggregate_of_sixteen() {
    let mut correlator = EventCorrelator::new();
    let key = key(1, "Normal", "SuccessfulCreate");
    for n in 1..=30 {
        let outcome = correlator.correlate(&says(key, &format!("Created pod: web-{n}")), n, secs(1));
        let want = match n {
            1..10 => CREATE,
            10 => Outcome::Create { aggregated: true },
            11..26 => Outcome::Patch { event: 10, count: n as u32 - 9, first: secs(1), aggregated: true },
            _ => Outcome::Drop,
        };
        assert_eq!(outcome, want, "{n}");
    }
    // 300 s later there is one token, and what was dropped was counted.
    let want = Outcome::Patch { event: 10, count: 22, first: secs(1), aggregated: true };
    assert_eq!(correlator.correlate(&says(key, "Created pod: web-31"), 31, secs(301)), want);
    assert_eq!(correlator.correlate(&says(key, "Created pod: web-32"), 32, secs(301)), Outcome::Drop);
}

#[test]
fn aggregation_ends_after_600_seconds_without_a_similar_event() {
    let rows = [(600, Outcome::Create { aggregated: true }), (601, CREATE)];
    for (later, want) in rows {
        let mut correlator = EventCorrelator::new();
        let key = key(1, "Normal", "SuccessfulCreate");
        for n in 0..9 {
            assert_eq!(correlator.correlate(&says(key, &n.to_string()), n, secs(0)), CREATE);
        }
        assert_eq!(correlator.correlate(&says(key, "ten"), 9, secs(later)), want, "{later}");
    }
}

#[test]
fn a_message_of_the_last_nine_is_counted_on_its_own() {
    let mut correlator = EventCorrelator::new();
    let key = key(1, "Warning", "FailedCreate");
    for n in 0..10 {
        correlator.correlate(&says(key, &n.to_string()), n, secs(0));
    }
    let known = Outcome::Patch { event: 5, count: 2, first: secs(0), aggregated: false };
    assert_eq!(correlator.correlate(&says(key, "5"), 10, secs(1)), known);
    let forgotten = Outcome::Patch { event: 9, count: 2, first: secs(0), aggregated: true };
    assert_eq!(correlator.correlate(&says(key, "0"), 11, secs(1)), forgotten);
}

#[test]
fn each_type_has_its_own_spam_bucket() {
    let mut correlator = EventCorrelator::new();
    for _ in 0..25 {
        assert_ne!(correlator.correlate(&key(1, "Normal", "Pulled"), 0, secs(0)), Outcome::Drop);
    }
    assert_eq!(correlator.correlate(&key(1, "Normal", "Created"), 0, secs(0)), Outcome::Drop);
    assert_eq!(correlator.correlate(&key(1, "Warning", "BackOff"), 0, secs(0)), CREATE);
    assert_eq!(correlator.correlate(&key(2, "Normal", "Pulled"), 0, secs(0)), CREATE);
}

#[test]
fn a_token_comes_back_every_300_seconds_up_to_25() {
    let mut record = SpamRecord::new(secs(0));
    let mut accepted = |at: u64| (0..100).filter(|_| record.try_accept(secs(at))).count();
    for (at, want) in [(0, 25), (299, 0), (300, 1), (599, 0), (600, 1), (1500, 3), (100_000, 25)] {
        assert_eq!(accepted(at), want, "{at}");
    }
}

#[test]
fn caches_are_bounded_and_forget_the_oldest() {
    let mut correlator = EventCorrelator::with_capacity(2);
    for object in [1, 2, 1, 3] {
        correlator.correlate(&key(object, "Normal", "Pulled"), object, secs(0));
    }
    let kept = Outcome::Patch { event: 1, count: 3, first: secs(0), aggregated: false };
    assert_eq!(correlator.correlate(&key(1, "Normal", "Pulled"), 9, secs(0)), kept);
    assert_eq!(correlator.correlate(&key(2, "Normal", "Pulled"), 9, secs(0)), CREATE);
}

/// One of upstream's caches, as plainly as can be: the key used last comes first.
struct List<V>(Vec<(u64, V)>);

impl<V> List<V> {
    fn get(&mut self, key: u64, new: V) -> &mut V {
        let known = self.0.iter().position(|(there, _)| *there == key).map(|at| self.0.remove(at));
        self.0.insert(0, known.unwrap_or((key, new)));
        self.0.truncate(EVENT_CACHE_SMALL);
        &mut self.0[0].1
    }
}

const EVENT_CACHE_SMALL: usize = 6;

#[test]
fn three_caches_that_are_asked_for_less_are_those_that_are_asked_for_all() {
    let mut correlator = EventCorrelator::with_capacity(EVENT_CACHE_SMALL);
    let (mut aggregator, mut logger, mut filter) = (List(Vec::new()), List(Vec::new()), List(Vec::new()));
    let (mut rng, mut now, mut seen) = (seatrial_engine::Rng::from_seed(1), SimTime::ZERO, [0; 4]);
    // One of some numbers, most often the first.
    let mut one_of = |count: u64| if rng.below(4) == 0 { rng.below(count) as usize } else { 0 };
    for event in 0..40_000 {
        let (type_, reason) = (["Normal", "Warning"][one_of(2)], ["Pulled", "Created", "Killing"][one_of(3)]);
        let key = key(one_of(5) as u64, type_, reason);
        // Now and then it is quiet for long.
        now += std::time::Duration::from_secs([20, 3_000][one_of(30) / 29]);
        let message = text_id(&format!("m{}", event % [12, 1, 2, 30][one_of(4)]));
        let key = EventKey { field_path: text_id(["", "a"][one_of(2)]), message, ..key };
        let keys = Keys::new(&key);
        let aggregated = aggregator.get(keys.aggregate, AggregateRecord::new(now)).event_aggregate(message, now);
        let cache_key = if aggregated { keys.aggregate } else { keys.event };
        let log = logger.get(cache_key, EventLog { count: 0, event, first: now });
        log.count += 1;
        let EventLog { count, event: named, first } = *log;
        let want = match filter.get(keys.spam, SpamRecord::new(now)).try_accept(now) {
            false => Outcome::Drop,
            true if count == 1 => Outcome::Create { aggregated },
            true => Outcome::Patch { event: named, count, first, aggregated },
        };
        assert_eq!(correlator.correlate(&key, event, now), want, "{event}");
        seen[match want {
            Outcome::Create { .. } => 0,
            Outcome::Patch { aggregated: false, .. } => 1,
            Outcome::Patch { .. } => 2,
            Outcome::Drop => 3,
        }] += 1;
    }
    assert!(seen.iter().all(|count| *count > 100), "{seen:?}");
}

#[test]
fn two_entries_of_a_cache_share_a_line_of_the_processor_s() {
    let sizes = [size_of::<(u64, SpamRecord)>(), size_of::<(u64, AggregateRecord)>(), size_of::<(u64, EventLog)>()];
    assert_eq!(sizes, [16, 32, 32]);
}

#[test]
fn ids_keep_fields_apart() {
    assert_ne!(source_id("kubelet", text_id("a")), source_id("kubeleta", text_id("")));
    assert_ne!(object_id("Pod", "ns", "a", "u", "v1"), object_id("Pod", "n", "sa", "u", "v1"));
    assert_eq!(aggregate_message("Created pod: a"), "(combined from similar events): Created pod: a");
}
