//! Validation of every kind, in upstream's order with upstream's texts.
