//! Manifest files: YAML documents, lists and the API versions that are gone.

mod convert;
mod error;
mod glob;
mod load;
pub(crate) mod node;
mod scalar;
pub(crate) mod suggest;
mod yaml;

pub use error::{InputError, Position, Source};
pub(crate) use load::load_pattern;
pub use load::{Input, Manifest, load_file, load_path, parse_manifests};
pub(crate) use yaml::{Dialect, read_documents};
