//! The API server: typed calls for controllers and nodes, and what they share with the calls that users make.

use std::sync::Arc;

use k8s_openapi::Metadata;
use rustc_hash::FxHashMap;
use seatrial_api::field::Path;
use seatrial_api::{ApiError, Event, Kind, Namespace, NewEvent, Object, Resource, Str, Time, Uid};

use crate::admission::AdmissionState;
use crate::decode::FieldValidation;
use crate::errors::{self, not_found};
use crate::expiry::Expiries;
use crate::managedfields::same_but_times;
use crate::service::ServiceAllocators;
use crate::store::Store;
use crate::strategy::Strategy;
use crate::validation::validate_object_meta_update;

/// How often a name is made up before the server gives up. Mirrors `maxNameGenerationCreateAttempts`.
const GENERATE_NAME_ATTEMPTS_MAX: u32 = 8;
/// How much of `generateName` is kept. Mirrors `names.MaxGeneratedNameLength`.
const GENERATE_NAME_BASE_LENGTH_MAX: usize = 58;
/// The letters of made-up names. Mirrors `utilrand.alphanums`.
const SUFFIX_ALPHABET: &[u8; 27] = b"bcdfghjklmnpqrstvwxz2456789";
const SUFFIX_LENGTH: usize = 5;

/// Who asks, and when.
#[derive(Clone, Copy, Debug)]
pub struct RequestInfo<'a> {
    /// The time of the request.
    pub now: Time,
    /// The field manager or the first part of the user agent.
    pub manager: &'a str,
    /// Whether everything is done but the writing.
    pub dry_run: bool,
    /// What becomes of fields that the kind does not have.
    pub field_validation: FieldValidation,
    /// Whether an apply takes fields from other managers.
    pub force: bool,
    /// Whether it is a request of `events.k8s.io/v1`, which is stricter about Events than core/v1.
    pub events_v1: bool,
}

impl<'a> RequestInfo<'a> {
    /// A request that writes.
    #[inline]
    pub fn new(now: Time, manager: &'a str) -> Self {
        Self { now, manager, dry_run: false, field_validation: FieldValidation::Warn, force: false, events_v1: false }
    }
}

/// Which part of an object a write is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subresource {
    /// The object itself.
    Main,
    /// `/status`
    Status,
    /// `/ephemeralcontainers` of a pod.
    EphemeralContainers,
    /// `/resize` of a pod.
    Resize,
    /// `/scale`, for server-side apply: a write of the object itself by an owner of its own.
    Scale,
}

/// Whether a write is checked field by field.
#[derive(Debug)]
pub(crate) enum Validation<Api> {
    /// A user's object: checked in full, as it was sent, since the compact form holds only what is valid.
    Full(Api),
    /// A controller's object, made from objects that were checked: only its name is new.
    Trusted,
}

/// What decides how the API server behaves.
#[derive(Clone, Debug, Default)]
pub struct ApiServerOptions {
    /// The seed of uids and generated names.
    pub seed: u64,
    /// Whether pods run as a ServiceAccount, which then has to exist, and get its token. Off by default.
    pub service_accounts: bool,
}

/// The API server.
#[derive(Debug)]
pub struct ApiServer {
    pub(crate) store: Store,
    pub(crate) admission: AdmissionState,
    pub(crate) service_allocators: ServiceAllocators,
    options: ApiServerOptions,
    uid_count: u64,
    /// The version after the bootstrap: nobody is told of anything before it.
    pub(crate) oldest_version: u64,
    /// The Events that are to go.
    pub(crate) expiries: Expiries,
    /// How many names each `generateName` has given, so that one more fault renames no pod elsewhere.
    name_counts: FxHashMap<Str, u64>,
    /// A namespace that took new objects when the version of all namespaces was this.
    open_namespace: (u64, Str),
}

impl ApiServer {
    /// An empty API server: not even a namespace.
    pub fn new(options: ApiServerOptions) -> Self {
        Self {
            store: Store::default(),
            admission: AdmissionState::new(options.service_accounts, options.seed),
            service_allocators: ServiceAllocators::new(options.seed),
            options,
            uid_count: 0,
            oldest_version: 0,
            expiries: Expiries::default(),
            name_counts: FxHashMap::default(),
            open_namespace: (u64::MAX, Str::default()),
        }
    }

    /// What is stored.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// What is stored, to have its log trimmed.
    pub fn store_mut(&mut self) -> &mut Store {
        &mut self.store
    }

    /// The version from which on history is told: what the server was started with is not part of it.
    pub fn oldest_version(&self) -> u64 {
        self.oldest_version
    }

