//! Choosing by what is remembered finds what looking at every node by itself finds, whatever happened in between.

use seatrial_api::{Node, Uid};
use seatrial_machinery::Rng;
use serde_json::{Value, json};

use super::*;
use crate::cache::Cache;
use crate::known_pods::{DefaultSpread, LABEL_HOSTNAME, LABEL_ZONE};
use crate::plugins::scores;
use crate::relations::{Relations, relation_scores};
use crate::terms::{PodTerms, Term};
use crate::test_objects::{deleting, next_slot, pod};

const APPS: [&str; 4] = ["a", "b", "c", "d"];

fn term(app: &str, key: &str) -> Value {
    json!({"topologyKey": key, "labelSelector": {"matchLabels": {"app": app}}})
}

fn required(kind: &str, terms: &[Value]) -> Value {
    json!({"affinity": {kind: {"requiredDuringSchedulingIgnoredDuringExecution": terms}}})
}

fn preferred(kind: &str, weighted: &[(i32, Value)]) -> Value {
    let terms: Vec<Value> = weighted.iter().map(|(w, t)| json!({"weight": w, "podAffinityTerm": t})).collect();
    json!({"affinity": {kind: {"preferredDuringSchedulingIgnoredDuringExecution": terms}}})
}

fn spread(max_skew: i32, key: &str, when: &str, app: &str) -> Value {
    json!({"maxSkew": max_skew, "topologyKey": key, "whenUnsatisfiable": when,
        "labelSelector": {"matchLabels": {"app": app}}})
}

fn spreads(all: &[Value]) -> Value {
    json!({"topologySpreadConstraints": all})
}

/// The specs that pods have; `app` is the label of the pods.
fn specs(app: &str) -> Vec<Value> {
    let (host, zone) = (LABEL_HOSTNAME, LABEL_ZONE);
    let (hard, soft) = ("DoNotSchedule", "ScheduleAnyway");
    let with = |mut spread: Value, key: &str, value: Value| {
        spread[key] = value;
        spread
    };
    let mut selecting = spreads(&[spread(1, zone, hard, app)]);
    selecting["nodeSelector"] = json!({"disk": "ssd"});
    let everybody = json!({"topologyKey": zone, "labelSelector": {"matchLabels": {"app": "b"}},
        "namespaceSelector": {"matchLabels": {"team": "x"}}});
    let port =
        json!({"containers": [{"name": "c", "image": "app:1", "ports": [{"containerPort": 80, "hostPort": 80}]}]});
    let large = json!({"containers": [{"name": "c", "image": "app:1", "resources": {"requests": {"cpu": "700m", "memory": "1Gi"}}}]});
    let tolerant = json!({"tolerations": [{"operator": "Exists"}]});
    vec![
        json!({}),
        large,
        port,
        tolerant,
        json!({"nodeSelector": {"disk": "ssd"}}),
        required("podAntiAffinity", &[term(app, host)]),
        required("podAntiAffinity", &[term("b", zone), term("c", host)]),
        required("podAffinity", &[term(app, zone)]),
        required("podAffinity", &[term("a", host), term("a", zone)]),
        required("podAffinity", &[everybody]),
        preferred("podAntiAffinity", &[(10, term(app, host)), (3, term("c", zone))]),
        preferred("podAffinity", &[(100, term("b", zone)), (7, term("a", host))]),
        spreads(&[spread(1, zone, hard, app)]),
        spreads(&[spread(1, host, hard, app), spread(2, zone, hard, app)]),
        spreads(&[with(spread(1, zone, hard, app), "minDomains", json!(3))]),
        spreads(&[spread(1, zone, soft, app), spread(2, host, soft, app)]),
        spreads(&[spread(2, host, hard, app), spread(1, zone, soft, app)]),
        spreads(&[spread(1, "rack", soft, app)]),
        spreads(&[spread(1, zone, soft, app)]),
        spreads(&[spread(1, host, soft, app)]),
        spreads(&[with(spread(1, zone, hard, app), "nodeTaintsPolicy", json!("Honor"))]),
        selecting,
    ]
}

/// A cluster in which things happen.
struct World {
    rng: Rng,
    cache: Cache,
    /// One pod of each template, and what it says.
    templates: Vec<(Arc<Pod>, Known)>,
    placed: Vec<(Arc<Pod>, String)>,
    next: u64,
    next_start: usize,
    choices: u32,
    unclear: u32,
}

impl World {
    fn new(seed: u64, node_count: u64) -> Self {
        let (rng, cache, templates, placed) = (Rng::from_seed(seed), Cache::default(), Vec::new(), Vec::new());
        let mut world = Self { rng, cache, templates, placed, next: 0, next_start: 0, choices: 0, unclear: 0 };
        for name in 0..node_count {
            world.set_node(name);
        }
        let all = APPS.iter().flat_map(|app| specs(app).into_iter().map(move |spec| (app, spec)));
        let pods: Vec<Arc<Pod>> = all.map(|(app, spec)| pod("template", json!({"app": app}), spec)).collect();
        let few: Vec<Arc<Pod>> = (0..6).map(|_| Arc::clone(&pods[world.below(pods.len())])).collect();
        few.into_iter().for_each(|pod| world.templates.push((pod, Known::default())));
        world.say();
        world
    }

