//! The queue: order, back-off, what moves whom, and when.

use seatrial_api::{ObjectMeta, PodSpec, PodStatus, Str};

use super::*;
use crate::plugin::Plugin;

const SECOND: u64 = 1_000;

fn at(millis: u64) -> SimTime {
    SimTime::from_millis(millis)
}

fn pod(name: &str) -> Arc<Pod> {
    let mut meta = ObjectMeta { name: name.into(), ..ObjectMeta::default() };
    meta.uid = Uid::parse(name);
    meta.slot = slot(name);
    let spec = Arc::new(PodSpec::new(k8s_openapi::api::core::v1::PodSpec::default()));
    Arc::new(Pod { meta, spec, node_name: Str::default(), pinned_to: None, status: PodStatus::default() })
}

/// The same for the same name, and no other's.
fn slot(name: &str) -> Slot {
    Slot::at(name.bytes().fold(0, |all, byte| (all * 31 + usize::from(byte)) % (1 << 30)))
}

/// A pod in a queue, at a slot.
pub(crate) fn queued(slot: Slot) -> QueuedPod {
    let mut pod = Pod::clone(&pod("a"));
    pod.meta.slot = slot;
    QueuedPod::new(&pod, 0, at(0))
}

fn add(queue: &mut Queue, name: &str, priority: i32, now: u64) {
    let spec = k8s_openapi::api::core::v1::PodSpec { priority: Some(priority), ..Default::default() };
    let mut pod = Pod::clone(&pod(name));
    pod.spec = Arc::new(PodSpec::new(spec));
    queue.add(&pod, at(now));
}

fn pop(queue: &mut Queue) -> Option<String> {
    queue.pop().map(|popped| popped.uid.to_string())
}

fn fail(queue: &mut Queue, name: &str, now: u64) {
    queue.add_unschedulable(&pod(name), None, [Plugin::NodeResourcesFit].into_iter().collect(), at(now));
}

#[test]
fn the_highest_priority_goes_first_then_the_longest_wait() {
    let mut queue = Queue::default();
    for (name, priority, now) in [("late", 0, 20), ("low", -5, 0), ("early", 0, 10), ("high", 100, 30)] {
        add(&mut queue, name, priority, now);
    }
    let order: Vec<String> = std::iter::from_fn(|| pop(&mut queue)).collect();
    assert_eq!(order, ["high", "early", "late", "low"]);
}

#[test]
fn an_attempt_renews_the_time_by_which_pods_are_ordered() {
    let mut queue = Queue::default();
    add(&mut queue, "first", 0, 0);
    add(&mut queue, "second", 0, 10);
    assert_eq!(pop(&mut queue).as_deref(), Some("first"));
    fail(&mut queue, "first", 20);
    queue.move_where(at(60 * SECOND), |_| true);
    assert_eq!(pop(&mut queue).as_deref(), Some("second"));
    assert_eq!(pop(&mut queue).as_deref(), Some("first"));
}

#[test]
fn back_off_doubles_from_one_second_to_ten() {
    for (failures, seconds) in [(1, 1), (2, 2), (3, 4), (4, 8), (5, 10), (6, 10), (40, 10)] {
        assert_eq!(backoff_duration(failures), Duration::from_secs(seconds), "{failures}");
    }
}

#[test]
fn back_offs_end_at_whole_seconds() {
    // (failed at, errors before, tried again at)
    for (failed, before, again) in [(0, 0, 1000), (300, 0, 1000), (999, 0, 1000), (1000, 1, 3000), (2500, 3, 10_000)] {
        let mut queue = Queue::default();
        add(&mut queue, "a", 0, 0);
        pop(&mut queue);
        for _ in 0..before {
            queue.add_after_error(&pod("a"), at(0));
            queue.fire(at(60 * SECOND));
            pop(&mut queue);
        }
        queue.take_timers();
        queue.add_after_error(&pod("a"), at(failed));
        assert_eq!(queue.take_timers(), [Timer { due: at(again), background: false }], "{failed} {before}");
        queue.fire(at(again - 1));
        assert!(!queue.has_active());
        queue.fire(at(again));
        assert_eq!(pop(&mut queue).as_deref(), Some("a"));
    }
}

