//! Label and field selectors.

mod field;
mod label;

pub use field::{FieldSelector, FieldTerm};
pub use label::{LabelLookup, Operator, Requirement, Selector};
