//! int-or-string values and their percent arithmetic.
