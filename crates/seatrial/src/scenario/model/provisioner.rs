//! How the storage behind StorageClasses behaves.

use super::When;

/// `provisioners[]`, and the same keys of a class in `cluster.storageClasses`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProvisionerSpec {
    /// A pattern of the class's name.
    pub class: Option<String>,
    /// A pattern of the provisioner's name.
    pub provisioner: Option<String>,
    /// A pattern of the claim's name.
    pub claim: Option<String>,
    /// Whether nobody makes volumes.
    pub absent: bool,
    /// Making a volume.
    pub provision: OperationSpec,
    /// Deleting one.
    pub delete: OperationSpec,
    /// Growing one.
    pub expand: Option<OperationSpec>,
    /// How much there is, as a quantity.
    pub capacity: Option<String>,
    /// The node label by which volumes are reached.
    pub topology: Option<String>,
}

/// How long something takes, and how it fails.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OperationSpec {
    /// How long it takes; at once if not given.
    pub after: Option<When>,
    /// The driver's text, if it fails.
    pub fail: Option<String>,
    /// How many times it fails; every time if not given.
    pub fail_times: Option<u32>,
}
