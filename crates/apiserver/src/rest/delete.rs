//! DELETE of one object and of a collection.
//!
//! Mirrors k8s.io/apiserver/pkg/endpoints/handlers/delete.go (v1.36).

use seatrial_api::field::{Error, ErrorList, Path};
use seatrial_api::schema::type_named;
use seatrial_api::{ApiError, GroupKind, Kind, Object, Uid};
use serde_json::{Map, Value, json};

use super::get::key_of;
use super::list::page;
use super::negotiate::Representation;
use super::options::{ListOptions, is_true, number, validate_dry_run};
use super::table::{TableOptions, shown, shown_list};
use super::{Call, Response};
use crate::decode::{FieldValidation, cannot_be_handled, parse_body, strict_issues};
use crate::delete::{DeleteOptions, Deleted, Propagation};
use crate::server::{ApiServer, RequestInfo};

/// Where upstream registers what a DELETE takes; its errors name the place.
const SCHEME: &str = "k8s.io/apimachinery/pkg/apis/meta/internalversion/scheme/register.go:27";

/// The options of a DELETE, with what only its answer depends on.
struct Options {
    delete: DeleteOptions,
    dry_run: bool,
    /// `orphanDependents: false`, the old way to ask for a background deletion.
    orphan_dependents: Option<bool>,
}

/// Deletes one object.
pub(crate) fn one(
    server: &mut ApiServer,
    call: &Call<'_>,
    representation: Representation,
) -> Result<Response, ApiError> {
    let options = options_of(call)?;
    let key = key_of(call);
    let deleted = server.delete(&request(call, &options), &key, &options.delete)?;
    let accepted = !deleted.gone && options.orphan_dependents == Some(false);
    let body = if deleted.gone && !deleted.shows_object {
        success(&deleted)
    } else {
        shown(call, &deleted.object, representation, TableOptions::of(call, representation)?)
    };
    Ok(Response::json(if accepted { 202 } else { 200 }, body).with_warnings(warnings_of(call, &options)))
}

fn request<'a>(call: &Call<'a>, options: &Options) -> RequestInfo<'a> {
    let agent = call.request.user_agent.split('/').next().unwrap_or_default();
    RequestInfo { dry_run: options.dry_run, ..RequestInfo::new(call.now, agent) }
}

/// Who deletes a Job and says nothing of its pods is told. Mirrors `REST.Delete` in pkg/registry/batch/job/storage.
fn warnings_of(call: &Call<'_>, options: &Options) -> Vec<String> {
    if call.target.kind != Kind::Job || options.delete.propagation.is_some() {
        return Vec::new();
    }
    vec![
        "child pods are preserved by default when jobs are deleted; set propagationPolicy=Background to remove them or \
         set propagationPolicy=Orphan to suppress this warning"
            .to_owned(),
    ]
}

/// The Status that answers a deletion which left nothing to show.
fn success(deleted: &Deleted) -> Value {
    let (meta, kind) = (deleted.object.meta(), deleted.object.kind());
    let mut details = Map::new();
    details.insert("name".to_owned(), json!(meta.name.as_str()));
    if !kind.info().group.is_empty() {
        details.insert("group".to_owned(), json!(kind.info().group));
    }
    details.insert("kind".to_owned(), json!(kind.info().plural));
    details.insert("uid".to_owned(), json!(meta.uid.to_string()));
    json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details})
}

/// Deletes what a collection's selectors select; the answer is the list of what was found.
pub(crate) fn collection(
    server: &mut ApiServer,
    call: &Call<'_>,
    representation: Representation,
) -> Result<Response, ApiError> {
    let list = ListOptions::of(call)?;
    let options = options_of(call)?;
    let found = match page(server, call, &list)? {
        Ok(found) => found,
        Err(expired) => return Ok(expired),
    };
    for object in &found.items {
        match server.delete(&request(call, &options), &object.key(), &options.delete) {
            Err(error) if !error.is_not_found() => return Err(error),
            _ => {}
        }
    }
    let items: Vec<&Object> = found.items.iter().collect();
    let body = shown_list(call, &items, &found.meta, representation, TableOptions::of(call, representation)?);
    Ok(Response::json(200, body).with_warnings(warnings_of(call, &options)))
}

