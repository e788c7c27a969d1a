//! The Kubernetes API without a network: one function from a request to its response.
//!
//! Mirrors k8s.io/apiserver/pkg/endpoints (v1.36). The scenario step `call`, the library and the HTTP server are shells round
//! [`ApiServer::serve`]; it knows paths, methods, media types and query parameters, and calls the typed functions of
//! [`ApiServer`] for everything else.

mod chunk;
mod delete;
mod discovery;
mod eviction;
mod fields;
mod get;
mod list;
mod negotiate;
mod options;
mod path;
mod scale;
mod table;
mod view;
mod watch;
mod write;

use seatrial_api::{ApiError, Kind, Time};
use serde_json::Value;

use crate::server::ApiServer;
use crate::validation;

pub use view::to_stored_version;
pub use watch::Watch;

/// A request as it comes over the wire, without what only a network needs.
#[derive(Clone, Debug, Default)]
pub struct Request<'a> {
    /// `GET`, `POST`, `PUT`, `PATCH`, `DELETE`; others are answered 405.
    pub method: &'a str,
    /// The path without the query.
    pub path: &'a str,
    /// The query parameters, decoded, in their order.
    pub query: Vec<(String, String)>,
    /// The media type of the body; JSON where there is none.
    pub content_type: Option<&'a str>,
    /// What the client accepts; JSON where there is none.
    pub accept: Option<&'a str>,
    /// The client's name; its part before the first `/` is the field manager where none is named.
    pub user_agent: &'a str,
    /// The body.
    pub body: &'a [u8],
}

/// What a request is answered.
#[derive(Debug)]
pub struct Response {
    /// The HTTP status.
    pub code: u16,
    /// The texts of the `Warning` headers, without their `299 -`.
    pub warnings: Vec<String>,
    /// The body.
    pub body: ResponseBody,
}

/// The body of a response.
#[derive(Debug)]
pub enum ResponseBody {
    /// Nothing.
    Empty,
    /// An object, list, table or Status.
    Json(Value),
    /// Text that is no JSON, such as `404 page not found`.
    Text(String),
    /// A stream of events, to be polled.
    Watch(Box<Watch>),
}

impl Response {
    fn json(code: u16, body: Value) -> Self {
        Self { code, warnings: Vec::new(), body: ResponseBody::Json(body) }
    }

    fn text(code: u16, text: &str) -> Self {
        Self { code, warnings: Vec::new(), body: ResponseBody::Text(text.to_owned()) }
    }

    fn with_warnings(mut self, warnings: Vec<String>) -> Self {
        self.warnings = warnings;
        self
    }
}

impl From<ApiError> for Response {
    fn from(error: ApiError) -> Self {
        Self::json(error.code(), error.to_status())
    }
}

/// How large a body may be, in bytes. Mirrors `MaxRequestBodyBytes`.
const REQUEST_BODY_BYTES_MAX: usize = 3 * 1024 * 1024;

impl ApiServer {
    /// Answers a request at a time. Whatever the request is, there is an answer; a refused one changes nothing.
    pub fn serve(&mut self, now: Time, request: &Request<'_>) -> Response {
        self.store.log_mut().keep_for_watches();
        let route = match path::route(request.path) {
            Ok(route) => route,
            Err(response) => return response,
        };
        if request.body.len() > REQUEST_BODY_BYTES_MAX {
            return ApiError::request_entity_too_large(REQUEST_BODY_BYTES_MAX as u64).into();
        }
        let answer = match route {
            path::Route::Version => discovery::version(request),
            path::Route::Health => Ok(Response::text(200, "ok")),
            path::Route::Discovery(what) => discovery::serve(request, &what),
            path::Route::Resource(target) => Ok(self.serve_resource(now, request, &target)),
        };
        answer.unwrap_or_else(Response::from)
    }

    fn serve_resource(&mut self, now: Time, request: &Request<'_>, target: &path::Target) -> Response {
        let call = Call { now, request, target };
        if let Some(response) = call.method_not_allowed() {
            return response;
        }
        let mut response = self.answer(&call).unwrap_or_else(Response::from);
        // Whatever is asked of a deprecated version, and whatever the answer is, it warns. Mirrors `AddWarningsHandler`.
        if target.kind == Kind::Endpoints {
            response.warnings.insert(0, validation::ENDPOINTS_DEPRECATED.to_owned());
        }
        response
    }

    fn answer(&mut self, call: &Call<'_>) -> Result<Response, ApiError> {
        let (request, target) = (call.request, call.target);
        let representation = negotiate::representation(request.accept)?;
        match (request.method, target.name.is_some()) {
            ("GET", false) => list::serve(self, call, representation),
            ("GET", true) => get::serve(self, call, representation),
            ("DELETE", false) => delete::collection(self, call, representation),
            ("DELETE", true) => delete::one(self, call, representation),
            _ => write::serve(self, call, representation),
        }
    }
}

/// One request, with what its path names.
#[derive(Clone, Copy)]
pub(crate) struct Call<'a> {
    pub(crate) now: Time,
    pub(crate) request: &'a Request<'a>,
    pub(crate) target: &'a path::Target,
}

impl Call<'_> {
    /// The answer to a method that the path does not have: a Status, but nothing to a HEAD.
    fn method_not_allowed(&self) -> Option<Response> {
        if self.target.allows(self.request.method) {
            return None;
        }
        let mut response = Response::from(ApiError::method_not_allowed());
        if self.request.method == "HEAD" {
            response.body = ResponseBody::Empty;
        }
        Some(response)
    }

    /// The value of a query parameter: the first, as Go's `url.Values.Get`.
    pub(crate) fn query(&self, name: &str) -> Option<&str> {
        self.request.query.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str())
    }
}

#[cfg(test)]
mod precondition_tests;
#[cfg(test)]
mod tests;