    fn below(&mut self, n: usize) -> usize {
        usize::try_from(self.rng.below(n as u64)).expect("it is less than n")
    }

    /// Works out what the templates' pods say, as the services of now have it.
    fn say(&mut self) {
        for (pod, known) in &mut self.templates {
            self.next += 1;
            let index = &mut self.cache.index;
            let has_constraints = pod.spec.api().topology_spread_constraints.is_some();
            let terms = PodTerms::of(pod).map(|terms| Arc::new(terms.asking(index)));
            let selector =
                serde_json::from_value(json!({"matchLabels": {"app": pod.meta.labels.get("app")}})).expect("it is one");
            let mut ask = |key: &str| {
                let term = Term::selecting(key, &pod.meta.namespace, &selector);
                index.question(std::slice::from_ref(&term), &term, true)
            };
            let default = DefaultSpread { hostname: ask(LABEL_HOSTNAME), zone: ask(LABEL_ZONE) };
            let spread = Some(default).filter(|_| !has_constraints && self.rng.below(6) > 0);
            *known = Known { number: self.next, terms, spread };
        }
    }

    /// A node comes, or changes.
    fn set_node(&mut self, name: u64) {
        let mut labels = json!({LABEL_HOSTNAME: format!("n{name}"), "rack": format!("r{}", name % 7)});
        if self.rng.below(40) == 0 {
            labels = json!({"rack": "r0"});
        }
        if let Some(zone) = ["x", "y", "z"].get(self.below(if name.is_multiple_of(5) { 4 } else { 3 })) {
            labels[LABEL_ZONE] = json!(zone);
        }
        if self.rng.below(2) == 0 {
            labels["disk"] = json!("ssd");
        }
        let taint = match self.rng.below(60) {
            0..4 => json!([{"key": "k", "effect": "NoSchedule"}]),
            4 if self.rng.below(3) == 0 => json!([{"key": "k", "effect": "PreferNoSchedule"}]),
            _ => json!([]),
        };
        let cpu = ["2", "4", "8"][self.below(3)];
        let allocatable = json!({"cpu": cpu, "memory": "16Gi", "pods": "6"});
        let spec = json!({"taints": taint, "unschedulable": self.rng.below(30) == 0});
        let node = json!({"metadata": {"name": format!("n{name}"), "labels": labels}, "spec": spec, "status": {"allocatable": allocatable}});
        let node = Node::from_api(serde_json::from_value(node).expect("a node")).expect("valid metadata");
        self.cache.set_node(&node, Vec::new);
        self.cache.order_nodes();
    }

    fn happen(&mut self) {
        let nodes = self.cache.nodes.len();
        match self.rng.below(40) {
            0..8 if !self.placed.is_empty() => {
                let at = self.below(self.placed.len());
                let (pod, node) = self.placed.swap_remove(at);
                if let Some(index) = self.cache.index_of.get(node.as_str()).copied() {
                    self.cache.remove(index, &pod).expect("it was counted");
                }
            }
            8..11 if !self.placed.is_empty() => {
                let at = self.below(self.placed.len());
                let (pod, node) = self.placed[at].clone();
                let going = Arc::new(deleting(&pod));
                if let Some(index) = self.cache.index_of.get(node.as_str()).copied() {
                    self.cache.count(index, &going);
                }
            }
            11..14 => {
                let name = self.below(nodes.max(1)) as u64;
                self.set_node(name);
            }
            14 => {
                self.next += 1;
                let name = 1000 + self.next;
                self.set_node(name);
            }
            15 if nodes > 3 => {
                let at = self.below(nodes);
                let name = self.cache.nodes[at].name.clone();
                self.cache.remove_node(&name);
                self.cache.order_nodes();
                self.placed.retain(|(_, node)| *node != *name);
            }
            16 => {
                let labels = if self.rng.below(2) == 0 { [("team", "x")] } else { [("team", "y")] };
                self.cache.set_namespace("default".into(), labels.into_iter().collect());
            }
            17 => self.say(),
            18 => {
                self.cache.index.forget_questions();
                self.say();
            }
            _ => {}
        }
    }

    /// A pod of one of the templates comes and is placed.
    fn place(&mut self) {
        let count = self.cache.nodes.len();
        let wanted = if self.rng.below(3) == 0 { count } else { 1 + count / 3 };
        self.place_among(wanted);
    }

