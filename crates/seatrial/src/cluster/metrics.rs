//! Metrics that no pod of the cluster tells, given by whoever drives it.

use seatrial_api::quantity::Quantity;
use seatrial_api::{ApiError, NamespacedName, StrMap};
use seatrial_machinery::{ExternalMetric, ObjectMetric};

use super::reads::parse_target;
use super::{Cluster, Error};

impl Cluster {
    /// A custom metric of an object, named `kind/name`, has a value from now on: `250m`, `3`.
    ///
    /// # Errors
    /// A target that is none; a value that is no quantity.
    pub fn set_object_metric(&mut self, target: &str, metric: &str, value: &str) -> Result<(), Error> {
        let key = parse_target(target, self.namespace())?;
        let milli = milli_of(value)?;
        let kind = key.kind.info().kind.to_owned();
        let object = NamespacedName { namespace: key.namespace, name: key.name };
        let metrics = &mut self.informers.metrics.objects;
        metrics.retain(|m| (&m.kind, &m.object, m.metric.as_str()) != (&kind, &object, metric));
        metrics.push(ObjectMetric { kind, object, metric: metric.to_owned(), milli });
        Ok(())
    }

    /// An external metric with labels has a value from now on.
    ///
    /// # Errors
    /// A value that is no quantity.
    pub fn set_external_metric(&mut self, metric: &str, labels: &[(&str, &str)], value: &str) -> Result<(), Error> {
        let milli = milli_of(value)?;
        let mut own = StrMap::default();
        for (key, value) in labels {
            own.insert(*key, *value);
        }
        let metrics = &mut self.informers.metrics.external;
        metrics.retain(|m| m.metric != metric || m.labels != own);
        metrics.push(ExternalMetric { metric: metric.to_owned(), labels: own, milli });
        Ok(())
    }
}

fn milli_of(value: &str) -> Result<i64, ApiError> {
    let quantity = Quantity::parse(value).map_err(|error| ApiError::bad_request(format!("{value:?}: {error}")))?;
    Ok(quantity.milli_value())
}
