//! Files of a volume that would lie on each other.
//!
//! Mirrors `warningsForOverlappingVirtualPaths` in pkg/api/pod/warnings.go (v1.36).

use std::fmt;

use k8s_openapi::api::core::v1::{DownwardAPIVolumeFile, KeyToPath, Volume, VolumeProjection};
use seatrial_api::field::quote;

use super::{items, text};

/// A path and where it comes from, where that has to be told.
#[derive(Clone, Debug, PartialEq, Eq)]
struct PathAndSource {
    path: String,
    source: String,
}

impl PathAndSource {
    fn new(path: &str, source: &str) -> Self {
        Self { path: path.trim_end_matches('/').to_owned(), source: source.to_owned() }
    }

    /// Whether one path is the other or lies in it.
    fn overlaps(&self, other: &Self) -> bool {
        let (own, others) = (format!("{}/", self.path), format!("{}/", other.path));
        !self.path.is_empty() && !other.path.is_empty() && (own.starts_with(&others) || others.starts_with(&own))
    }
}

impl fmt::Display for PathAndSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&quote(&self.path))?;
        if self.source.is_empty() { Ok(()) } else { write!(f, " ({})", self.source) }
    }
}

/// Mirrors `warningsForOverlappingVirtualPaths`.
pub(super) fn warnings_for_overlapping_virtual_paths(volumes: &[Volume]) -> Vec<String> {
    let mut warnings = Vec::new();
    for volume in volumes {
        let mut warn = |description: &str, paths: Vec<PathAndSource>| {
            for (index, path) in paths.iter().enumerate() {
                for earlier in paths[..index].iter().filter(|earlier| path.overlaps(earlier)) {
                    let name = quote(&volume.name);
                    warnings.push(format!("volume {name} ({description}): overlapping paths: {path} with {earlier}"));
                }
            }
        };
        if let Some(config_map) = &volume.config_map {
            warn(&format!("ConfigMap {}", quote(&config_map.name)), of_keys(items(&config_map.items), ""));
        }
        if let Some(secret) = &volume.secret {
            warn(&format!("Secret {}", quote(text(&secret.secret_name))), of_keys(items(&secret.items), ""));
        }
        if let Some(downward) = &volume.downward_api {
            warn("DownwardAPI", of_files(items(&downward.items), ""));
        }
        if let Some(projected) = &volume.projected {
            let sources = items(&projected.sources);
            warn("Projected", sources.iter().flat_map(of_projection).collect());
            let bare = sources.iter().filter(|source| **source == VolumeProjection::default()).count();
            warnings.extend(
                (0..bare).map(|_| format!("volume {} (Projected) has no sources provided", quote(&volume.name))),
            );
        }
    }
    warnings
}

fn of_keys(keys: &[KeyToPath], source: &str) -> Vec<PathAndSource> {
    keys.iter().map(|item| PathAndSource::new(&item.path, source)).collect()
}

fn of_files(files: &[DownwardAPIVolumeFile], source: &str) -> Vec<PathAndSource> {
    files.iter().map(|file| PathAndSource::new(&file.path, source)).collect()
}

/// The files of one source; upstream looks at the first of several.
fn of_projection(source: &VolumeProjection) -> Vec<PathAndSource> {
    if let Some(config_map) = source.config_map.as_ref().filter(|c| c.items.is_some()) {
        return of_keys(items(&config_map.items), &format!("ConfigMap {}", quote(&config_map.name)));
    }
    if let Some(secret) = source.secret.as_ref().filter(|s| s.items.is_some()) {
        return of_keys(items(&secret.items), &format!("Secret {}", quote(&secret.name)));
    }
    if let Some(downward) = source.downward_api.as_ref().filter(|d| d.items.is_some()) {
        return of_files(items(&downward.items), "DownwardAPI");
    }
    if let Some(token) = &source.service_account_token {
        return vec![PathAndSource::new(&token.path, "ServiceAccountToken")];
    }
    if let Some(bundle) = &source.cluster_trust_bundle {
        let name = bundle.name.as_deref().or(bundle.signer_name.as_deref()).unwrap_or_default();
        return vec![PathAndSource::new(&bundle.path, &format!("ClusterTrustBundle {}", quote(name)))];
    }
    let certificate = source.pod_certificate.as_ref();
    let paths = certificate.into_iter().flat_map(|certificate| {
        [
            (&certificate.certificate_chain_path, "PodCertificate chain"),
            (&certificate.key_path, "PodCertificate key"),
            (&certificate.credential_bundle_path, "PodCertificate credential bundle"),
        ]
    });
    paths
        .filter(|(path, _)| !text(path).is_empty())
        .map(|(path, source)| PathAndSource::new(text(path), source))
        .collect()
}
