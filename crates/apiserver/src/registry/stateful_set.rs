//! StatefulSets. Mirrors pkg/registry/apps/statefulset/strategy.go (v1.36).

use k8s_openapi::api::apps::v1::StatefulSet as Api;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use seatrial_api::StatefulSet;
use seatrial_api::field::ErrorList;
use seatrial_api::selector::Selector;
use serde_json::Value;

use crate::endpoints::Scale;
use crate::strategy::Strategy;
use crate::{defaults, validation};

impl Strategy for StatefulSet {
    const HAS_STATUS: bool = true;
    const HAS_SCALE: bool = true;
    const VALIDATES_AS_PREPARED: bool = true;

    fn after_decode(raw: &Value, api: &mut Api) {
        if let Some(spec) = &mut api.spec {
            validation::keep_empty_selector(raw.pointer("/spec/selector"), &mut spec.selector);
        }
    }

    fn set_defaults(api: &mut Api) {
        defaults::set_defaults_stateful_set(api);
    }

    fn prepare_for_create(&mut self) {
        self.body.status = None;
        print_available_replicas(self);
        self.meta.generation = 1;
        drop_max_unavailable(self);
    }

    fn prepare_for_update(&mut self, old: &Self) {
        self.body.status.clone_from(&old.body.status);
        if max_unavailable(old).is_none() {
            drop_max_unavailable(self);
        }
        if self.body.spec != old.body.spec {
            self.meta.generation += 1;
        }
    }

    fn prepare_for_status_update(&mut self, old: &Self) {
        self.body.spec.clone_from(&old.body.spec);
        print_available_replicas(self);
    }

    fn validate(api: &Api) -> ErrorList {
        validation::validate_stateful_set(api)
    }

    fn validate_update(new: &Api, old: &Api) -> ErrorList {
        validation::validate_stateful_set_update(new, old)
    }

    fn validate_status_update(new: &Api, old: &Api) -> ErrorList {
        validation::validate_stateful_set_status_update(new, old)
    }

    fn warnings_on_create(api: &Api) -> Vec<String> {
        validation::warnings_for_stateful_set(api, None)
    }

    fn warnings_on_update(new: &Api, old: &Api) -> Vec<String> {
        validation::warnings_for_stateful_set(new, Some(old))
    }

    fn scale(&self) -> Scale {
        let spec = self.body.spec.clone().unwrap_or_default();
        Scale {
            replicas: spec.replicas.unwrap_or_default(),
            status_replicas: self.body.status.as_ref().map_or(0, |status| status.replicas),
            selector: Selector::from_label_selector(&spec.selector).map(|s| s.to_string()).unwrap_or_default(),
        }
    }

    fn set_replicas(&mut self, replicas: i32) {
        self.body.spec.get_or_insert_default().replicas = Some(replicas);
    }
}

fn max_unavailable(set: &StatefulSet) -> Option<&IntOrString> {
    let strategy = set.body.spec.as_ref()?.update_strategy.as_ref()?;
    strategy.rolling_update.as_ref()?.max_unavailable.as_ref()
}

/// The count of available pods is printed when it is 0, unlike the others.
fn print_available_replicas(set: &mut StatefulSet) {
    let status = set.body.status.get_or_insert_default();
    if status.available_replicas.is_none() {
        status.available_replicas = Some(0);
    }
}

/// The feature gate `MaxUnavailableStatefulSet` is off. Mirrors `dropStatefulSetDisabledFields`.
fn drop_max_unavailable(set: &mut StatefulSet) {
    if max_unavailable(set).is_none() {
        return;
    }
    let strategy = set.body.spec.as_mut().and_then(|spec| spec.update_strategy.as_mut());
    if let Some(update) = strategy.and_then(|strategy| strategy.rolling_update.as_mut()) {
        update.max_unavailable = None;
    }
}
