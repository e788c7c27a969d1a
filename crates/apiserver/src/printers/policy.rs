//! The rows of PodDisruptionBudget, LimitRange.

use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use seatrial_api::{LimitRange, PodDisruptionBudget, Time};
use serde_json::json;

use super::{Cells, Column, age, column, integer};

pub(super) const POD_DISRUPTION_BUDGET_COLUMNS: &[Column] = &[
    column("Name"),
    column("Min Available"),
    column("Max Unavailable"),
    integer("Allowed Disruptions"),
    column("Age"),
];

pub(super) fn pod_disruption_budget_cells(budget: &PodDisruptionBudget, now: Time) -> Cells {
    let spec = budget.body.spec.clone().unwrap_or_default();
    let allowed = budget.body.status.as_ref().and_then(|status| status.disruptions_allowed).unwrap_or_default();
    let shown = |value: Option<IntOrString>| match value {
        None => "N/A".to_owned(),
        Some(IntOrString::Int(number)) => number.to_string(),
        Some(IntOrString::String(text)) => text,
    };
    vec![
        json!(budget.meta.name.as_str()),
        json!(shown(spec.min_available)),
        json!(shown(spec.max_unavailable)),
        json!(allowed),
        json!(age(budget.meta.creation_timestamp, now)),
    ]
}

/// No printer knows the kind: it gets what any kind gets. Mirrors `defaultTableConvertor`.
pub(super) const LIMIT_RANGE_COLUMNS: &[Column] =
    &[column("Name"), Column { name: "Created At", priority: 0, type_: "date" }];

pub(super) fn limit_range_cells(o: &LimitRange) -> Cells {
    let created = o.meta.creation_timestamp.map(|t| t.to_string());
    vec![json!(o.meta.name.as_str()), json!(created.unwrap_or_else(|| "0001-01-01T00:00:00Z".to_owned()))]
}
