//! How storage behaves: the first behavior that matches a class holds.

use std::time::Duration;

use seatrial_api::quantity::Quantity;
use seatrial_machinery::glob;

/// The provisioner of the recordings: it has neither a finalizer nor a resizer.
pub(super) const RECORDED_PROVISIONER: &str = "sim.seatrial.dev/disk";

/// How long something takes, and how it fails.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operation {
    /// How long it takes; `None` is for ever.
    pub after: Option<Duration>,
    /// Its text, if it fails.
    pub failure: Option<String>,
    /// How many times in a row it fails, for each claim or volume; every time if not given.
    pub failure_count: Option<u32>,
}

impl Default for Operation {
    /// It is done at once.
    fn default() -> Self {
        Self { after: Some(Duration::ZERO), failure: None, failure_count: None }
    }
}

impl Operation {
    /// Whether it is done at once, every time.
    pub(super) fn is_instant(&self) -> bool {
        self.after == Some(Duration::ZERO) && self.failure.is_none()
    }

    /// The text of a failure after so many of them.
    pub(super) fn failure_after(&self, failed: u32) -> Option<&str> {
        self.failure.as_deref().filter(|_| self.failure_count.is_none_or(|count| failed < count))
    }
}

/// Which storage a behavior is about; everything given has to hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProvisionerMatch {
    /// A pattern of the StorageClass's name.
    pub class: Option<String>,
    /// A pattern of the provisioner's name.
    pub provisioner: Option<String>,
    /// A pattern of the claim's name.
    pub claim: Option<String>,
}

/// How the storage of matching classes behaves.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ProvisionerBehavior {
    /// Which classes, provisioners and claims.
    pub matches: ProvisionerMatch,
    /// Whether nobody is there who makes volumes.
    pub is_absent: bool,
    /// Making a volume.
    pub provision: Operation,
    /// Deleting one.
    pub delete: Operation,
    /// Growing one; never where that takes for ever. Where nothing is said: at once, but never for the recorded provisioner.
    pub expand: Option<Operation>,
    /// How much there is for all volumes of a class together.
    pub capacity: Option<Quantity>,
    /// The node label by which volumes can be reached: a volume is bound to its value on the pod's node.
    pub topology: Option<String>,
}

impl ProvisionerBehavior {
    /// Whether the behavior is about a claim of a class.
    pub(super) fn is_about(&self, place: &Place<'_>) -> bool {
        let holds = |pattern: &Option<String>, text: &str| pattern.as_ref().is_none_or(|p| glob(p, text));
        holds(&self.matches.class, place.class)
            && holds(&self.matches.provisioner, place.provisioner)
            && holds(&self.matches.claim, place.claim)
    }

    /// How volumes of a provisioner grow, if they do.
    pub(super) fn expansion(&self, provisioner: &str) -> Option<Operation> {
        match &self.expand {
            // What never ends is not begun: there is no resizer.
            Some(operation) => operation.after.is_some().then(|| operation.clone()),
            None => (provisioner != RECORDED_PROVISIONER).then(Operation::default),
        }
    }
}

/// What a behavior is looked for by.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place<'a> {
    pub(super) class: &'a str,
    pub(super) provisioner: &'a str,
    pub(super) claim: &'a str,
}
