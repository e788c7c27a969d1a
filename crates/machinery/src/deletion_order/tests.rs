//! The index against sorting, and the rules of the order one by one.

use super::ranked_set::Tie;
use super::*;
use k8s_openapi::api::core::v1 as corev1;
use seatrial_api::{Condition, ConditionStatus, ContainerStatus, ObjectMeta, PodSpec, PodStatus, pod_condition};
use seatrial_engine::{Rng, SimTime};

const NOW: i64 = 1_000_000;

fn clock() -> Clock {
    Clock::starting_at(Time::from_unix(NOW)).at(SimTime::from_millis(300))
}

/// (uid, node, phase, ready seconds ago, restarts, created seconds ago, cost)
type Row<'a> = (u64, &'a str, PodPhase, Option<i64>, i32, i64, &'a str);

fn pod((uid, node, phase, ready, restarts, created, cost): Row<'_>) -> Arc<Pod> {
    let ago = |seconds: i64| Time::from_unix(NOW - seconds);
    let annotations = [(ANNOTATION_POD_DELETION_COST, cost)].into_iter().filter(|(_, c)| !c.is_empty()).collect();
    let conditions = ready.map(|s| Condition::new(pod_condition::READY, ConditionStatus::True, ago(s)));
    let status = ContainerStatus::from_api(corev1::ContainerStatus { restart_count: restarts, ..Default::default() });
    Arc::new(Pod {
        meta: ObjectMeta {
            name: format!("p-{uid}").into(),
            slot: seatrial_api::Slot::at(usize::try_from(uid).expect("few pods")),
            // Not every pod of a set need be named as the set's own are.
            generate_name: if uid % 3 == 0 { "p-1" } else { "p-" }.into(),
            uid: Uid::from_counter(0, uid),
            creation_timestamp: Some(ago(created)),
            annotations,
            ..ObjectMeta::default()
        },
        spec: Arc::new(PodSpec::new(corev1::PodSpec::default())),
        node_name: node.into(),
        pinned_to: None,
        status: PodStatus {
            phase,
            conditions: conditions.into_iter().collect(),
            container_statuses: vec![status].into(),
            ..PodStatus::default()
        },
    })
}

#[test]
fn each_rule_decides_where_those_before_it_do_not() {
    use PodPhase::{Pending, Running, Unknown};
    // The first goes before the second. (pod, rank), (pod, rank)
    let rows: [((Row<'_>, u32), (Row<'_>, u32)); 9] = [
        (((1, "", Running, Some(9), 0, 9, ""), 0), ((2, "n", Pending, None, 5, 1, "-9"), 9)),
        (((1, "n", Pending, Some(9), 0, 9, ""), 0), ((2, "n", Unknown, None, 0, 9, ""), 0)),
        (((1, "n", Unknown, Some(9), 0, 9, ""), 0), ((2, "n", Running, None, 0, 9, ""), 0)),
        (((1, "n", Running, None, 0, 9, "5"), 0), ((2, "n", Running, Some(9), 0, 9, "-5"), 9)),
        (((1, "n", Running, Some(9), 0, 9, "-1"), 0), ((2, "n", Running, Some(9), 0, 9, ""), 9)),
        (((1, "n", Running, Some(99), 0, 99, ""), 3), ((2, "n", Running, Some(1), 9, 1, "x"), 2)),
        (((1, "n", Running, Some(1), 0, 99, ""), 1), ((2, "n", Running, Some(99), 9, 99, ""), 1)),
        (((1, "n", Running, Some(9), 3, 99, ""), 1), ((2, "n", Running, Some(9), 2, 9, ""), 1)),
        (((1, "n", Running, Some(9), 3, 9, ""), 1), ((2, "n", Running, Some(9), 3, 99, ""), 1)),
    ];
    for ((a, a_rank), (b, b_rank)) in rows {
        let (p, q) = (pod(a), pod(b));
        assert_eq!(compare_for_deletion((&p, a_rank), (&q, b_rank), clock()), Ordering::Less, "{a:?} {b:?}");
        assert_eq!(compare_for_deletion((&q, b_rank), (&p, a_rank), clock()), Ordering::Greater, "{a:?} {b:?}");
    }
}

#[test]
fn the_name_decides_within_a_power_of_two_of_the_age() {
    // 8.3 s and 4.4 s fall into different powers, 7 s and 5 s into one.
    let mut pods =
        [pod((1, "n", PodPhase::Running, Some(7), 0, 60, "")), pod((2, "n", PodPhase::Running, Some(5), 0, 60, ""))];
    pods.sort_by(|a, b| a.meta.name.cmp(&b.meta.name));
    assert_eq!(compare_for_deletion((&pods[0], 1), (&pods[1], 1), clock()), Ordering::Less);
}

