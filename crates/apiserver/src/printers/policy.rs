//! The rows of PodDisruptionBudget, LimitRange.

use seatrial_api::{LimitRange, PodDisruptionBudget, Time};
use serde_json::json;

use super::{Cells, Column, age, column};

pub(super) const POD_DISRUPTION_BUDGET_COLUMNS: &[Column] = &[column("Name"), column("Age")];

pub(super) fn pod_disruption_budget_cells(o: &PodDisruptionBudget, now: Time) -> Cells {
    vec![json!(o.meta.name.as_str()), json!(age(o.meta.creation_timestamp, now))]
}

pub(super) const LIMIT_RANGE_COLUMNS: &[Column] = &[column("Name"), column("Age")];

pub(super) fn limit_range_cells(o: &LimitRange, now: Time) -> Cells {
    vec![json!(o.meta.name.as_str()), json!(age(o.meta.creation_timestamp, now))]
}
