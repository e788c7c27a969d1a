//! The renewal of a Lease, which every kubelet does every ten seconds: a write of one time, by a shorter way than others.

use std::sync::Arc;

use seatrial_api::{ApiError, Kind, Lease, MicroTime, Slot};

use crate::errors::not_found;
use crate::server::{ApiServer, RequestInfo};

impl ApiServer {
    /// Renews a Lease as its holder does. `slot` is a guess at where it lies.
    ///
    /// # Errors
    /// As PUT: 404.
    pub fn renew_lease(
        &mut self,
        request: &RequestInfo<'_>,
        (namespace, name): (&str, &str),
        slot: Slot,
        time: MicroTime,
    ) -> Result<Arc<Lease>, ApiError> {
        let guess = self.store.at::<Lease>(slot).filter(|l| *l.meta.name == *name && *l.meta.namespace == *namespace);
        let found = guess.or_else(|| self.store.get_as::<Lease>(namespace, name));
        let old = found.ok_or_else(|| not_found(Kind::Lease, name))?;
        if old.body.renew_time == Some(time) {
            return Ok(Arc::clone(old));
        }
        let mut new = Lease::clone(old);
        new.body.spec.get_or_insert_default();
        new.body.renew_time = Some(time);
        if new.meta.is_deleting() {
            // It may be gone with this write.
            return self.update(request, new);
        }
        Ok(self.store.replace(new.meta.slot, new))
    }
}

#[cfg(test)]
mod tests {
    use seatrial_api::{LeaseBody, ObjectMeta, Time};

    use super::*;
    use crate::server::ApiServerOptions;

    /// Whatever the guess, a renewal is what an update would be.
    #[test]
    fn a_renewal_is_an_update_of_one_time() {
        let now = Time::from_unix(1_000_000);
        let request = RequestInfo::new(now, "kubelet");
        let mut server = ApiServer::new(ApiServerOptions::default());
        server.bootstrap(&request).expect("a new server");
        let place = ("default", "b");
        let missing = server.renew_lease(&request, place, Slot::NONE, now.into());
        assert!(missing.is_err_and(|error| error.is_not_found()));
        let lease = |name: &str| Lease {
            meta: ObjectMeta { name: name.into(), namespace: "default".into(), ..ObjectMeta::default() },
            body: LeaseBody::default(),
        };
        let slots = ["a", "b"].map(|name| server.create(&request, lease(name)).expect("a free name").meta.slot);
        for (second, slot) in [Slot::NONE, slots[0], slots[1], Slot::at(99)].into_iter().enumerate() {
            let time = MicroTime::from_unix_micros(second as i64 + 1);
            let mut wanted = Lease::clone(server.get::<Lease>("default", "b").expect("it is there"));
            wanted.body = LeaseBody { spec: Some(Default::default()), renew_time: Some(time) };
            let before = server.store().resource_version();
            let renewed = server.renew_lease(&request, place, slot, time).expect("it is there");
            wanted.meta.resource_version = before + 1;
            assert_eq!((&*renewed, server.store().resource_version()), (&wanted, before + 1), "{slot:?}");
            let again = server.renew_lease(&request, place, slot, time).expect("it is there");
            assert!(Arc::ptr_eq(&again, &renewed) && server.store().resource_version() == before + 1);
        }
        assert_eq!(server.get::<Lease>("default", "a").expect("it is there").body, LeaseBody::default());
    }
}
