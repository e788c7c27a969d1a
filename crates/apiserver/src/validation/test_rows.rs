//! Rows of tests: an edit of a manifest, and the errors that it makes.

use seatrial_api::field::{ErrorList, aggregate};
use serde::de::DeserializeOwned;
use serde_json::Value;

/// A manifest with a merge patch laid over it, read and defaulted.
pub(crate) fn edited<T: DeserializeOwned>(base: &Value, edit: &Value, set_defaults: fn(&mut T)) -> T {
    let mut value = base.clone();
    json_patch::merge(&mut value, edit);
    let mut object = serde_json::from_value(value).expect("a manifest of the kind");
    set_defaults(&mut object);
    object
}

/// Holds each row's errors against what is wanted.
pub(crate) fn check_create<T: DeserializeOwned>(
    base: &Value,
    set_defaults: fn(&mut T),
    validate: fn(&T) -> ErrorList,
    rows: &[(Value, &str)],
) {
    for (edit, want) in rows {
        let object = edited(base, edit, set_defaults);
        assert_eq!(aggregate(&validate(&object)), *want, "{edit}");
    }
}

/// The same for a change of the manifest.
pub(crate) fn check_update<T: DeserializeOwned>(
    base: &Value,
    set_defaults: fn(&mut T),
    validate: impl Fn(&T, &T) -> ErrorList,
    rows: &[(Value, &str)],
) {
    let old = edited(base, &serde_json::json!({}), set_defaults);
    for (edit, want) in rows {
        let new = edited(base, edit, set_defaults);
        assert_eq!(aggregate(&validate(&new, &old)), *want, "{edit}");
    }
}
