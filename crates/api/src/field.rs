//! Field paths and field errors, the building blocks of validation.
