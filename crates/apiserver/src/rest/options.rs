//! The query parameters of reads and writes, and what is wrong with them.
//!
//! Mirrors apimachinery/pkg/apis/meta/internalversion/validation and pkg/apis/meta/v1/validation (v1.36).

use seatrial_api::field::{BadValue, Error, ErrorList, Path};
use seatrial_api::selector::{FieldSelector, Selector};
use seatrial_api::{ApiError, GroupKind};

use super::Call;
use super::view::View;
use crate::decode::FieldValidation;
use crate::server::RequestInfo;

/// How long a field manager's name may be, in bytes.
const FIELD_MANAGER_BYTES_MAX: usize = 128;

/// What a write is asked for. Mirrors `metav1.CreateOptions`, `UpdateOptions` and `PatchOptions`.
#[derive(Clone, Debug)]
pub(crate) struct WriteOptions {
    /// Whether everything is done but the writing.
    pub(crate) dry_run: bool,
    /// What becomes of fields that the kind does not have.
    pub(crate) field_validation: FieldValidation,
    /// Who writes: the named field manager, or the first part of the user agent.
    pub(crate) manager: String,
    /// Whether an apply takes fields from other managers.
    pub(crate) force: bool,
}

impl WriteOptions {
    /// Reads the options of a POST, PUT or PATCH.
    ///
    /// # Errors
    /// 422 with the options' own kind.
    pub(crate) fn of(call: &Call<'_>) -> Result<Self, ApiError> {
        let is_apply = super::write::is_apply(call);
        let kind = match call.request.method {
            "POST" => "CreateOptions",
            "PUT" => "UpdateOptions",
            _ => "PatchOptions",
        };
        let manager = call.query("fieldManager").unwrap_or_default();
        let force = call.query("force").map(is_true);
        let mut errs = ErrorList::new();
        if is_apply && manager.is_empty() {
            errs.push(Error::required(&Path::new("fieldManager"), "is required for apply patch"));
        }
        if !is_apply && force.is_some() && kind == "PatchOptions" {
            errs.push(Error::forbidden(&Path::new("force"), "may not be specified for non-apply patch"));
        }
        validate_field_manager(&mut errs, manager);
        let dry_run = validate_dry_run(&mut errs, call);
        let field_validation = validate_field_validation(&mut errs, call);
        if !errs.is_empty() {
            return Err(ApiError::invalid(&GroupKind::new_static("meta.k8s.io", kind), "", errs));
        }
        let agent = call.request.user_agent.split('/').next().unwrap_or_default();
        let manager = if manager.is_empty() { agent } else { manager };
        Ok(Self { dry_run, field_validation, manager: manager.to_owned(), force: force.unwrap_or(false) })
    }

    /// The request that the typed functions take.
    pub(crate) fn request<'a>(&'a self, call: &Call<'_>) -> RequestInfo<'a> {
        RequestInfo {
            dry_run: self.dry_run,
            field_validation: self.field_validation,
            force: self.force,
            events_v1: call.target.view == View::EventsV1,
            ..RequestInfo::new(call.now, &self.manager)
        }
    }
}

fn validate_field_manager(errs: &mut ErrorList, manager: &str) {
    let path = Path::new("fieldManager");
    if manager.len() > FIELD_MANAGER_BYTES_MAX {
        errs.push(Error::too_long(&path, FIELD_MANAGER_BYTES_MAX));
    }
    // Go's unicode.IsPrint: no control characters, and of the spaces only the plain one.
    if let Some(index) = manager.find(|c: char| c.is_control() || (c.is_whitespace() && c != ' ')) {
        let detail = format!(
            "invalid character U+{:04X} (at position {index})",
            manager[index..].chars().next().map_or(0, u32::from)
        );
        errs.push(Error::invalid(&path, manager, detail));
    }
}

/// Mirrors `ValidateDryRun`: the only value is `All`.
pub(crate) fn validate_dry_run(errs: &mut ErrorList, call: &Call<'_>) -> bool {
    let values: Vec<&str> = call.request.query.iter().filter(|(n, _)| n == "dryRun").map(|(_, v)| v.as_str()).collect();
    if values.iter().any(|v| *v != "All") {
        errs.push(Error::not_supported(&Path::new("dryRun"), BadValue::json(&values), &["All"]));
    }
    !values.is_empty()
}

fn validate_field_validation(errs: &mut ErrorList, call: &Call<'_>) -> FieldValidation {
    match call.query("fieldValidation").unwrap_or_default() {
        "" | "Warn" => FieldValidation::Warn,
        "Ignore" => FieldValidation::Ignore,
        "Strict" => FieldValidation::Strict,
        other => {
            let supported = ["", "Ignore", "Strict", "Warn"];
            errs.push(Error::not_supported(&Path::new("fieldValidation"), other, &supported));
            FieldValidation::Warn
        }
    }
}

/// What a list or watch is asked for. Mirrors `metainternalversion.ListOptions`.
#[derive(Clone, Debug, Default)]
pub(crate) struct ListOptions {
    pub(crate) labels: Option<Selector>,
    pub(crate) fields: FieldSelector,
    pub(crate) watch: bool,
    pub(crate) allow_watch_bookmarks: bool,
    /// As it was sent; empty for none.
    pub(crate) resource_version: String,
    pub(crate) resource_version_match: String,
    pub(crate) timeout_seconds: Option<u64>,
    pub(crate) limit: usize,
    pub(crate) continue_: String,
    pub(crate) send_initial_events: Option<bool>,
}

