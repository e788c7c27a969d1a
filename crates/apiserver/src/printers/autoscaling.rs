//! The rows of HorizontalPodAutoscaler.

use seatrial_api::{HorizontalPodAutoscaler, Time};
use serde_json::json;

use super::{Cells, Column, age, column};

pub(super) const HORIZONTAL_POD_AUTOSCALER_COLUMNS: &[Column] = &[column("Name"), column("Age")];

pub(super) fn horizontal_pod_autoscaler_cells(o: &HorizontalPodAutoscaler, now: Time) -> Cells {
    vec![json!(o.meta.name.as_str()), json!(age(o.meta.creation_timestamp, now))]
}
