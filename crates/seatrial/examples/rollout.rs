//! A rollout unit test as a user would write it: an update never leaves fewer than three pods available.
//!
//! Run it with `cargo run -p seatrial --example rollout`.

use std::time::Duration;

use seatrial::{Cluster, Error};

const MANIFEST: &str = "
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 4
  minReadySeconds: 5
  strategy: {rollingUpdate: {maxSurge: 1, maxUnavailable: 1}}
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
        - name: web
          image: nginx:1
          readinessProbe: {httpGet: {port: 80}, initialDelaySeconds: 3}
";

fn main() -> Result<(), Error> {
    let mut cluster = Cluster::builder().nodes(3).seed(7).build();
    cluster.apply_yaml(MANIFEST)?;
    cluster.run_until(|c| c.rolled_out("web"), Duration::from_secs(600))?;

    cluster.always("never below three", |c| c.available("web") >= 3);
    cluster.set_image("deployment/web", "web", "nginx:2")?;
    cluster.run_until(|c| c.rolled_out("web"), Duration::from_secs(600))?;

    let images: Vec<_> =
        cluster.pods().into_iter().filter_map(|p| p.spec?.containers.into_iter().next()?.image).collect();
    assert_eq!(images, ["nginx:2"; 4]);
    Ok(())
}
