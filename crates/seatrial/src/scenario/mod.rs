//! The scenario file: its model, its parser and its errors.
