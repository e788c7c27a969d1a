//! Reduces an answer to what two correct API servers must agree on: uids, times, addresses, ports and names that no request
//! held become stand-ins, and resourceVersions the order in which an object showed them. The recordings were reduced alike.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use fancy_regex::{Captures, Regex};
use serde_json::{Value, json};

static UID: LazyLock<Regex> = LazyLock::new(|| regex("[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"));
static TIME: LazyLock<Regex> = LazyLock::new(|| regex(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)"));
static STORAGE_ERROR: LazyLock<Regex> = LazyLock::new(|| regex(r"StorageError: invalid object, Code: 4, Key: \S+, "));
static VERSION: LazyLock<Regex> =
    LazyLock::new(|| regex(r"(ResourceVersion in record \(|too old resource version: \d+ \(|current: )\d+"));
static DIFF: LazyLock<Regex> = LazyLock::new(|| {
    let more = r", \w[\w.\[\]]*: (?:Invalid|Required|Forbidden|Unsupported|Duplicate|Not found|Too )";
    regex(&format!(r"(?s)\n@@ .*?(?={more}|\]?\z)"))
});
static DUMP: LazyLock<Regex> = LazyLock::new(|| regex(r#"(?s)Invalid value: (?:\{.*?\}|"\{.*?\}"): "#));
static NODE_PORT: LazyLock<Regex> = LazyLock::new(|| regex(r":(\d+)/"));
const SUFFIX: &str = "bcdfghjklmnpqrstvwxz2456789";
const SUFFIX_LENGTH: usize = 5;
const GENERATE_NAME_KEPT: usize = 58;
const AGE_COLUMNS: [&str; 5] = ["Age", "Last Seen", "First Seen", "Last Schedule", "Duration"];

fn regex(pattern: &str) -> Regex {
    Regex::new(pattern).expect("the pattern is a constant")
}

fn replace(pattern: &Regex, text: &str, with: impl Fn(&Captures<'_>) -> String) -> String {
    pattern.replace_all(text, |c: &Captures<'_>| with(c)).into_owned()
}

/// A message without the parts that only the Go types behind it can spell: diffs and dumps.
fn error_text(message: &str) -> String {
    let message = replace(&DIFF, message, |_| String::new());
    replace(&DUMP, &message, |_| "Invalid value: {...}: ".to_owned())
}

/// Normalises the answers of one case, in order.
pub(crate) struct Normal {
    /// The text of all requests: what it holds was not made up.
    sent: String,
    keeps_managed_fields: bool,
    versions: BTreeMap<String, Vec<String>>,
}

impl Normal {
    pub(crate) fn new(case: &str, sent: &str) -> Self {
        Self { sent: sent.to_owned(), keeps_managed_fields: case.starts_with("ssa-"), versions: BTreeMap::new() }
    }

    pub(crate) fn answer(&mut self, answer: &Value) -> Value {
        let warnings: Vec<String> = answer["warnings"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|w| self.text(w.as_str().unwrap_or_default()))
            .collect();
        let body = self.value(answer["body"].clone(), "", None);
        json!({"step": answer["step"], "code": answer["code"], "warnings": warnings, "body": body})
    }

    fn unless_sent(&self, pattern: &Regex, text: &str, stand_in: &str) -> String {
        replace(pattern, text, |c| if self.sent.contains(&c[0]) { c[0].to_owned() } else { stand_in.to_owned() })
    }

    fn text(&self, text: &str) -> String {
        let text = self.unless_sent(&UID, text, "<uid>");
        let text = self.unless_sent(&TIME, &text, "<time>");
        let text = replace(&STORAGE_ERROR, &text, |_| "StorageError: ".to_owned());
        replace(&VERSION, &text, |c| format!("{}<rv>", &c[1]))
    }

    fn version(&mut self, meta: &Value, kind: Option<&str>) -> String {
        let of = |key: &str| meta[key].as_str().unwrap_or_default().to_owned();
        let key = match of("uid") {
            uid if uid.is_empty() => format!("{kind:?}/{}/{}", of("namespace"), of("name")),
            uid => uid,
        };
        let (seen, version) = (self.versions.entry(key).or_default(), of("resourceVersion"));
        let place = seen.iter().position(|s| *s == version).unwrap_or_else(|| {
            seen.push(version);
            seen.len() - 1
        });
        format!("<rv:{}>", place + 1)
    }

    fn meta(&mut self, meta: &mut Value, kind: Option<&str>) {
        let has = |meta: &Value, key: &str| meta[key].as_str().is_some_and(|t| !t.is_empty());
        if has(meta, "resourceVersion") {
            let shown = if has(meta, "name") { self.version(meta, kind) } else { "<rv>".to_owned() };
            meta["resourceVersion"] = json!(shown);
        }
        if has(meta, "continue") {
            meta["continue"] = json!("<token>");
        }
        let base: String = meta["generateName"].as_str().unwrap_or_default().chars().take(GENERATE_NAME_KEPT).collect();
        let made = meta["name"].as_str().unwrap_or_default().strip_prefix(base.as_str()).unwrap_or_default();
        if !base.is_empty() && made.len() == SUFFIX_LENGTH && made.chars().all(|c| SUFFIX.contains(c)) {
            meta["name"] = json!(format!("{base}*"));
        }
        let Some(map) = meta.as_object_mut() else { return };
        map.remove("selfLink");
        if !self.keeps_managed_fields {
            map.remove("managedFields");
        } else if let Some(list) = map.get_mut("managedFields").and_then(Value::as_array_mut) {
            let key = |m: &Value| {
                ["manager", "operation", "subresource", "apiVersion"].map(|k| m[k].as_str().unwrap_or("").to_owned())
            };
            list.sort_by_key(key);
        }
    }

    fn value(&mut self, value: Value, key: &str, kind: Option<&str>) -> Value {
        match value {
            Value::Object(mut map) => {
                let own = map.get("kind").and_then(Value::as_str).or(kind).map(str::to_owned);
                let mut object = Value::Object(std::mem::take(&mut map));
                self.whole(&mut object, own.as_deref());
                let Value::Object(map) = object else { return Value::Null };
                map.into_iter()
                    .map(|(k, v)| {
                        let inner = if k == "metadata" { own.as_deref() } else { None };
                        let v = self.value(v, &k, inner);
                        (k, v)
                    })
                    .collect()
            }
            Value::Array(list) => list.into_iter().map(|v| self.value(v, key, None)).collect(),
            Value::String(text) => {
                let is_address = matches!(key, "clusterIP" | "clusterIPs" | "ip");
                if is_address && !matches!(text.as_str(), "" | "None") && !self.sent.contains(&text) {
                    return json!("<ip>");
                }
                json!(self.text(&text))
            }
            Value::Number(number) if matches!(key, "nodePort" | "healthCheckNodePort") => {
                if self.sent.contains(&number.to_string()) { Value::Number(number) } else { json!("<port>") }
            }
            other => other,
        }
    }

    /// What is normalised of an object as a whole, before its parts.
    fn whole(&mut self, object: &mut Value, kind: Option<&str>) {
        match kind {
            Some("APIResourceList") => {
                for resource in object.get_mut("resources").and_then(Value::as_array_mut).into_iter().flatten() {
                    resource.as_object_mut().map(|r| r.remove("storageVersionHash"));
                }
            }
            Some("Table") => self.table(object),
            _ => {}
        }
        if object.get("metadata").is_some_and(Value::is_object) {
            let mut meta = object["metadata"].take();
            self.meta(&mut meta, kind);
            object["metadata"] = meta;
        }
        if kind == Some("Status") {
            if let Some(message) = object.get("message").and_then(Value::as_str).map(error_text) {
                object["message"] = json!(message);
            }
            let causes = object.pointer_mut("/details/causes").and_then(Value::as_array_mut);
            for cause in causes.into_iter().flatten() {
                if let Some(message) = cause.get("message").and_then(Value::as_str).map(error_text) {
                    cause["message"] = json!(message);
                }
            }
        }
    }

    fn table(&self, table: &mut Value) {
        let definitions = table["columnDefinitions"].as_array().cloned().unwrap_or_default();
        let names: Vec<String> = definitions.iter().map(|c| c["name"].as_str().unwrap_or("").to_owned()).collect();
        for column in table.get_mut("columnDefinitions").and_then(Value::as_array_mut).into_iter().flatten() {
            column.as_object_mut().map(|c| c.remove("description"));
        }
        for row in table.get_mut("rows").and_then(Value::as_array_mut).into_iter().flatten() {
            for (index, name) in names.iter().enumerate() {
                let cell = &mut row["cells"][index];
                let shown = cell.as_str().map_or_else(|| cell.to_string(), str::to_owned);
                let empty = cell.is_null() || shown.is_empty() || shown == "<none>";
                if AGE_COLUMNS.contains(&name.as_str()) && !empty && shown != "<unknown>" {
                    *cell = json!("<age>");
                }
                let is_address = matches!(name.as_str(), "Cluster-IP" | "IP");
                if is_address && !empty && shown != "None" && !self.sent.contains(&shown) {
                    *cell = json!("<ip>");
                }
                if name == "Port(s)" {
                    let text = replace(&NODE_PORT, &shown, |c| {
                        if self.sent.contains(&c[1]) { c[0].to_owned() } else { ":<port>/".to_owned() }
                    });
                    *cell = json!(text);
                }
            }
        }
    }
}

/// Collects where two values differ; `<varies>` in what is wanted matches anything.
pub(crate) fn differ(path: &str, want: Option<&Value>, got: Option<&Value>, out: &mut Vec<String>) {
    if want == got || want.is_some_and(|w| w == "<varies>") {
        return;
    }
    match (want, got) {
        (Some(Value::Object(want)), Some(Value::Object(got))) => {
            let keys: std::collections::BTreeSet<&String> = want.keys().chain(got.keys()).collect();
            for key in keys {
                differ(&format!("{path}.{key}"), want.get(key), got.get(key), out);
            }
        }
        (Some(Value::Array(want)), Some(Value::Array(got))) if want.len() == got.len() => {
            for (index, (want, got)) in want.iter().zip(got).enumerate() {
                differ(&format!("{path}[{index}]"), Some(want), Some(got), out);
            }
        }
        _ => {
            let show = |v: Option<&Value>| v.map_or_else(|| "<absent>".to_owned(), Value::to_string);
            out.push(format!("{path}: want {}, got {}", show(want), show(got)));
        }
    }
}
