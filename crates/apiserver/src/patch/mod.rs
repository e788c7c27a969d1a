//! Patches: JSON patch, JSON merge patch, strategic merge patch and kubectl's three-way apply.
