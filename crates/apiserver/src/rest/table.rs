//! Answers in the shape that was asked for: objects, their metadata alone, or the rows that `kubectl get` prints.
//!
//! Mirrors k8s.io/apiserver/pkg/endpoints/handlers/response.go (v1.36).

use seatrial_api::field::{Error, Path};
use seatrial_api::{ApiError, Object};
use serde_json::{Map, Value, json};

use super::Call;
use super::list::ListMeta;
use super::negotiate::Representation;
use crate::printers;

const META_API_VERSION: &str = "meta.k8s.io/v1";

/// What a row carries of its object. Mirrors `metav1.IncludeObjectPolicy`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TableOptions {
    None,
    Metadata,
    Object,
}

impl TableOptions {
    /// The query parameter `includeObject`, which only a table reads. Mirrors `optionsForTransform`.
    ///
    /// # Errors
    /// 400 for a word that is none.
    pub(crate) fn of(call: &Call<'_>, representation: Representation) -> Result<Self, ApiError> {
        match call.query("includeObject").unwrap_or_default() {
            _ if representation != Representation::Table => Ok(Self::Metadata),
            "" | "Metadata" => Ok(Self::Metadata),
            "Object" => Ok(Self::Object),
            "None" => Ok(Self::None),
            other => {
                let detail = "must be 'Metadata', 'Object', 'None', or empty";
                let error = Error::invalid(&Path::new("includeObject"), other, detail);
                Err(ApiError::bad_request(format!("Unable to convert to Table as requested: {error}")))
            }
        }
    }
}

/// One object, in the shape that was asked for.
pub(crate) fn shown(call: &Call<'_>, object: &Object, representation: Representation, options: TableOptions) -> Value {
    match representation {
        Representation::Object => call.target.view.show(object.to_json()),
        Representation::PartialObjectMetadata => partial_object_metadata(object),
        Representation::Table => {
            let meta = json!({"resourceVersion": object.meta().resource_version.to_string()});
            table(call, &[object], meta, options)
        }
    }
}

/// A list, in the shape that was asked for.
pub(crate) fn shown_list(
    call: &Call<'_>,
    items: &[&Object],
    meta: &ListMeta,
    representation: Representation,
    options: TableOptions,
) -> Value {
    let meta = meta.to_json();
    match representation {
        Representation::Object => {
            let kind = call.target.kind;
            let items: Vec<Value> = items.iter().map(|o| item(call.target.view.show(o.to_json()))).collect();
            json!({
                "kind": format!("{}List", kind.info().kind),
                "apiVersion": call.target.view.api_version(kind),
                "metadata": meta,
                "items": items,
            })
        }
        Representation::PartialObjectMetadata => {
            let items: Vec<Value> = items.iter().map(|o| partial_object_metadata(o)).collect();
            json!({"kind": "PartialObjectMetadataList", "apiVersion": META_API_VERSION, "metadata": meta, "items": items})
        }
        Representation::Table => table(call, items, meta, options),
    }
}

/// An item of a list does not say again what it is.
fn item(mut object: Value) -> Value {
    if let Some(map) = object.as_object_mut() {
        map.remove("apiVersion");
        map.remove("kind");
    }
    object
}

/// The metadata alone. Mirrors `asPartialObjectMetadata`.
fn partial_object_metadata(object: &Object) -> Value {
    json!({"kind": "PartialObjectMetadata", "apiVersion": META_API_VERSION, "metadata": object.meta().to_api()})
}

fn table(call: &Call<'_>, items: &[&Object], meta: Value, options: TableOptions) -> Value {
    let rows: Vec<Value> = items.iter().map(|object| row(call, object, options)).collect();
    json!({
        "kind": "Table",
        "apiVersion": META_API_VERSION,
        "metadata": meta,
        "columnDefinitions": column_definitions(call),
        "rows": rows,
    })
}

/// A table without its heads, as the later events of a watch carry it.
pub(crate) fn headless_table(call: &Call<'_>, object: &Object, options: TableOptions) -> Value {
    let meta = json!({"resourceVersion": object.meta().resource_version.to_string()});
    let mut value = table(call, &[object], meta, options);
    value["columnDefinitions"] = Value::Null;
    value
}

fn column_definitions(call: &Call<'_>) -> Vec<Value> {
    let columns = printers::columns(call.target.kind).iter();
    let definition = |c: &printers::Column| {
        let format = if c.name == "Name" { "name" } else { "" };
        json!({"name": c.name, "type": c.type_, "format": format, "description": "", "priority": c.priority})
    };
    columns.map(definition).collect()
}

fn row(call: &Call<'_>, object: &Object, options: TableOptions) -> Value {
    let mut row = Map::new();
    row.insert("cells".to_owned(), json!(printers::cells(object, call.now)));
    if let Some(condition) = printers::row_condition(object) {
        row.insert("conditions".to_owned(), json!([condition]));
    }
    let shown = match options {
        TableOptions::None => Value::Null,
        TableOptions::Metadata => partial_object_metadata(object),
        TableOptions::Object => call.target.view.show(object.to_json()),
    };
    row.insert("object".to_owned(), shown);
    Value::Object(row)
}