    fn place_among(&mut self, wanted: usize) {
        self.next += 1;
        let at = self.below(self.templates.len());
        let (template, known) = self.templates[at].clone();
        let mut pod = Pod::clone(&template);
        pod.meta.name = format!("p{}", self.next).into();
        pod.meta.uid = Uid::from_counter(1, self.next);
        pod.meta.slot = next_slot();
        let count = self.cache.nodes.len();
        let start = self.next_start % count;
        let Plain { looked_at, feasible, totals } = plain(&mut self.cache, &pod, &known, (start, wanted));
        let top = totals.iter().max().copied();
        let best: Vec<usize> =
            (0..feasible.len()).filter(|at| Some(totals[*at]) == top).map(|at| feasible[at]).collect();
        let mut asked = None;
        let (rng, Cache { nodes, index, templates, .. }) = (&mut self.rng, &mut self.cache);
        let choice = templates.choose(&pod, &known, Among { nodes, index, start, wanted }, |ties| {
            let nth = usize::try_from(rng.below(ties as u64)).expect("it is less");
            asked = Some((ties, nth));
            nth
        });
        self.choices += 1;
        match choice {
            Choice::Node(node, looked) => {
                let nth = asked.map_or(0, |(_, nth)| nth);
                assert_eq!((node, looked), (best[nth], looked_at), "{:?} {known:?}", pod.spec.api());
                assert_eq!(asked.map(|(ties, _)| ties), (feasible.len() > 1).then_some(best.len()));
                assert_eq!(scored(&mut self.cache), sorted(totals), "{:?} {known:?}", pod.spec.api());
                self.next_start = (start + looked_at) % count;
                self.cache.count(node, &pod);
                self.placed.push((Arc::new(pod), self.cache.nodes[node].name.to_string()));
            }
            Choice::Nowhere => assert_eq!((feasible.len(), looked_at), (0, count)),
            Choice::Relative | Choice::Unclear => self.unclear += 1,
        }
    }
}

/// What upstream would find.
struct Plain {
    looked_at: usize,
    feasible: Vec<usize>,
    /// Their scores.
    totals: Vec<i64>,
}

fn plain(cache: &mut Cache, pod: &Pod, known: &Known, (start, wanted): (usize, usize)) -> Plain {
    let info = PodInfo::of(pod);
    let Cache { nodes, index, .. } = cache;
    let relations = Relations::of(&info, known.terms(), nodes, index);
    let (mut looked_at, mut feasible) = (0, Vec::new());
    for node in (start..nodes.len()).chain(0..start) {
        looked_at += 1;
        if filter(&info, &nodes[node]).is_ok() && relations.filter(node).is_ok() {
            feasible.push(node);
            if feasible.len() >= wanted {
                break;
            }
        }
    }
    let mut totals = relation_scores(&info, (known.terms(), known.spread), nodes, index, &feasible);
    let of: Vec<&NodeInfo> = feasible.iter().map(|node| &nodes[*node]).collect();
    totals.iter_mut().zip(scores(&info, &of)).for_each(|(total, own)| *total += own);
    Plain { looked_at, feasible, totals }
}

fn sorted(mut all: Vec<i64>) -> Vec<i64> {
    all.sort_unstable();
    all
}

/// The scores of all nodes that fit the last pod.
fn scored(cache: &mut Cache) -> Vec<i64> {
    let Cache { templates: Templates { templates, tally, .. }, index, .. } = cache;
    let Template { classes, worn, .. } = templates.iter_mut().max_by_key(|t| t.turn).expect("a pod was placed");
    let lens = worn.as_mut().and_then(|worn| worn.lens.as_mut()).expect("the last pod was placed by it");
    let totals = lens.totals(classes.found(tally), tally.feasible, index).to_vec();
    let found = classes.found(tally);
    let of = |(at, total): (usize, i64)| std::iter::repeat_n(total, found.node_count(at));
    sorted(totals.into_iter().enumerate().flat_map(of).collect())
}

#[test]
fn what_is_remembered_is_what_looking_at_every_node_finds() {
    let (mut choices, mut unclear, mut placed) = (0, 0, 0);
    for seed in 0..if cfg!(debug_assertions) { 60 } else { 600 } {
        let node_count = if seed % 6 == 0 { 300 } else { 4 + seed % 50 };
        let mut world = World::new(seed, node_count);
        for _ in 0..150 {
            world.happen();
            world.place();
        }
        choices += world.choices;
        unclear += world.unclear;
        placed += world.placed.len();
    }
    // Most of it is not left to the plain way, and the clusters are neither empty nor full.
    assert!(unclear < choices / 2 && placed > 2000, "{unclear} of {choices} unclear, {placed} placed");
}

/// A lens that looks at the same things leaves what is known of nodes as it is.
#[test]
fn pods_that_say_the_same_look_at_no_node_twice() {
    let mut world = World::new(1, 0);
    for name in 0..40 {
        let node = crate::test_objects::node(&format!("m{name}"), json!({LABEL_ZONE: "x"}), json!({}));
        world.cache.set_node(&node, Vec::new);
    }
    world.cache.order_nodes();
    let template = pod("template", json!({"app": "a"}), json!({}));
    let choose = |world: &mut World| {
        world.templates = vec![(Arc::clone(&template), Known::default())];
        world.say();
        world.place_among(14);
        world.cache.templates.evaluated()
    };
    assert_eq!(choose(&mut world), 14);
    world.next_start = 0;
    // The node that got the pod is looked at again.
    assert_eq!(choose(&mut world), 15);
}
