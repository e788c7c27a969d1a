//! The versions in which a kind can be asked for: the stored one, and other spellings of the same object.

mod autoscaling_v1;

use seatrial_api::Kind;
use serde_json::Value;

/// A version of a kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum View {
    /// The version the object is stored in.
    Stored,
    /// `autoscaling/v1` of HorizontalPodAutoscalers, which are stored as v2.
    AutoscalingV1,
}

impl View {
    /// The kind and version behind a group, version and plural.
    pub(crate) fn find(group: &str, version: &str, plural: &str) -> Option<(Kind, Self)> {
        if (group, version, plural) == ("autoscaling", "v1", "horizontalpodautoscalers") {
            return Some((Kind::HorizontalPodAutoscaler, Self::AutoscalingV1));
        }
        let kind = Kind::ALL.iter().copied().find(|k| {
            let info = k.info();
            info.plural == plural && info.group == group && info.version == version
        })?;
        Some((kind, Self::Stored))
    }

    /// `apps/v1`
    pub(crate) fn api_version(self, kind: Kind) -> String {
        match self {
            Self::Stored => kind.api_version(),
            Self::AutoscalingV1 => "autoscaling/v1".to_owned(),
        }
    }

    /// An object of the stored version, as this one shows it.
    pub(crate) fn show(self, object: Value) -> Value {
        match self {
            Self::Stored => object,
            Self::AutoscalingV1 => autoscaling_v1::show(object),
        }
    }

    /// An object as it was sent in this version, in the stored one.
    pub(crate) fn take(self, object: Value) -> Value {
        match self {
            Self::Stored => object,
            Self::AutoscalingV1 => autoscaling_v1::take(object),
        }
    }
}
