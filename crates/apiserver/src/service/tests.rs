//! Allocation, one row a rule.