    /// Reads one object.
    ///
    /// # Errors
    /// 404 where there is none.
    pub fn get<R: Resource>(&self, namespace: &str, name: &str) -> Result<&Arc<R>, ApiError> {
        self.store.get_as::<R>(namespace, name).ok_or_else(|| not_found(R::KIND, name))
    }

    /// Creates an object that a controller made.
    ///
    /// # Errors
    /// As POST: 409 where the name is taken, 403 from admission, 404 for a namespace that is not there.
    pub fn create<R: Strategy>(&mut self, request: &RequestInfo<'_>, object: R) -> Result<Arc<R>, ApiError> {
        self.create_with(request, object, Validation::Trusted)
    }

    pub(crate) fn create_with<R: Strategy>(
        &mut self,
        request: &RequestInfo<'_>,
        mut object: R,
        validation: Validation<R::Api>,
    ) -> Result<Arc<R>, ApiError> {
        let meta = object.meta_mut();
        if meta.resource_version != 0 {
            return Err(ApiError::unknown("resourceVersion should not be set on objects to be created"));
        }
        if !R::KIND.info().namespaced {
            meta.namespace = Str::default();
        }
        meta.creation_timestamp = Some(request.now);
        meta.deletion = None;
        meta.uid = self.next_uid();
        if R::KIND.info().namespaced && !self.takes_new_objects(&object.meta().namespace) {
            self.check_namespace_for_create::<R>(object.meta())?;
        }
        object.admit_create(&self.store, &mut self.admission)?;
        let is_name_free = self.fill_name::<R>(&mut object)?;
        object.prepare_for_create();
        object.begin_create(&self.store, &mut self.service_allocators, request.dry_run)?;
        if let Validation::Full(mut api) = validation {
            if R::VALIDATES_AS_PREPARED {
                api = object.to_api_object();
            }
            *api.metadata_mut() = object.meta().to_api();
            let errors = if request.events_v1 { R::validate_strict(&api) } else { R::validate(&api) };
            if !errors.is_empty() {
                return Err(ApiError::invalid(&R::KIND.group_kind(), &object.meta().name, errors));
            }
        }
        object.check_create(&self.store, &mut self.admission)?;
        if !is_name_free {
            self.check_name_is_free::<R>(object.meta())?;
        }
        if self.store.count(Kind::ResourceQuota) > 0 {
            self.charge_quota(request, &Arc::new(object.clone()), None)?;
        }
        if request.dry_run {
            return Ok(Arc::new(object));
        }
        let stored = self.store.create(object);
        stored.after_write(None, &mut self.service_allocators);
        self.note_expiry(&stored, request.now);
        Ok(stored)
    }

    /// The seed of the uids that the server gives.
    #[inline]
    pub fn uid_seed(&self) -> u64 {
        self.options.seed
    }

    /// Creates an event that is rendered when somebody looks.
    ///
    /// # Errors
    /// As [`ApiServer::create`].
    pub fn create_event(&mut self, request: &RequestInfo<'_>, event: NewEvent<'_>) -> Result<(), ApiError> {
        let is_plain = !request.dry_run
            && self.store.count(Kind::ResourceQuota) == 0
            && self.takes_new_objects(&event.template.namespace)
            && event.template.uid_seed == self.options.seed
            && self.store.takes_recorded(&event);
        let numbers = event.numbers(self.uid_count + 1, self.store.resource_version() + 1, request.now);
        let Some(numbers) = numbers.filter(|_| is_plain) else {
            return self.create(request, Event::from(event.into_body(request.now))).map(drop);
        };
        self.uid_count += 1;
        self.store.put_recorded(event.into_brief(numbers));
        self.expiries.note_recorded(request.now);
        Ok(())
    }

    /// Whether a namespace is there and not on its way out. Asked for one namespace after another many times over.
    #[inline]
    fn takes_new_objects(&mut self, namespace: &Str) -> bool {
        let version = self.store.kind_version(Kind::Namespace);
        if self.open_namespace.0 == version && self.open_namespace.1 == *namespace {
            return true;
        }
        let is_open = self.store.get_as::<Namespace>("", namespace).is_some_and(|n| !n.meta.is_deleting());
        if is_open {
            self.open_namespace = (version, namespace.clone());
        }
        is_open
    }

    /// Replaces an object a controller changed; with a resourceVersion only if nobody wrote since.
    ///
    /// # Errors
    /// As PUT: 404, 409.
    pub fn update<R: Strategy>(&mut self, request: &RequestInfo<'_>, object: R) -> Result<Arc<R>, ApiError> {
        self.update_with(request, object, Subresource::Main, Validation::Trusted)
    }

