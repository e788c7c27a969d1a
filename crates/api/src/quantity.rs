//! Resource quantities: parsing, canonical text, arithmetic.
