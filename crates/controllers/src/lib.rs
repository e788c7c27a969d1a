//! Kubernetes' workload controllers, one folder each, with upstream's folder and function names.