#[test]
fn names_are_told_apart_as_texts_are() {
    let names =
        ["", "a", "web", "web-", "web-1", "web-12345678", "web-123456789", "web-12345678a", "web-2", "web.", "x"];
    for prefix in ["", "web-", "web-12"] {
        for a in names {
            for b in names {
                let tie = |name: &str| Tie::new(&name.into(), prefix);
                assert_eq!(tie(a).cmp(&tie(b)), a.cmp(b), "{a} {b} after {prefix}");
            }
        }
    }
}

/// Every change of a random history leaves the index agreeing with a sort of all pods, whatever part of it is asked for.
#[test]
fn the_index_agrees_with_sorting() {
    let mut rng = Rng::from_seed(1);
    let sets = [Uid::from_counter(9, 1), Uid::from_counter(9, 2)];
    let mut order = DeletionOrder::default();
    order.add_set(&sets[0], []);
    order.add_set(&sets[1], []);
    order.order_set(&sets[0], []);
    let mut pods: Vec<(usize, Arc<Pod>)> = Vec::new();
    for step in 0..400 {
        let mut pick = |n: u64| rng.below(n);
        let node = ["", "a", "b", "c", "d"][pick(5) as usize];
        let phase = [PodPhase::Pending, PodPhase::Running, PodPhase::Running, PodPhase::Failed][pick(4) as usize];
        let ready = (pick(4) > 0).then(|| pick(20) as i64);
        let cost = if pick(9) == 0 { "3" } else { "" };
        let known = (pick(3) > 0 && !pods.is_empty()).then(|| pick(pods.len() as u64) as usize);
        let id = known.map_or(step, |k| pods[k].1.meta.name[2..].parse().expect("a number"));
        let new = pod((id, node, phase, ready, pick(2) as i32, pick(20) as i64, cost));
        match known {
            Some(at) if pick(4) == 0 => {
                let (set, old) = pods.swap_remove(at);
                order.apply(&sets[set], Some(&old), None);
            }
            Some(at) => {
                let set = pods[at].0;
                let old = std::mem::replace(&mut pods[at].1, Arc::clone(&new));
                order.apply(&sets[set], Some(&old), Some(&new));
            }
            None => {
                let set = pick(2) as usize;
                order.apply(&sets[set], None, Some(&new));
                pods.push((set, new));
            }
        }
        if step == 100 {
            // The second set begins to shrink later than the first.
            assert!(order.first(&sets[1], 1, clock()).is_none());
            order.order_set(&sets[1], pods.iter().filter(|(set, _)| *set == 1).map(|(_, pod)| pod));
        }
        let active: Vec<&(usize, Arc<Pod>)> = pods.iter().filter(|(_, p)| p.is_active()).collect();
        let rank = |pod: &Pod| active.iter().filter(|(_, p)| p.node_name == pod.node_name).count() as u32;
        for (index, set) in sets.iter().enumerate().filter(|(index, _)| *index == 0 || step >= 100) {
            let mut sorted: Vec<&Arc<Pod>> = active.iter().filter(|(s, _)| *s == index).map(|(_, p)| p).collect();
            sorted.sort_by(|a, b| compare_for_deletion((a, rank(a)), (b, rank(b)), clock()));
            let count = pick(sorted.len() as u64 + 2) as usize;
            let want: Vec<seatrial_api::Slot> = sorted.iter().take(count).map(|p| p.meta.slot).collect();
            let got = order.first(set, count, clock()).expect("the set is known");
            assert_eq!(got, want, "step {step}");
        }
        assert!(order.sets.iter().all(|(_, set)| set.is_compact()), "step {step}");
    }
    order.remove_set(&sets[0], pods.iter().filter(|(set, _)| *set == 0).map(|(_, pod)| pod));
    let left: u32 = order.crowds.iter().sum();
    assert_eq!(left as usize, pods.iter().filter(|(s, p)| *s == 1 && p.is_active()).count());
}

/// Nodes fill and empty one by one, and their pods stand alike: what is left behind in the order is bounded all the same.
#[test]
fn what_left_the_order_takes_no_room() {
    let mut rng = Rng::from_seed(2);
    let set = Uid::from_counter(9, 1);
    let nodes: Vec<String> = (0..300).map(|node| format!("n{node}")).collect();
    let mut order = DeletionOrder::default();
    order.add_set(&set, []);
    order.order_set(&set, []);
    let mut pods: Vec<Arc<Pod>> = Vec::new();
    for step in 0..6000 {
        let grows = rng.below(4) < if step % 2000 < 1000 { 3 } else { 1 };
        if grows || pods.is_empty() {
            let node = &nodes[rng.below(300) as usize];
            let new = pod((step + 1, node, PodPhase::Running, Some(5), 0, 9, ""));
            order.apply(&set, None, Some(&new));
            pods.push(new);
        } else {
            let first = order.first(&set, 1, clock()).expect("the set is known")[0];
            let at = pods.iter().position(|pod| pod.meta.slot == first).expect("it is there");
            order.apply(&set, Some(&pods.swap_remove(at)), None);
        }
        assert!(order.sets.iter().all(|(_, set)| set.is_compact()), "step {step}");
    }
}
