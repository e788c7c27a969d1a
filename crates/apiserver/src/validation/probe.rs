//! Validation of probes and lifecycle hooks.
//!
//! Mirrors `validateProbe` and `validateHandler` in pkg/apis/core/validation (v1.36).

use k8s_openapi::api::core::v1::{
    ExecAction, GRPCAction, HTTPGetAction, Lifecycle, LifecycleHandler, Probe, SleepAction, TCPSocketAction,
};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use seatrial_api::field::{Error, ErrorList, Path};
use seatrial_api::names::{is_http_header_name, is_valid_port_name, is_valid_port_num};

use super::{invalid_each, invalid_number_each, items, text, validate_nonnegative_field};

/// Mirrors `validateLivenessProbe`.
pub(super) fn validate_liveness_probe(errs: &mut ErrorList, probe: &Probe, path: &Path<'_>) {
    validate_probe(errs, probe, path);
    validate_success_threshold_is_one(errs, probe, path);
}

/// Mirrors `validateStartupProbe`.
pub(super) fn validate_startup_probe(errs: &mut ErrorList, probe: &Probe, path: &Path<'_>) {
    validate_probe(errs, probe, path);
    validate_success_threshold_is_one(errs, probe, path);
}

/// Mirrors `validateReadinessProbe`.
pub(super) fn validate_readiness_probe(errs: &mut ErrorList, probe: &Probe, path: &Path<'_>) {
    validate_probe(errs, probe, path);
    if let Some(seconds) = probe.termination_grace_period_seconds {
        let path = path.child("terminationGracePeriodSeconds");
        errs.push(Error::invalid(&path, seconds, "must not be set for readinessProbes"));
    }
}

fn validate_success_threshold_is_one(errs: &mut ErrorList, probe: &Probe, path: &Path<'_>) {
    let threshold = probe.success_threshold.unwrap_or_default();
    if threshold != 1 {
        errs.push(Error::invalid(&path.child("successThreshold"), threshold, "must be 1"));
    }
}

/// Mirrors `validateProbe`.
fn validate_probe(errs: &mut ErrorList, probe: &Probe, path: &Path<'_>) {
    let handler = Handler {
        exec: probe.exec.as_ref(),
        http_get: probe.http_get.as_ref(),
        tcp_socket: probe.tcp_socket.as_ref(),
        grpc: probe.grpc.as_ref(),
        sleep: None,
    };
    validate_handler(errs, &handler, None, path);
    for (field, value) in [
        ("initialDelaySeconds", probe.initial_delay_seconds),
        ("timeoutSeconds", probe.timeout_seconds),
        ("periodSeconds", probe.period_seconds),
        ("successThreshold", probe.success_threshold),
        ("failureThreshold", probe.failure_threshold),
    ] {
        let value = i64::from(value.unwrap_or_default());
        validate_nonnegative_field(errs, value, &path.child(field));
    }
    if let Some(seconds) = probe.termination_grace_period_seconds.filter(|&seconds| seconds <= 0) {
        let path = path.child("terminationGracePeriodSeconds");
        errs.push(Error::invalid(&path, seconds, "must be greater than 0"));
    }
}

/// Mirrors `validateLifecycle`.
pub(super) fn validate_lifecycle(
    errs: &mut ErrorList,
    lifecycle: &Lifecycle,
    grace_period_seconds: Option<i64>,
    path: &Path<'_>,
) {
    let hooks = [("postStart", &lifecycle.post_start), ("preStop", &lifecycle.pre_stop)];
    for (field, hook) in hooks {
        let Some(LifecycleHandler { exec, http_get, sleep, tcp_socket }) = hook else { continue };
        let handler = Handler {
            exec: exec.as_ref(),
            http_get: http_get.as_ref(),
            tcp_socket: tcp_socket.as_ref(),
            grpc: None,
            sleep: sleep.as_ref(),
        };
        validate_handler(errs, &handler, grace_period_seconds, &path.child(field));
    }
}

/// The actions of a probe or hook, of which there has to be one. Mirrors `commonHandler`.
struct Handler<'a> {
    exec: Option<&'a ExecAction>,
    http_get: Option<&'a HTTPGetAction>,
    tcp_socket: Option<&'a TCPSocketAction>,
    grpc: Option<&'a GRPCAction>,
    sleep: Option<&'a SleepAction>,
}

/// Mirrors `validateHandler`.
fn validate_handler(errs: &mut ErrorList, handler: &Handler<'_>, grace_period_seconds: Option<i64>, path: &Path<'_>) {
    let mut has_one = false;
    let mut is_first = |errs: &mut ErrorList, field: &str| {
        if has_one {
            let detail = "may not specify more than 1 handler type";
            errs.push(Error::forbidden(&path.child(field), detail));
        }
        !std::mem::replace(&mut has_one, true)
    };
    if let Some(exec) = handler.exec
        && is_first(errs, "exec")
        && items(&exec.command).is_empty()
    {
        let path = path.child("exec");
        errs.push(Error::required(&path.child("command"), ""));
    }
    if let Some(http) = handler.http_get
        && is_first(errs, "httpGet")
    {
        validate_http_get_action(errs, http, &path.child("httpGet"));
    }
    if let Some(tcp) = handler.tcp_socket
        && is_first(errs, "tcpSocket")
    {
        let path = path.child("tcpSocket");
        validate_port_num_or_name(errs, &tcp.port, &path.child("port"));
    }
    if let Some(grpc) = handler.grpc
        && is_first(errs, "grpc")
    {
        let path = path.child("grpc");
        validate_port_num_or_name(errs, &IntOrString::Int(grpc.port), &path.child("port"));
    }
    if let Some(sleep) = handler.sleep
        && is_first(errs, "sleep")
    {
        validate_sleep_action(errs, sleep, grace_period_seconds, &path.child("sleep"));
    }
    if !has_one {
        errs.push(Error::required(path, "must specify a handler type"));
    }
}

/// Mirrors `validateHTTPGetAction`.
fn validate_http_get_action(errs: &mut ErrorList, http: &HTTPGetAction, path: &Path<'_>) {
    if text(&http.path).is_empty() {
        errs.push(Error::required(&path.child("path"), ""));
    }
    validate_port_num_or_name(errs, &http.port, &path.child("port"));
    let scheme = text(&http.scheme);
    super::validate_supported(errs, scheme, &["HTTP", "HTTPS"], &path.child("scheme"));
    for header in items(&http.http_headers) {
        let messages = is_http_header_name(&header.name);
        invalid_each(errs, &path.child("httpHeaders"), &header.name, messages);
    }
}

/// Mirrors `ValidatePortNumOrName`.
fn validate_port_num_or_name(errs: &mut ErrorList, port: &IntOrString, path: &Path<'_>) {
    match port {
        IntOrString::Int(number) => {
            invalid_number_each(errs, path, i64::from(*number), is_valid_port_num(*number));
        }
        IntOrString::String(name) => invalid_each(errs, path, name, is_valid_port_name(name)),
    }
}

/// Mirrors `validateSleepAction`.
fn validate_sleep_action(
    errs: &mut ErrorList,
    sleep: &SleepAction,
    grace_period_seconds: Option<i64>,
    path: &Path<'_>,
) {
    let Some(grace) = grace_period_seconds else { return };
    if sleep.seconds < 0 || sleep.seconds > grace {
        let detail = format!("must be non-negative and less than terminationGracePeriodSeconds ({grace})");
        errs.push(Error::invalid(path, sleep.seconds, detail));
    }
}
