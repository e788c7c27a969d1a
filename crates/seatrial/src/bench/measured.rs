//! What a run came to, in figures.

use serde_json::{Value, json};

use super::Work;

/// A measured run.
#[derive(Clone, Debug, PartialEq)]
pub struct Measured {
    /// The workload's name, or the scenario's file.
    pub workload: String,
    /// What was done.
    pub work: Work,
    /// How long it took on the wall.
    pub seconds: f64,
    /// The largest the process has been.
    pub peak_rss_bytes: u64,
    /// What the process holds more than before the cluster was made.
    pub grown_bytes: u64,
}

impl Measured {
    /// Pods a second.
    pub fn pods_per_second(&self) -> f64 {
        self.rate(self.work.pods)
    }

    /// Syncs of controllers a second.
    pub fn reconciles_per_second(&self) -> f64 {
        self.rate(self.work.reconciles)
    }

    /// Writes of the store a second.
    pub fn writes_per_second(&self) -> f64 {
        self.rate(self.work.writes)
    }

    /// What the process grew by, spread over the pods.
    pub fn bytes_per_pod(&self) -> u64 {
        self.grown_bytes.checked_div(self.work.pods).unwrap_or(0)
    }

    fn rate(&self, count: u64) -> f64 {
        if self.seconds > 0.0 { count as f64 / self.seconds } else { 0.0 }
    }

    /// The figures as one JSON object.
    pub fn to_json(&self) -> Value {
        json!({
            "workload": self.workload,
            "pods": self.work.pods,
            "nodes": self.work.nodes,
            "seconds": self.seconds,
            "pods_per_second": self.pods_per_second(),
            "reconciles": self.work.reconciles,
            "reconciles_per_second": self.reconciles_per_second(),
            "writes": self.work.writes,
            "writes_per_second": self.writes_per_second(),
            "peak_rss_bytes": self.peak_rss_bytes,
            "bytes_per_pod": self.bytes_per_pod(),
            "hash": format!("{:016x}", self.work.hash),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_of_the_work_and_nothing_is_divided_by_zero() {
        let work = Work { pods: 100, nodes: 5, reconciles: 30, writes: 1000, hash: 0xab };
        let measured =
            Measured { workload: "deployment".to_owned(), work, seconds: 0.5, peak_rss_bytes: 9, grown_bytes: 204_800 };
        let json = measured.to_json();
        let rows = [
            ("pods_per_second", json!(200.0)),
            ("reconciles_per_second", json!(60.0)),
            ("writes_per_second", json!(2000.0)),
            ("bytes_per_pod", json!(2048)),
            ("hash", json!("00000000000000ab")),
        ];
        for (key, want) in rows {
            assert_eq!(json[key], want, "{key}");
        }
        let nothing = Measured { seconds: 0.0, work: Work { pods: 0, ..work }, ..measured };
        assert_eq!((nothing.pods_per_second(), nothing.bytes_per_pod()), (0.0, 0));
    }
}
