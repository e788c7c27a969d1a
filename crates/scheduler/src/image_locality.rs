//! Scores nodes that have a pod's images already.
//!
//! Mirrors pkg/scheduler/framework/plugins/imagelocality and the image states of the cache (v1.36).

use std::borrow::Cow;

use rustc_hash::FxHashMap;
use seatrial_api::{Node, Pod, Str};

use crate::node_info::NodeInfo;

const MIB: i64 = 1024 * 1024;
/// What is smaller than this in all is pulled as soon as said.
const THRESHOLD_MIN: i64 = 23 * MIB;
/// More than this a container does not count.
const THRESHOLD_MAX: i64 = 1000 * MIB;
const SCORE_MAX: i64 = 100;
pub(crate) const WEIGHT_IMAGE_LOCALITY: i64 = 1;

/// On how many nodes each image is.
#[derive(Debug, Default)]
pub(crate) struct ImageStates {
    node_counts: FxHashMap<Str, u32>,
}

impl ImageStates {
    /// A node has these images, instead of those it had.
    pub(crate) fn replace(&mut self, old: &[(Str, i64)], new: &[(Str, i64)]) {
        for (name, _) in new {
            *self.node_counts.entry(name.clone()).or_default() += 1;
        }
        for (name, _) in old {
            if let Some(count) = self.node_counts.get_mut(name) {
                *count -= 1;
                if *count == 0 {
                    self.node_counts.remove(name);
                }
            }
        }
    }

    /// Whether any node has one of the pod's images.
    pub(crate) fn concern(&self, pod: &Pod) -> bool {
        !self.node_counts.is_empty() && images(pod).any(|image| self.node_counts.contains_key(&*image))
    }

    /// The node's score from 0 to 100, among so many nodes.
    pub(crate) fn score(&self, pod: &Pod, node: &NodeInfo, node_count: usize) -> i64 {
        let share = |image: Cow<'_, str>| {
            let size = node.images.iter().find(|(name, _)| *name == *image)?.1;
            let nodes = self.node_counts.get(&*image).copied().unwrap_or(0);
            Some((size as f64 * (f64::from(nodes) / node_count as f64)) as i64)
        };
        let sum = images(pod).filter_map(share).sum();
        calculate_priority(sum, images(pod).count())
    }
}

/// Mirrors `calculatePriority`.
fn calculate_priority(sum: i64, container_count: usize) -> i64 {
    let max = THRESHOLD_MAX * i64::try_from(container_count).unwrap_or(1);
    SCORE_MAX * (sum.clamp(THRESHOLD_MIN, max) - THRESHOLD_MIN) / (max - THRESHOLD_MIN)
}

fn images(pod: &Pod) -> impl Iterator<Item = Cow<'_, str>> {
    let spec = pod.spec.api();
    let containers = spec.init_containers.iter().flatten().chain(&spec.containers);
    containers.map(|c| normalized(c.image.as_deref().unwrap_or_default()))
}

/// A name without a tag means the latest. Mirrors `normalizedImageName`.
fn normalized(name: &str) -> Cow<'_, str> {
    match name.rfind(':') > name.rfind('/') {
        true => Cow::Borrowed(name),
        false => Cow::Owned(format!("{name}:latest")),
    }
}

/// The images that a node says it has, by all their names.
pub(crate) fn images_of(node: &Node) -> Vec<(Str, i64)> {
    let images = node.body.status.as_ref().and_then(|s| s.images.as_ref());
    let named = images.into_iter().flatten().flat_map(|image| {
        let size = image.size_bytes.unwrap_or(0);
        image.names.iter().flatten().map(move |name| (name.as_str().into(), size))
    });
    named.collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::test_objects::{node_info, pod};

    #[test]
    fn names_without_a_tag_mean_the_latest() {
        for (name, want) in [
            ("app", "app:latest"),
            ("app:1", "app:1"),
            ("host:5000/app", "host:5000/app:latest"),
            ("host:5000/app:1", "host:5000/app:1"),
            ("app@sha256:00", "app@sha256:00"),
        ] {
            assert_eq!(normalized(name), want);
        }
    }

    #[test]
    fn sizes_count_between_the_thresholds() {
        // (MiB in all, containers, score)
        let rows = [
            (0, 1, 0),
            (23, 1, 0),
            (24, 1, 0),
            (33, 1, 1),
            (511, 1, 49),
            (512, 1, 50),
            (1000, 1, 100),
            (5000, 1, 100),
            (1000, 2, 49),
            (2000, 2, 100),
        ];
        for (mib, containers, want) in rows {
            assert_eq!(calculate_priority(mib * MIB, containers), want, "{mib} {containers}");
        }
    }

    #[test]
    fn an_image_counts_by_the_share_of_nodes_that_have_it() {
        let pod = pod(
            "a",
            json!({}),
            json!({"containers": [{"name": "c", "image": "app"}, {"name": "d", "image": "other:1"}]}),
        );
        let has = vec![("app:latest".into(), 2000 * MIB)];
        let node = NodeInfo { images: has.clone(), ..node_info("n", json!({}), json!({})) };
        let mut states = ImageStates::default();
        assert!(!states.concern(&pod));
        states.replace(&[], &has);
        assert!(states.concern(&pod));
        // A quarter of 2000 MiB: 100 * (500 - 23) / (2000 - 23).
        assert_eq!(states.score(&pod, &node, 4), 24);
        states.replace(&[], &has);
        assert_eq!(states.score(&pod, &node, 4), 49);
        assert_eq!(states.score(&pod, &node_info("m", json!({}), json!({})), 4), 0);
        states.replace(&has, &[]);
        states.replace(&has, &[]);
        assert!(!states.concern(&pod));
    }
}