    /// Replaces an object's status.
    ///
    /// # Errors
    /// As PUT of `/status`: 404, 409.
    pub fn update_status<R: Strategy>(&mut self, request: &RequestInfo<'_>, object: R) -> Result<Arc<R>, ApiError> {
        self.update_with(request, object, Subresource::Status, Validation::Trusted)
    }

    pub(crate) fn update_with<R: Strategy>(
        &mut self,
        request: &RequestInfo<'_>,
        mut new: R,
        subresource: Subresource,
        validation: Validation<R::Api>,
    ) -> Result<Arc<R>, ApiError> {
        let old = Arc::clone(self.store.stored::<R>(new.meta()).ok_or_else(|| not_found(R::KIND, &new.meta().name))?);
        check_preconditions::<R>(&new, &old)?;
        keep_system_metadata(&mut new, &old);
        match subresource {
            Subresource::Main => {
                new.begin_update(&old, &self.store, &mut self.service_allocators, request.dry_run)?;
                new.prepare_for_update(&old);
            }
            Subresource::Status => {
                new.prepare_for_status_update(&old);
                new.stamp_status_update(&old, request.now);
            }
            part => new.prepare_for_part_update(&old, part),
        }
        if subresource != Subresource::Status {
            new.admit_update(&old, &self.store, &mut self.admission)?;
        }
        new.meta_mut().resource_version = old.meta().resource_version;
        if let Validation::Full(mut new_api) = validation {
            if R::VALIDATES_AS_PREPARED {
                new_api = new.to_api_object();
            }
            *new_api.metadata_mut() = new.meta().to_api();
            let old_api = old.to_api_object();
            // The metadata is checked for every kind, and by most kinds once more: the causes say it twice.
            let (new_meta, old_meta) = (new_api.metadata(), old_api.metadata());
            let mut errors = validate_object_meta_update(new_meta, old_meta, &Path::new("metadata"));
            errors.extend(match subresource {
                Subresource::Main if request.events_v1 => R::validate_update_strict(&new_api, &old_api),
                Subresource::Main => R::validate_update(&new_api, &old_api),
                Subresource::Status => R::validate_status_update(&new_api, &old_api),
                part => R::validate_part_update(&new_api, &old_api, part),
            });
            if !errors.is_empty() {
                return Err(ApiError::invalid(&R::KIND.group_kind(), &new.meta().name, errors));
            }
        }
        if matches!(subresource, Subresource::Main | Subresource::Resize) {
            new.check_update(&old, &self.store)?;
            let grows =
                matches!(R::KIND, Kind::Service | Kind::PersistentVolumeClaim) || subresource == Subresource::Resize;
            if grows && self.store.count(Kind::ResourceQuota) > 0 {
                self.charge_quota(request, &Arc::new(new.clone()), Some(&old))?;
            }
        }
        if is_unchanged(&mut new, &old) {
            return Ok(old);
        }
        new.share_parts(&mut self.admission);
        if request.dry_run {
            return Ok(Arc::new(new));
        }
        if is_finished_deletion(&new) {
            // Nothing is written: watchers see the object go as it was stored, the caller sees what he sent.
            self.store.remove(&new.key());
            new.after_delete(self, request);
            return Ok(Arc::new(new));
        }
        let stored = self.store.replace(old.meta().slot, new);
        stored.after_write(Some(&old), &mut self.service_allocators);
        self.note_expiry(&stored, request.now);
        Ok(stored)
    }

    fn next_uid(&mut self) -> Uid {
        self.uid_count += 1;
        Uid::from_counter(self.options.seed, self.uid_count)
    }

    /// Resolves `generateName`: the next free name of the prefix. Returns whether there was one to resolve, so that the
    /// name is known to be free.
    fn fill_name<R: Strategy>(&mut self, object: &mut R) -> Result<bool, ApiError> {
        let meta = object.meta();
        if !meta.name.is_empty() || meta.generate_name.is_empty() {
            return Ok(false);
        }
        let base = truncate(&meta.generate_name, GENERATE_NAME_BASE_LENGTH_MAX);
        for _ in 0..GENERATE_NAME_ATTEMPTS_MAX {
            let mut name = String::with_capacity(base.len() + SUFFIX_LENGTH);
            name.push_str(base);
            name.push_str(&self.next_suffix(base));
            if self.store.lookup(R::KIND, &meta.namespace, &name).is_none() {
                object.meta_mut().name = name.into();
                return Ok(true);
            }
        }
        Err(ApiError::generate_name_exhausted(&R::KIND.resource(), base))
    }

