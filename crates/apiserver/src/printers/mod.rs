//! Table columns and cells of every kind, as the server prints them.
