//! The default scheduler: queue, filters, scores.
