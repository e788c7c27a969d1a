//! Defaults of every kind, filled in before validation.
