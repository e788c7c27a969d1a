//! The plugins of the default profile by name, and how one of them refuses a node.
//!
//! Mirrors pkg/scheduler/framework/plugins/names and framework.Status (v1.36).

use std::borrow::Cow;

/// A plugin that can refuse a node or a pod.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Plugin {
    NodeUnschedulable,
    NodeName,
    TaintToleration,
    NodeAffinity,
    NodePorts,
    NodeResourcesFit,
    VolumeRestrictions,
    VolumeBinding,
    VolumeZone,
    PodTopologySpread,
    InterPodAffinity,
    /// Preemption's own words, which no event changes.
    DefaultPreemption,
}

/// Some plugins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct PluginSet(u32);

impl PluginSet {
    /// No plugin: the attempt failed by an error.
    pub(crate) const EMPTY: Self = Self(0);

    pub(crate) fn insert(&mut self, plugin: Plugin) {
        self.0 |= 1 << plugin as u32;
    }

    pub(crate) fn contains(self, plugin: Plugin) -> bool {
        self.0 & (1 << plugin as u32) != 0
    }

    /// Whether one of them is about volumes.
    pub(crate) fn is_about_volumes(self) -> bool {
        const ABOUT_VOLUMES: u32 =
            1 << Plugin::VolumeRestrictions as u32 | 1 << Plugin::VolumeBinding as u32 | 1 << Plugin::VolumeZone as u32;
        self.0 & ABOUT_VOLUMES != 0
    }

    pub(crate) fn is_empty(self) -> bool {
        self.0 == 0
    }
}

impl FromIterator<Plugin> for PluginSet {
    fn from_iter<T: IntoIterator<Item = Plugin>>(plugins: T) -> Self {
        let mut set = Self::EMPTY;
        plugins.into_iter().for_each(|plugin| set.insert(plugin));
        set
    }
}

/// Why a node does not fit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Misfit {
    /// Who says so.
    pub(crate) plugin: Plugin,
    /// The reasons, as users read them.
    pub(crate) reasons: Vec<Cow<'static, str>>,
    /// Whether the node would fit if pods went.
    pub(crate) is_resolvable: bool,
}

impl Misfit {
    pub(crate) fn unresolvable(plugin: Plugin, reason: &'static str) -> Self {
        Self { plugin, reasons: vec![Cow::Borrowed(reason)], is_resolvable: false }
    }

    pub(crate) fn resolvable(plugin: Plugin, reason: &'static str) -> Self {
        Self { plugin, reasons: vec![Cow::Borrowed(reason)], is_resolvable: true }
    }
}
