//! The scenario file: its model, its parser and its errors.

mod json_schema;
mod keys;
pub mod model;
mod parse;

pub use json_schema::json_schema;
pub use model::Scenario;
pub use parse::leaf::parse_duration;
pub use parse::parse;
pub(crate) use parse::parse_documents;