impl ListOptions {
    /// Reads and checks the options of a list or watch.
    ///
    /// # Errors
    /// 400 for what cannot be read, 422 for what does not go together.
    pub(crate) fn of(call: &Call<'_>) -> Result<Self, ApiError> {
        let text = |name: &str| call.query(name).unwrap_or_default().to_owned();
        let flag = |name: &str| call.query(name).map(is_true);
        let mut options = Self {
            watch: flag("watch").unwrap_or(false) || call.target.watch,
            allow_watch_bookmarks: flag("allowWatchBookmarks").unwrap_or(false),
            resource_version: text("resourceVersion"),
            resource_version_match: text("resourceVersionMatch"),
            timeout_seconds: number(call, "timeoutSeconds")?.map(|n| u64::try_from(n).unwrap_or(0)),
            limit: number(call, "limit")?.and_then(|n| usize::try_from(n).ok()).unwrap_or(0),
            continue_: text("continue"),
            send_initial_events: flag("sendInitialEvents"),
            ..Self::default()
        };
        let labels = text("labelSelector");
        if !labels.is_empty() {
            options.labels = Some(Selector::parse(&labels).map_err(ApiError::bad_request)?);
        }
        options.fields = FieldSelector::parse(&text("fieldSelector")).map_err(ApiError::bad_request)?;
        let errs = if options.watch { options.validate_watch() } else { options.validate_list() };
        if errs.is_empty() {
            super::fields::check(call.target, &options.fields)?;
            return Ok(options);
        }
        Err(ApiError::invalid(&GroupKind::new_static("meta.k8s.io", "ListOptions"), "", errs))
    }

    fn validate_list(&self) -> ErrorList {
        let mut errs = ErrorList::new();
        let path = Path::new("resourceVersionMatch");
        let matching = self.resource_version_match.as_str();
        if !matching.is_empty() {
            if self.resource_version.is_empty() {
                let detail = "resourceVersionMatch is forbidden unless resourceVersion is provided";
                errs.push(Error::forbidden(&path, detail));
            }
            if !self.continue_.is_empty() {
                let detail = "resourceVersionMatch is forbidden when continue is provided";
                errs.push(Error::forbidden(&path, detail));
            }
            if !matches!(matching, "Exact" | "NotOlderThan") {
                errs.push(Error::not_supported(&path, matching, &["Exact", "NotOlderThan", ""]));
            }
            if matching == "Exact" && self.resource_version == "0" {
                let detail = "resourceVersionMatch \"exact\" is forbidden for resourceVersion \"0\"";
                errs.push(Error::forbidden(&path, detail));
            }
        }
        if self.send_initial_events.is_some() {
            let path = Path::new("sendInitialEvents");
            errs.push(Error::forbidden(&path, "sendInitialEvents is forbidden for list"));
        }
        errs
    }

    fn validate_watch(&self) -> ErrorList {
        let mut errs = ErrorList::new();
        let path = Path::new("resourceVersionMatch");
        let matching = self.resource_version_match.as_str();
        if self.send_initial_events.is_some() {
            if matching != "NotOlderThan" {
                let detail = "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan";
                errs.push(Error::forbidden(&path, detail));
            }
            if !self.continue_.is_empty() {
                let detail = "sendInitialEvents is forbidden when continue is provided";
                errs.push(Error::forbidden(&Path::new("continue"), detail));
            }
        }
        if matching.is_empty() {
            return errs;
        }
        if self.send_initial_events.is_none() {
            let detail = "resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided";
            errs.push(Error::forbidden(&path, detail));
        }
        if matching != "NotOlderThan" && self.send_initial_events.is_none() {
            errs.push(Error::not_supported(&path, matching, &["NotOlderThan"]));
        }
        if !self.continue_.is_empty() {
            errs.push(Error::forbidden(&path, "resourceVersionMatch is forbidden when continue is provided"));
        }
        errs
    }

    /// Whether nothing is selected by labels or fields.
    pub(crate) fn selects_all(&self) -> bool {
        self.fields.is_everything() && self.labels.as_ref().is_none_or(Selector::is_everything)
    }
}

/// A boolean of a query: everything but `false` and `0` means true. Mirrors `Convert_Slice_string_To_bool`.
pub(crate) fn is_true(text: &str) -> bool {
    !(text == "0" || text.eq_ignore_ascii_case("false"))
}

/// A whole number of a query.
///
/// # Errors
/// 400 with the text of Go's `strconv`.
pub(crate) fn number(call: &Call<'_>, name: &str) -> Result<Option<i64>, ApiError> {
    let Some(text) = call.query(name).filter(|t| !t.is_empty()) else { return Ok(None) };
    let failed = |why: &str| ApiError::bad_request(format!("strconv.ParseInt: parsing {text:?}: {why}"));
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return Err(failed("invalid syntax"));
    }
    text.parse().map(Some).map_err(|_| failed("value out of range"))
}

/// A resourceVersion of a query; `None` where none is given or it is 0.
///
/// # Errors
/// The text of upstream's `ParseResourceVersion`.
pub(crate) fn parse_resource_version(text: &str) -> Result<u64, String> {
    if text.is_empty() {
        return Ok(0);
    }
    let why = if text.bytes().all(|b| b.is_ascii_digit()) { "value out of range" } else { "invalid syntax" };
    let error = |_| {
        let path = Path::new("resourceVersion");
        let detail = format!("strconv.ParseUint: parsing {text:?}: {why}");
        Error::invalid(&path, text, detail).to_string()
    };
    if text.starts_with('+') {
        return "x".parse::<u64>().map_err(error);
    }
    text.parse().map_err(error)
}
