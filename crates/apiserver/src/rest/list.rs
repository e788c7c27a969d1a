//! GET of a collection: a list, a page of one, or a watch.
//!
//! Mirrors k8s.io/apiserver/pkg/endpoints/handlers/get.go (`ListResource`) and storage/etcd3/store.go (`GetList`) (v1.36).

use seatrial_api::{ApiError, Object};
use serde_json::{Value, json};

use super::chunk::{Continue, list_at};
use super::negotiate::Representation;
use super::options::{ListOptions, parse_resource_version};
use super::table::{TableOptions, shown_list};
use super::{Call, Response, fields, watch};
use crate::server::ApiServer;

/// The metadata of a list.
#[derive(Clone, Debug, Default)]
pub(crate) struct ListMeta {
    pub(crate) resource_version: u64,
    pub(crate) continue_: Option<String>,
    pub(crate) remaining_item_count: Option<usize>,
}

impl ListMeta {
    pub(crate) fn to_json(&self) -> Value {
        let mut meta = json!({"resourceVersion": self.resource_version.to_string()});
        if let Some(token) = &self.continue_ {
            meta["continue"] = json!(token);
        }
        if let Some(count) = self.remaining_item_count {
            meta["remainingItemCount"] = json!(count);
        }
        meta
    }
}

/// Answers a GET of a collection.
pub(crate) fn serve(server: &ApiServer, call: &Call<'_>, representation: Representation) -> Result<Response, ApiError> {
    let options = ListOptions::of(call)?;
    if options.watch {
        return watch::serve(server, call, representation);
    }
    let table = TableOptions::of(call, representation)?;
    let page = match page(server, call, &options)? {
        Ok(page) => page,
        Err(expired) => return Ok(expired),
    };
    let items: Vec<&Object> = page.items.iter().collect();
    Ok(Response::json(200, shown_list(call, &items, &page.meta, representation, table)))
}

/// What a list shows.
pub(crate) struct Page {
    pub(crate) items: Vec<Object>,
    pub(crate) meta: ListMeta,
}

/// The namespace that a call is restricted to.
pub(crate) fn namespace_of<'a>(call: &Call<'a>) -> Option<&'a str> {
    Some(call.target.namespace.as_str()).filter(|n| !n.is_empty())
}

/// The objects that a call selects; in the inner error the 410 of a token that is too old.
pub(crate) fn page(
    server: &ApiServer,
    call: &Call<'_>,
    options: &ListOptions,
) -> Result<Result<Page, Response>, ApiError> {
    let store = server.store();
    let (kind, namespace) = (call.target.kind, namespace_of(call));
    let asked = parse_resource_version(&options.resource_version)
        .map_err(|why| ApiError::bad_request(format!("invalid resource version: {why}")))?;
    let now = || -> Vec<Object> { store.list(kind, namespace).into_iter().cloned().collect() };
    let mut version = store.resource_version();
    let mut start = None;
    let objects = if options.continue_.is_empty() {
        if asked > version {
            return Err(ApiError::too_large_resource_version(asked, version));
        }
        let legacy_exact = options.resource_version_match.is_empty() && options.limit > 0 && asked > 0;
        if options.resource_version_match == "Exact" || legacy_exact {
            version = asked;
            let at = list_at(store, kind, namespace, asked).filter(|_| asked >= server.oldest_version());
            at.ok_or_else(|| ApiError::expired("The resourceVersion for the provided list is too old."))?
        } else {
            now()
        }
    } else {
        if !matches!(options.resource_version.as_str(), "" | "0") {
            let text = "specifying resource version is not allowed when using continue";
            return Err(ApiError::bad_request(text));
        }
        let token = Continue::decode(&options.continue_)?;
        let objects = match u64::try_from(token.resource_version) {
            Err(_) => Some(now()),
            Ok(at) => {
                version = at;
                list_at(store, kind, namespace, at)
            }
        };
        let Some(objects) = objects else { return Ok(Err(expired(&token))) };
        start = Some(token.start);
        objects
    };
    Ok(Ok(cut(objects, options, namespace, start.as_deref(), version)))
}

/// The 410 of a continue token: its metadata has a token to go on with.
fn expired(token: &Continue) -> Response {
    let (error, again) = token.expired();
    let mut status = error.to_status();
    status["metadata"] = json!({"continue": again});
    Response::json(error.code(), status)
}

/// The part of the objects that one page shows.
fn cut(
    objects: Vec<Object>,
    options: &ListOptions,
    namespace: Option<&str>,
    start: Option<&str>,
    resource_version: u64,
) -> Page {
    let key = |o: &Object| match namespace {
        Some(_) => o.meta().name.to_string(),
        None => format!("{}/{}", o.meta().namespace, o.meta().name),
    };
    // A list from the cache, as version 0 asks for, is never cut.
    let limit = if options.limit == 0 || options.resource_version == "0" { usize::MAX } else { options.limit };
    let mut meta = ListMeta { resource_version, ..ListMeta::default() };
    let mut items = Vec::new();
    let mut rest = objects.into_iter().filter(|o| start.is_none_or(|s| key(o).as_str() > s)).peekable();
    while items.len() < limit {
        let Some(object) = rest.next() else { break };
        if selected(&object, options) {
            items.push(object);
        }
    }
    if rest.peek().is_some() && items.len() == limit {
        let version = i64::try_from(resource_version).unwrap_or(i64::MAX);
        let start = items.last().map(key).unwrap_or_default();
        meta.continue_ = Some(Continue { resource_version: version, start }.encode());
        meta.remaining_item_count = options.selects_all().then(|| rest.count());
    }
    Page { items, meta }
}

/// Whether labels and fields select an object.
pub(crate) fn selected(object: &Object, options: &ListOptions) -> bool {
    options.labels.as_ref().is_none_or(|l| l.matches(&object.meta().labels)) && fields::matches(object, &options.fields)
}
