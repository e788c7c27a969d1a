//! GET of one object or of its subresources.

use seatrial_api::{ApiError, Object, ObjectKey};

use super::negotiate::Representation;
use super::path::Part;
use super::table::{TableOptions, shown};
use super::{Call, Response, scale, watch};
use crate::errors::not_found;
use crate::server::ApiServer;

/// Answers a GET that names one object; a `watch/` path watches just that object.
pub(crate) fn serve(server: &ApiServer, call: &Call<'_>, representation: Representation) -> Result<Response, ApiError> {
    if call.target.watch {
        return watch::serve(server, call, representation);
    }
    if call.target.subresource == Some(Part::Scale) {
        return Ok(Response::json(200, scale::get(server, call)?));
    }
    let object = find(server, call)?;
    let options = TableOptions::of(call, representation)?;
    Ok(Response::json(200, shown(call, &object, representation, options)))
}

/// The key of the object that a call names.
pub(crate) fn key_of(call: &Call<'_>) -> ObjectKey {
    let target = call.target;
    ObjectKey::new(target.kind, target.namespace.as_str(), target.name.as_deref().unwrap_or_default())
}

/// The object that a call names.
///
/// # Errors
/// 404
pub(crate) fn find(server: &ApiServer, call: &Call<'_>) -> Result<Object, ApiError> {
    let key = key_of(call);
    server.store().get(&key).cloned().ok_or_else(|| not_found(key.kind, &key.name))
}
