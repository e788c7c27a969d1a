//! What the benchmarks share: samples, their median and spread, and clusters to try things on.

use std::time::{Duration, Instant};

use seatrial::{Cluster, Node};

/// How long some work took, over several samples.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Samples(Vec<Duration>);

impl Samples {
    /// Does the work so often and takes the time of each. What `prepare` does is not counted.
    pub fn of<T>(count: usize, mut prepare: impl FnMut() -> T, mut work: impl FnMut(&mut T)) -> Self {
        let mut times = Vec::with_capacity(count);
        for _ in 0..count {
            let mut subject = prepare();
            let start = Instant::now();
            work(&mut subject);
            times.push(start.elapsed());
        }
        times.sort_unstable();
        Self(times)
    }

    /// The middle sample.
    pub fn median(&self) -> Duration {
        self.0.get(self.0.len() / 2).copied().unwrap_or_default()
    }

    /// The fastest and the slowest.
    pub fn range(&self) -> (Duration, Duration) {
        (self.0.first().copied().unwrap_or_default(), self.0.last().copied().unwrap_or_default())
    }

    /// The samples of work that was done `times` times, as those of once.
    #[must_use]
    pub fn each(&self, times: u32) -> Self {
        Self(self.0.iter().map(|time| *time / times.max(1)).collect())
    }
}

/// The exponent by which time grows with size: 1 is in proportion, 2 the square.
pub fn growth_exponent((small, short): (f64, Duration), (large, long): (f64, Duration)) -> f64 {
    (long.as_secs_f64() / short.as_secs_f64()).ln() / (large / small).ln()
}

/// A cluster of so many nodes, of 110 pods each.
pub fn cluster(nodes: usize) -> Cluster {
    let node = |index: usize| {
        let mut node = Node::named(format!("node-{index}"));
        node.capacity.insert("cpu".to_owned(), "64".to_owned());
        node.capacity.insert("pods".to_owned(), "110".to_owned());
        node
    };
    Cluster::builder().with_nodes((0..nodes).map(node).collect()).build()
}

/// The manifest of a Deployment.
pub fn deployment(name: &str, replicas: u32) -> String {
    format!(
        "{{apiVersion: apps/v1, kind: Deployment, metadata: {{name: {name}}}, spec: {{replicas: {replicas}, \
         selector: {{matchLabels: {{app: {name}}}}}, template: {{metadata: {{labels: {{app: {name}}}}}, \
         spec: {{containers: [{{name: c, image: 'app:1'}}]}}}}}}}}"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn median_range_and_growth() {
        let mut sleeps = [3u64, 1, 2].into_iter();
        let samples =
            Samples::of(3, || sleeps.next().unwrap_or(0), |ms| std::thread::sleep(Duration::from_millis(*ms)));
        let (low, high) = samples.range();
        assert!(low <= samples.median() && samples.median() <= high && low >= Duration::from_millis(1));
        assert_eq!(Samples(vec![Duration::from_secs(4)]).each(4).median(), Duration::from_secs(1));
        let exponent = growth_exponent((10.0, Duration::from_secs(1)), (1000.0, Duration::from_secs(10_000)));
        assert!((exponent - 2.0).abs() < 1e-9, "{exponent}");
    }
}
