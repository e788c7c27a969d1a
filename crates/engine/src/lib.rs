//! The engine: a virtual clock, an event queue ordered by (time, seq) and a tree of random streams. It knows no Kubernetes word.
