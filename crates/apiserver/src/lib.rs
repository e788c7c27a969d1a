//! The API server without a network: store, watch log, one strategy a kind, admission, patches and deletion.

pub mod defaults;
pub mod patch;
pub mod printers;
pub mod validation;
