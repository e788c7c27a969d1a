//! The name, label and annotation rules with the API server's texts.
