//! Rules of validation, one row a rule.
