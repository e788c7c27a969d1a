//! Mock nodes: the pod life cycle, containers, probes, restarts and heartbeats.
