//! Manifest files: YAML documents, lists and the API versions that are gone.
