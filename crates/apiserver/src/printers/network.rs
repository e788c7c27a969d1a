//! The rows of Service, Endpoints, EndpointSlice.

use seatrial_api::{EndpointSlice, Endpoints, Service, Time};
use serde_json::json;

use super::{Cells, Column, age, column};

pub(super) const SERVICE_COLUMNS: &[Column] = &[column("Name"), column("Age")];

pub(super) fn service_cells(o: &Service, now: Time) -> Cells {
    vec![json!(o.meta.name.as_str()), json!(age(o.meta.creation_timestamp, now))]
}

pub(super) const ENDPOINTS_COLUMNS: &[Column] = &[column("Name"), column("Age")];

pub(super) fn endpoints_cells(o: &Endpoints, now: Time) -> Cells {
    vec![json!(o.meta.name.as_str()), json!(age(o.meta.creation_timestamp, now))]
}

pub(super) const ENDPOINT_SLICE_COLUMNS: &[Column] = &[column("Name"), column("Age")];

pub(super) fn endpoint_slice_cells(o: &EndpointSlice, now: Time) -> Cells {
    vec![json!(o.meta.name.as_str()), json!(age(o.meta.creation_timestamp, now))]
}