#[test]
fn pods_that_back_off_are_taken_early_when_nobody_else_waits() {
    let mut queue = Queue::default();
    add(&mut queue, "refused", 100, 0);
    pop(&mut queue);
    fail(&mut queue, "refused", 0);
    assert!(!queue.has_active(), "nothing has changed yet");
    queue.move_where(at(0), |_| true);
    add(&mut queue, "new", 0, 0);
    // Its back-off lasts until the first second: the active pod goes first, although its priority is lower.
    assert_eq!(pop(&mut queue).as_deref(), Some("new"));
    assert_eq!(pop(&mut queue).as_deref(), Some("refused"));
}

#[test]
fn pods_whose_back_offs_end_in_one_second_go_by_priority() {
    let mut queue = Queue::default();
    for (name, priority, now) in [("low", 0, 100), ("high", 5, 900), ("later", 9, 1100)] {
        add(&mut queue, name, priority, now);
        pop(&mut queue);
        fail(&mut queue, name, now);
    }
    queue.move_where(at(950), |_| true);
    let order: Vec<String> = std::iter::from_fn(|| pop(&mut queue)).collect();
    assert_eq!(order, ["high", "low", "later"]);
}

#[test]
fn an_error_keeps_its_back_off_whoever_else_waits() {
    let mut queue = Queue::default();
    add(&mut queue, "a", 0, 0);
    pop(&mut queue);
    queue.add_after_error(&pod("a"), at(0));
    queue.move_where(at(500), |_| true);
    assert!(!queue.has_active());
    queue.fire(at(SECOND));
    assert!(queue.has_active());
}

#[test]
fn a_pod_without_any_node_is_tried_when_its_next_attempt_would_have_been() {
    // Attempts at 0, 1, 3, 7, 15, 25 and 35 seconds: (the node comes at, the pod is tried at).
    for (comes, tried) in [(500, 1000), (1500, 3000), (8000, 15_000), (15_500, 25_000), (34_000, 35_000)] {
        let mut queue = Queue::default();
        add(&mut queue, "a", 0, 0);
        pop(&mut queue);
        queue.add_unschedulable(&pod("a"), None, PluginSet::EMPTY, at(0));
        assert_eq!(queue.take_timers(), [], "nothing is worth a look before a node comes");
        queue.move_where(at(comes), |_| true);
        assert_eq!(queue.take_timers(), [Timer { due: at(tried), background: false }], "{comes}");
    }
}

#[test]
fn what_nothing_moved_for_five_minutes_is_tried_again() {
    // Looked for every 30 seconds, strictly later than five minutes: (failed at, tried at) in seconds.
    for (failed, tried) in [(0, 330), (1, 330), (29, 330), (30, 360), (45, 360)] {
        let mut queue = Queue::default();
        add(&mut queue, "a", 0, 0);
        pop(&mut queue);
        fail(&mut queue, "a", failed * SECOND);
        assert_eq!(queue.take_timers(), [Timer { due: at(tried * SECOND), background: true }], "{failed}");
        queue.fire(at((tried - 30) * SECOND));
        assert!(!queue.has_active());
        queue.fire(at(tried * SECOND));
        assert_eq!(pop(&mut queue).as_deref(), Some("a"));
        // It fails again, and the next look is five minutes later.
        fail(&mut queue, "a", tried * SECOND);
        assert_eq!(queue.take_timers(), [Timer { due: at((tried + 330) * SECOND), background: true }]);
    }
}

#[test]
fn gated_pods_are_not_tried() {
    let mut queue = Queue::default();
    queue.add_gated(&pod("a"));
    queue.move_where(at(0), |_| true);
    assert!(!queue.has_active());
    // Its gates are gone: it comes as if it were new.
    add(&mut queue, "a", 0, 5);
    assert_eq!(pop(&mut queue).as_deref(), Some("a"));
}

#[test]
fn what_is_removed_is_nowhere() {
    let mut queue = Queue::default();
    for name in ["waits", "backs-off", "error", "active"] {
        add(&mut queue, name, 0, 0);
        assert_eq!(pop(&mut queue).as_deref(), Some(name));
        match name {
            "error" => queue.add_after_error(&pod(name), at(0)),
            _ => fail(&mut queue, name, 0),
        }
    }
    let is = |name: &'static str| move |queued: &QueuedPod| queued.pod.as_ref().is_some_and(|p| p.meta.name == *name);
    queue.move_where(at(0), is("backs-off"));
    queue.move_where(at(9 * SECOND), is("active"));
    assert!(queue.has_unschedulable() && !queue.lines.active.is_empty() && !queue.lines.backing_off.is_empty());
    for name in ["active", "waits", "backs-off", "error"] {
        queue.remove(slot(name), &Uid::parse(name));
    }
    queue.fire(at(3_600 * SECOND));
    assert!(!queue.has_active() && !queue.has_unschedulable());
}

