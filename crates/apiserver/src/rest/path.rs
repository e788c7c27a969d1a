//! Which resource a path names.
//!
//! Mirrors k8s.io/apiserver/pkg/endpoints/request (`RequestInfoFactory`) and the routes that installer.go makes (v1.36).

use seatrial_api::{ApiError, Kind};

use super::view::View;
use super::{Response, discovery};

/// What a path leads to.
#[derive(Debug)]
pub(crate) enum Route {
    /// `/version`
    Version,
    /// `/healthz`, `/livez`, `/readyz`
    Health,
    /// A page that lists what is served.
    Discovery(discovery::Page),
    /// A resource.
    Resource(Target),
}

/// A resource that a path names.
#[derive(Debug)]
pub(crate) struct Target {
    /// The kind.
    pub(crate) kind: Kind,
    /// The version in which it is asked for.
    pub(crate) view: View,
    /// The namespace in the path; empty for all namespaces and for kinds that live in none.
    pub(crate) namespace: String,
    /// The name, where one object is meant.
    pub(crate) name: Option<String>,
    /// The part of the object that is meant.
    pub(crate) subresource: Option<Part>,
    /// Whether the path starts with `watch/`, as it did before `?watch=true`.
    pub(crate) watch: bool,
    /// Whether this is the old `bindings` collection: a POST that names its pod in the body.
    pub(crate) bindings: bool,
}

/// A subresource.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    Status,
    Scale,
    Finalize,
    Binding,
    Eviction,
    EphemeralContainers,
    Resize,
}

impl Part {
    /// The part of a kind with a name in the path, if the kind has it.
    fn of(kind: Kind, name: &str) -> Option<Self> {
        discovery::subresources(kind).into_iter().find(|part| part.name() == name)
    }

    /// Its name in the path.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Status => "status",
            Self::Scale => "scale",
            Self::Finalize => "finalize",
            Self::Binding => "binding",
            Self::Eviction => "eviction",
            Self::EphemeralContainers => "ephemeralcontainers",
            Self::Resize => "resize",
        }
    }

    /// The methods it takes.
    fn methods(self) -> &'static [&'static str] {
        match self {
            Self::Status | Self::Scale | Self::EphemeralContainers | Self::Resize => &["GET", "PUT", "PATCH"],
            Self::Finalize => &["PUT"],
            Self::Binding | Self::Eviction => &["POST"],
        }
    }
}

impl Target {
    /// Whether a path takes a method.
    pub(crate) fn allows(&self, method: &str) -> bool {
        if let Some(part) = self.subresource {
            return part.methods().contains(&method);
        }
        if self.bindings {
            return method == "POST";
        }
        if self.watch {
            return method == "GET";
        }
        match (method, &self.name) {
            ("GET", _) | ("PUT" | "PATCH" | "DELETE", Some(_)) => true,
            ("POST", None) => !self.kind.info().namespaced || !self.namespace.is_empty(),
            ("DELETE", None) => {
                self.kind != Kind::Namespace && (!self.kind.info().namespaced || !self.namespace.is_empty())
            }
            _ => false,
        }
    }
}

/// Finds what a path names; where it names nothing, the server's own answer.
pub(crate) fn route(path: &str) -> Result<Route, Response> {
    let segments: Vec<String> = path.split('/').filter(|s| !s.is_empty()).map(percent_decoded).collect();
    let parts: Vec<&str> = segments.iter().map(String::as_str).collect();
    let page = |page| Ok(Route::Discovery(page));
    match parts.as_slice() {
        ["version"] => Ok(Route::Version),
        ["healthz" | "livez" | "readyz", ..] => Ok(Route::Health),
        ["api"] => page(discovery::Page::CoreVersions),
        ["apis"] => page(discovery::Page::Groups),
        ["apis", group] if discovery::has_group(group) => page(discovery::Page::Group((*group).to_owned())),
        ["api", "v1"] => page(discovery::Page::Resources(String::new(), "v1".to_owned())),
        ["apis", group, version] if discovery::has_version(group, version) => {
            page(discovery::Page::Resources((*group).to_owned(), (*version).to_owned()))
        }
        ["api", "v1", rest @ ..] => resource("", "v1", rest).map(Route::Resource).ok_or_else(status_not_found),
        ["api", ..] => Err(status_not_found()),
        ["apis", group, version, rest @ ..] if discovery::has_version(group, version) => {
            resource(group, version, rest).map(Route::Resource).ok_or_else(status_not_found)
        }
        ["apis", group, ..] if discovery::has_group(group) => Err(status_not_found()),
        _ => Err(Response::text(404, "404 page not found\n")),
    }
}

fn status_not_found() -> Response {
    ApiError::path_not_found().into()
}

/// Reads what follows `/api/v1/` or `/apis/GROUP/VERSION/`.
fn resource(group: &str, version: &str, parts: &[&str]) -> Option<Target> {
    let (watch, parts) = match parts {
        ["watch", rest @ ..] if !rest.is_empty() => (true, rest),
        _ => (false, parts),
    };
    let (namespace, parts) = match parts {
        // `namespaces/NAME/status` is a part of the namespace itself.
        ["namespaces", _] | ["namespaces", _, "status" | "finalize"] => ("", parts),
        ["namespaces", namespace, rest @ ..] => (*namespace, rest),
        _ => ("", parts),
    };
    let (plural, rest) = parts.split_first()?;
    let bindings = group.is_empty() && *plural == "bindings" && rest.is_empty() && !namespace.is_empty();
    let (kind, view) = if bindings { (Kind::Pod, View::Stored) } else { View::find(group, version, plural)? };
    if !kind.info().namespaced && !namespace.is_empty() {
        return None;
    }
    let (name, part) = match rest {
        [] => (None, None),
        [name] => (Some((*name).to_owned()), None),
        [name, part] => (Some((*name).to_owned()), Some(Part::of(kind, part)?)),
        _ => return None,
    };
    if kind.info().namespaced && namespace.is_empty() && name.is_some() {
        return None;
    }
    Some(Target { kind, view, namespace: namespace.to_owned(), name, subresource: part, watch, bindings })
}

/// Undoes `%2F` and the like; what is no escape stays as it is.
fn percent_decoded(segment: &str) -> String {
    if !segment.contains('%') {
        return segment.to_owned();
    }
    let bytes = segment.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut index = 0;
    while index < bytes.len() {
        let hex = segment.get(index + 1..index + 3).and_then(|digits| u8::from_str_radix(digits, 16).ok());
        match hex.filter(|_| bytes[index] == b'%') {
            Some(byte) => {
                decoded.push(byte);
                index += 3;
            }
            None => {
                decoded.push(bytes[index]);
                index += 1;
            }
        }
    }
    String::from_utf8_lossy(&decoded).into_owned()
}