/// The options in the body; in the query where there is no body.
fn options_of(call: &Call<'_>) -> Result<Options, ApiError> {
    let sent = if call.request.body.is_empty() { from_query(call)? } else { from_body(call)? };
    read_options(call, &sent)
}

fn from_body(call: &Call<'_>) -> Result<Value, ApiError> {
    let sent = parse_body(call.request.body, call.request.content_type)?.value;
    let text = |key: &str| sent.get(key).and_then(Value::as_str).unwrap_or_default();
    if !matches!(text("kind"), "" | "DeleteOptions") {
        let (kind, version) = (text("kind"), text("apiVersion"));
        return Err(ApiError::bad_request(format!(
            "no kind {kind:?} is registered for version {version:?} in scheme {SCHEME:?}"
        )));
    }
    let ty = type_named("DeleteOptions").ok_or_else(|| ApiError::internal("no schema"))?;
    match strict_issues(&sent, ty, FieldValidation::Ignore) {
        Ok(_) => Ok(sent),
        Err(why) => Err(cannot_be_handled("DeleteOptions", "v1", &why)),
    }
}

fn from_query(call: &Call<'_>) -> Result<Value, ApiError> {
    let mut sent = Map::new();
    if let Some(seconds) = number(call, "gracePeriodSeconds")? {
        sent.insert("gracePeriodSeconds".to_owned(), json!(seconds));
    }
    if let Some(policy) = call.query("propagationPolicy") {
        sent.insert("propagationPolicy".to_owned(), json!(policy));
    }
    if let Some(orphan) = call.query("orphanDependents") {
        sent.insert("orphanDependents".to_owned(), json!(is_true(orphan)));
    }
    Ok(Value::Object(sent))
}

/// Reads and checks `DeleteOptions`. Mirrors `ValidateDeleteOptions`.
fn read_options(call: &Call<'_>, sent: &Value) -> Result<Options, ApiError> {
    let mut errs = ErrorList::new();
    let path = Path::new("propagationPolicy");
    let policy = sent.get("propagationPolicy").and_then(Value::as_str);
    let orphan_dependents = sent.get("orphanDependents").and_then(Value::as_bool);
    if let (Some(policy), Some(_)) = (policy, orphan_dependents) {
        errs.push(Error::invalid(&path, policy, "orphanDependents and deletionPropagation cannot be both set"));
    }
    let propagation = match policy {
        Some("Foreground") => Some(Propagation::Foreground),
        Some("Background") => Some(Propagation::Background),
        Some("Orphan") => Some(Propagation::Orphan),
        Some(other) => {
            errs.push(Error::not_supported(&path, other, &["Foreground", "Background", "Orphan", "nil"]));
            None
        }
        None => orphan_dependents.map(|o| if o { Propagation::Orphan } else { Propagation::Background }),
    };
    let in_body = sent.get("dryRun").and_then(Value::as_array).filter(|list| !list.is_empty());
    if let Some(list) = in_body.filter(|list| list.iter().any(|v| v != "All")) {
        let value = seatrial_api::field::BadValue::json(list);
        errs.push(Error::not_supported(&Path::new("dryRun"), value, &["All"]));
    }
    let dry_run = validate_dry_run(&mut errs, call) || in_body.is_some();
    if !errs.is_empty() {
        return Err(ApiError::invalid(&GroupKind::new_static("meta.k8s.io", "DeleteOptions"), "", errs));
    }
    let text = |pointer: &str| sent.pointer(pointer).and_then(Value::as_str).filter(|t| !t.is_empty());
    let delete = DeleteOptions {
        grace_period_seconds: sent.get("gracePeriodSeconds").and_then(Value::as_i64),
        uid: text("/preconditions/uid").map(Uid::parse),
        // A version that is no number is nobody's.
        resource_version: text("/preconditions/resourceVersion").map(|t| t.parse().unwrap_or(u64::MAX)),
        propagation,
    };
    Ok(Options { delete, dry_run, orphan_dependents })
}
