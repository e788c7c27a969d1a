//! A component's connection to the API server.

use std::sync::Arc;

use seatrial_api::{ApiError, Lease, MicroTime, Object, ObjectKey, Resource, Slot};
use seatrial_apiserver::{ApiServer, DeleteOptions, RequestInfo, Strategy};

use crate::clock::Clock;
use crate::event_text::EventText;
use crate::recorder::{EventRecorder, ObjectRef};

/// What a component needs to write: the server, the time, its name, and its event recorder.
#[derive(Debug)]
pub struct Client<'a> {
    server: &'a mut ApiServer,
    recorder: &'a mut EventRecorder,
    clock: Clock,
    component: &'static str,
    writes: u32,
}

impl<'a> Client<'a> {
    /// Connects a component.
    pub fn new(
        server: &'a mut ApiServer,
        recorder: &'a mut EventRecorder,
        clock: Clock,
        component: &'static str,
    ) -> Self {
        Self { server, recorder, clock, component, writes: 0 }
    }

    /// The time.
    pub fn clock(&self) -> Clock {
        self.clock
    }

    /// How many writes were made, events left out.
    pub fn writes(&self) -> u32 {
        self.writes
    }

    fn request(&self) -> RequestInfo<'static> {
        RequestInfo::new(self.clock.time(), self.component)
    }

    /// Reads an object from the API server and not from a cache.
    ///
    /// # Errors
    /// 404.
    pub fn get_live<R: Resource>(&self, namespace: &str, name: &str) -> Result<Arc<R>, ApiError> {
        self.server.get::<R>(namespace, name).cloned()
    }

    /// The object that lies at a slot now, which may be another than the one that was known there.
    pub fn live_at<R: Resource>(&self, slot: Slot) -> Option<&Arc<R>> {
        self.server.at(slot)
    }

    /// The object with a key, of whatever kind.
    pub fn lookup_live(&self, key: &ObjectKey) -> Option<Object> {
        self.server.store().get(key).cloned()
    }

    /// The API server, for reads beyond single objects.
    pub fn server(&self) -> &ApiServer {
        self.server
    }

    /// Creates an object.
    ///
    /// # Errors
    /// See [`ApiServer::create`].
    pub fn create<R: Strategy>(&mut self, object: R) -> Result<Arc<R>, ApiError> {
        self.counted(|server, request| server.create(request, object))
    }

    /// Replaces an object.
    ///
    /// # Errors
    /// See [`ApiServer::update`].
    pub fn update<R: Strategy>(&mut self, object: R) -> Result<Arc<R>, ApiError> {
        self.counted(|server, request| server.update(request, object))
    }

    /// Replaces an object of whatever kind.
    ///
    /// # Errors
    /// See [`ApiServer::update`].
    pub fn update_object(&mut self, object: &Object) -> Result<(), ApiError> {
        self.counted(|server, request| server.update_object(request, object)).map(drop)
    }

    /// Replaces an object's status.
    ///
    /// # Errors
    /// See [`ApiServer::update_status`].
    pub fn update_status<R: Strategy>(&mut self, object: R) -> Result<Arc<R>, ApiError> {
        self.counted(|server, request| server.update_status(request, object))
    }

    /// Renews a Lease that lies at a slot, as far as the caller knows.
    ///
    /// # Errors
    /// See [`ApiServer::renew_lease`].
    pub fn renew_lease(
        &mut self,
        namespace: &str,
        name: &str,
        slot: Slot,
        time: MicroTime,
    ) -> Result<Arc<Lease>, ApiError> {
        self.counted(|server, request| server.renew_lease(request, (namespace, name), slot, time))
    }

    /// Deletes an object.
    ///
    /// # Errors
    /// See [`ApiServer::delete`].
    pub fn delete(&mut self, key: &ObjectKey, options: &DeleteOptions) -> Result<(), ApiError> {
        self.counted(|server, request| server.delete(request, key, options)).map(drop)
    }

    /// Deletes the object that bears the name of one that was read.
    ///
    /// # Errors
    /// See [`ApiServer::delete_read`].
    pub fn delete_read<R: Strategy>(&mut self, read: &R, options: &DeleteOptions) -> Result<(), ApiError> {
        self.counted(|server, request| server.delete_read(request, read, options)).map(drop)
    }

    /// Any other write.
    ///
    /// # Errors
    /// What the call says.
    pub fn counted<T>(
        &mut self,
        call: impl FnOnce(&mut ApiServer, &RequestInfo<'_>) -> Result<T, ApiError>,
    ) -> Result<T, ApiError> {
        let request = self.request();
        let before = self.server.store().resource_version();
        let result = call(self.server, &request);
        self.writes += u32::from(self.server.store().resource_version() != before);
        result
    }

    /// Records an event about an object.
    pub fn event(&mut self, about: &ObjectRef<'_>, text: &EventText<'_>) {
        self.event_as(self.component, about, text);
    }

    /// Records an event for another component.
    pub fn event_as(&mut self, component: &'static str, about: &ObjectRef<'_>, text: &EventText<'_>) {
        self.recorder.event(self.server, self.clock, component, about, text);
    }
}
