//! Files made from ConfigMaps, Secrets and the pod itself.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1 as corev1;
use seatrial_api::{ConfigMap, Pod, Secret, Time};

use crate::cluster::Cluster;
use crate::exec::environment::{field_text, resource_text};
use crate::exec::files::{Entry, Tree, clean};

/// What stands in a token file: tokens of the simulator open nothing.
const TOKEN: &str = "token";

fn put(tree: &mut Tree, path: &str, bytes: Vec<u8>, time: Time) {
    tree.insert(clean(path), Entry { bytes: Some(bytes), time });
}

/// All keys, or those that items name, at their paths.
fn put_keys(tree: &mut Tree, data: &BTreeMap<String, Vec<u8>>, items: Option<&[corev1::KeyToPath]>, time: Time) {
    match items {
        Some(items) => {
            for item in items {
                if let Some(bytes) = data.get(&item.key) {
                    put(tree, &item.path, bytes.clone(), time);
                }
            }
        }
        None => data.iter().for_each(|(key, bytes)| put(tree, key, bytes.clone(), time)),
    }
}

/// The data of a ConfigMap.
pub(in crate::exec) fn config_map_data(cluster: &Cluster, namespace: &str, name: &str) -> BTreeMap<String, Vec<u8>> {
    let Ok(map) = cluster.server.get::<ConfigMap>(namespace, name) else { return BTreeMap::new() };
    let text = map.body.data.iter().flatten().map(|(key, value)| (key.clone(), value.clone().into_bytes()));
    let binary = map.body.binary_data.iter().flatten().map(|(key, value)| (key.clone(), value.0.clone()));
    text.chain(binary).collect()
}

/// The data of a Secret.
pub(in crate::exec) fn secret_data(cluster: &Cluster, namespace: &str, name: &str) -> BTreeMap<String, Vec<u8>> {
    let Ok(secret) = cluster.server.get::<Secret>(namespace, name) else { return BTreeMap::new() };
    secret.body.data.iter().flatten().map(|(key, value)| (key.clone(), value.0.clone())).collect()
}

pub(super) fn config_map(cluster: &Cluster, pod: &Pod, name: &str, items: Option<&[corev1::KeyToPath]>) -> Tree {
    let mut tree = Tree::new();
    put_keys(&mut tree, &config_map_data(cluster, &pod.meta.namespace, name), items, started(pod));
    tree
}

pub(super) fn secret(cluster: &Cluster, pod: &Pod, name: &str, items: Option<&[corev1::KeyToPath]>) -> Tree {
    let mut tree = Tree::new();
    put_keys(&mut tree, &secret_data(cluster, &pod.meta.namespace, name), items, started(pod));
    tree
}

pub(super) fn downward_api(pod: &Pod, items: &[corev1::DownwardAPIVolumeFile]) -> Tree {
    let mut tree = Tree::new();
    for item in items {
        let text = match (&item.field_ref, &item.resource_field_ref) {
            (Some(field), _) => field_text(pod, &field.field_path),
            (None, Some(resource)) => resource_text(pod, resource.container_name.as_deref(), resource),
            (None, None) => None,
        };
        put(&mut tree, &item.path, text.unwrap_or_default().into_bytes(), started(pod));
    }
    tree
}

pub(super) fn projected(cluster: &Cluster, pod: &Pod, sources: &[corev1::VolumeProjection]) -> Tree {
    let mut tree = Tree::new();
    for source in sources {
        if let Some(map) = &source.config_map {
            tree.extend(config_map(cluster, pod, &map.name, map.items.as_deref()));
        }
        if let Some(of) = &source.secret {
            tree.extend(secret(cluster, pod, &of.name, of.items.as_deref()));
        }
        if let Some(downward) = &source.downward_api {
            tree.extend(downward_api(pod, downward.items.as_deref().unwrap_or_default()));
        }
        if let Some(token) = &source.service_account_token {
            put(&mut tree, &token.path, TOKEN.as_bytes().to_vec(), started(pod));
        }
    }
    tree
}

fn started(pod: &Pod) -> Time {
    pod.status.start_time.unwrap_or_default()
}