    fn next_suffix(&mut self, base: &str) -> Str {
        let count = match self.name_counts.get_mut(base) {
            Some(count) => count,
            None => self.name_counts.entry(base.into()).or_default(),
        };
        *count += 1;
        made_up_suffix(self.options.seed, base, *count)
    }

    fn check_name_is_free<R: Strategy>(&self, meta: &seatrial_api::ObjectMeta) -> Result<(), ApiError> {
        match self.store.lookup(R::KIND, &meta.namespace, &meta.name) {
            None => Ok(()),
            Some(there) if there.meta().is_deleting() => {
                Err(ApiError::already_exists_being_deleted(&R::KIND.resource(), &meta.name))
            }
            Some(_) => Err(ApiError::already_exists(&R::KIND.resource(), &meta.name)),
        }
    }
}

/// The optimistic lock: a resourceVersion or uid in the request has to be the stored one.
fn check_preconditions<R: Strategy>(new: &R, old: &R) -> Result<(), ApiError> {
    let (new_meta, old_meta) = (new.meta(), old.meta());
    if !new_meta.uid.is_nil() && new_meta.uid != old_meta.uid {
        let why = errors::uids(&new_meta.uid, &old_meta.uid);
        return Err(errors::precondition(R::KIND, &old_meta.namespace, &old_meta.name, &why));
    }
    if new_meta.resource_version == 0 && !R::ALLOW_UNCONDITIONAL_UPDATE {
        return Err(errors::must_be_specified_for_update(R::KIND, &old_meta.name));
    }
    if new_meta.resource_version != 0 && new_meta.resource_version != old_meta.resource_version {
        return Err(ApiError::optimistic_lock(&R::KIND.resource(), &old_meta.name));
    }
    Ok(())
}

fn keep_system_metadata<R: Resource>(new: &mut R, old: &R) {
    let old = old.meta();
    let meta = new.meta_mut();
    meta.uid.clone_from(&old.uid);
    meta.creation_timestamp = old.creation_timestamp;
    meta.deletion.clone_from(&old.deletion);
    meta.generation = old.generation;
    meta.generate_name.clone_from(&old.generate_name);
}

/// Whether a write changes nothing. The times of field ownership alone are no change, but go with one. Mirrors
/// `IgnoreManagedFieldsTimestampsTransformer`.
fn is_unchanged<R: Resource>(new: &mut R, old: &R) -> bool {
    let (sent, stored) = (new.meta().managed_fields.clone(), &old.meta().managed_fields);
    let same = match (&sent, stored) {
        (Some(a), Some(b)) => Arc::ptr_eq(a, b),
        (None, None) => true,
        _ => false,
    };
    if same || !same_but_times(&sent, stored) {
        return *new == *old;
    }
    new.meta_mut().managed_fields.clone_from(stored);
    let unchanged = *new == *old;
    new.meta_mut().managed_fields = sent;
    unchanged
}

/// Whether a deletion only waited for the finalizers that are gone now. Mirrors `ShouldDeleteDuringUpdate`.
fn is_finished_deletion<R: Strategy>(new: &R) -> bool {
    let meta = new.meta();
    let graceless = |d: &seatrial_api::Deletion| d.grace_period_seconds.is_none_or(|s| s == 0);
    meta.finalizers.is_empty() && meta.deletion.as_deref().is_some_and(graceless) && !new.is_held()
}

/// Cuts a text at a byte length, not through a character.
fn truncate(text: &str, length: usize) -> &str {
    let mut end = length.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

/// The five letters after a prefix that was used `count` times.
pub(crate) fn made_up_suffix(seed: u64, base: &str, count: u64) -> Str {
    let mut bits = mix(mix(seed) ^ hash_text(base) ^ count.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    let letters: [u8; SUFFIX_LENGTH] = std::array::from_fn(|_| {
        let letter = SUFFIX_ALPHABET[(bits % SUFFIX_ALPHABET.len() as u64) as usize];
        bits /= SUFFIX_ALPHABET.len() as u64;
        letter
    });
    std::str::from_utf8(&letters).unwrap_or_default().into()
}

/// FNV-1a over the text's bytes.
pub(crate) fn hash_text(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3))
}

/// The finaliser of splitmix64: every bit of the input reaches every bit of the output.
pub(crate) fn mix(bits: u64) -> u64 {
    let bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

/// What a deletion or a list hands out: any object.
pub(crate) fn wrap<R: Resource>(object: Arc<R>) -> Object {
    R::wrap(object)
}
