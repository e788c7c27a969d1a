//! API errors and the Status object they become.
