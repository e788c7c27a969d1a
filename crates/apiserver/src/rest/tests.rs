//! Tests of the request function.
