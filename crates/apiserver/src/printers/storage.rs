//! The rows of StorageClass, PersistentVolume, PersistentVolumeClaim.

use seatrial_api::{PersistentVolume, PersistentVolumeClaim, StorageClass, Time};
use serde_json::json;

use super::{Cells, Column, age, column};

pub(super) const STORAGE_CLASS_COLUMNS: &[Column] = &[column("Name"), column("Age")];

pub(super) fn storage_class_cells(o: &StorageClass, now: Time) -> Cells {
    vec![json!(o.meta.name.as_str()), json!(age(o.meta.creation_timestamp, now))]
}

pub(super) const PERSISTENT_VOLUME_COLUMNS: &[Column] = &[column("Name"), column("Age")];

pub(super) fn persistent_volume_cells(o: &PersistentVolume, now: Time) -> Cells {
    vec![json!(o.meta.name.as_str()), json!(age(o.meta.creation_timestamp, now))]
}

pub(super) const PERSISTENT_VOLUME_CLAIM_COLUMNS: &[Column] = &[column("Name"), column("Age")];

pub(super) fn persistent_volume_claim_cells(o: &PersistentVolumeClaim, now: Time) -> Cells {
    vec![json!(o.meta.name.as_str()), json!(age(o.meta.creation_timestamp, now))]
}