#[test]
fn pods_of_those_whom_a_change_does_not_concern_are_not_looked_at() {
    let mut queue = Queue::default();
    let refused =
        [("full", Plugin::NodeResourcesFit), ("unbound", Plugin::VolumeBinding), ("far", Plugin::NodeAffinity)];
    for (name, plugin) in refused {
        add(&mut queue, name, 0, 0);
        pop(&mut queue);
        queue.add_unschedulable(&pod(name), None, [plugin].into_iter().collect(), at(0));
    }
    queue.move_of(
        at(9 * SECOND),
        |by| by.contains(Plugin::VolumeBinding) || by.contains(Plugin::NodeAffinity),
        |queued| {
            let name = queued.pod.as_ref().map(|pod| pod.meta.name.clone());
            assert_ne!(name.as_deref(), Some("full"));
            name.as_deref() == Some("far")
        },
    );
    assert_eq!((pop(&mut queue).as_deref(), pop(&mut queue)), (Some("far"), None));
    let waits = ["full", "unbound", "far"].map(|name| queue.update(&pod(name)));
    assert_eq!(waits, [true, true, false]);
    // The others are looked for after five minutes, the longest wait first.
    queue.fire(at(331 * SECOND));
    assert_eq!((pop(&mut queue).as_deref(), pop(&mut queue).as_deref()), (Some("full"), Some("unbound")));
}

/// Random pods fail, are moved one by one or together, and go; who waits is what a list of them says.
#[test]
fn who_waits_is_told_from_who_waited() {
    let (mut rng, mut queue) = (seatrial_machinery::Rng::from_seed(9), Queue::default());
    let names: Vec<String> = (0..300).map(|n| format!("p{n}")).collect();
    let plugins = [Plugin::NodeResourcesFit, Plugin::VolumeBinding];
    // Whether each pod is known, and who refused it while it waits.
    let mut known = vec![false; names.len()];
    let mut waits: BTreeMap<usize, Plugin> = BTreeMap::new();
    for step in 0..20_000 {
        let (n, now) = (rng.below(names.len() as u64) as usize, at(step * 10));
        let name = names[n].as_str();
        match rng.below(9) {
            0..4 if !known[n] => {
                add(&mut queue, name, 0, step * 10);
                known[n] = true;
            }
            4 => {
                queue.remove(slot(name), &Uid::parse(name));
                (known[n], _) = (false, waits.remove(&n));
            }
            5 => {
                queue.move_at(slot(name), now, |by| by.contains(Plugin::VolumeBinding));
                if waits.get(&n) == Some(&Plugin::VolumeBinding) {
                    waits.remove(&n);
                }
            }
            6 if rng.below(40) == 0 => {
                let (by, is_even) = (plugins[rng.below(2) as usize], rng.below(2) == 0);
                let number = |queued: &QueuedPod| {
                    let name = queued.pod.as_ref().map(|pod| pod.meta.name.to_string()).unwrap_or_default();
                    name[1..].parse::<usize>().expect("its number")
                };
                queue.move_of(now, |rejectors| rejectors.contains(by), |queued| number(queued) % 2 == 0 || !is_even);
                waits.retain(|n, refused| *refused != by || (n % 2 != 0 && is_even));
            }
            _ => {
                let Some(popped) = queue.pop() else { continue };
                let n = names.iter().position(|name| Uid::parse(name) == popped.uid).expect("one of them");
                let by = plugins[rng.below(2) as usize];
                queue.add_unschedulable(&pod(&names[n]), None, [by].into_iter().collect(), now);
                assert!(known[n] && waits.insert(n, by).is_none(), "{n} was tried once");
            }
        }
        assert_eq!(queue.has_unschedulable(), !waits.is_empty());
        if step % 100 == 0 {
            let told: Vec<bool> = names.iter().map(|name| queue.update(&pod(name))).collect();
            assert!(told.iter().enumerate().all(|(n, is_told)| *is_told == waits.contains_key(&n)), "{step}");
            let kept: usize = queue.unschedulable.values().map(|waiters| waiters.waits.len()).sum();
            assert!(kept <= 2 * waits.len() + 2 * OVER_KEPT, "{kept} of {}", waits.len());
        }
    }
}
