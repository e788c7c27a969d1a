//! Which cluster IPs and node ports are taken.
//!
//! Mirrors pkg/registry/core/service/ipallocator and portallocator (v1.36).
//! Differs: what is taken is read off the stored Services, so nothing has to be given back when a write fails.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;

use rustc_hash::FxHashMap;
use seatrial_api::{Kind, Resource, Service, Str};

use super::items;
use crate::server::{hash_text, mix};
use crate::store::Store;
use crate::validation::{CLUSTER_IP_NONE, parse_ip_sloppy};

/// A range of numbers of which the lower band is left to those who ask for a number of their own.
#[derive(Clone, Copy, Debug)]
pub(super) struct Range {
    pub(super) first: u32,
    pub(super) count: u32,
    lower_band: u32,
}

/// 10.96.0.1 to 10.96.255.254; the lower band is min(max(16, size / 16), 256).
pub(super) const CLUSTER_IPS: Range =
    Range { first: u32::from_be_bytes([10, 96, 0, 1]), count: (1 << 16) - 2, lower_band: 256 };
/// 30000 to 32767; the lower band is min(max(16, size / 32), 128).
pub(super) const NODE_PORTS: Range = Range { first: 30_000, count: 2_768, lower_band: 86 };

impl Range {
    pub(super) fn contains(self, number: u32) -> bool {
        (self.first..self.first + self.count).contains(&number)
    }

    /// A free number: the upper band from a random place on, then the lower band likewise.
    pub(super) fn next_free(self, bits: u64, is_taken: impl Fn(u32) -> bool) -> Option<u32> {
        let upper = (self.first + self.lower_band, self.count - self.lower_band);
        [upper, (self.first, self.lower_band)].into_iter().find_map(|(first, count)| {
            let start = (bits % u64::from(count)) as u32;
            (0..count).map(|step| first + (start + step) % count).find(|number| !is_taken(*number))
        })
    }
}

/// What stored Services hold of the two ranges.
#[derive(Debug)]
pub struct ServiceAllocators {
    seed: u64,
    /// The version of the Services that `cluster_ips` and `node_ports` were read off.
    version: u64,
    pub(super) cluster_ips: BTreeSet<u32>,
    pub(super) node_ports: BTreeSet<u32>,
    /// How often each Service was written, so that one that is made again draws anew.
    write_counts: FxHashMap<Str, u64>,
}

impl ServiceAllocators {
    /// Allocators of a server without Services.
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            seed,
            version: 0,
            cluster_ips: BTreeSet::new(),
            node_ports: BTreeSet::new(),
            write_counts: FxHashMap::default(),
        }
    }

    /// Reads off again what is taken, if Services were written that this did not hear of.
    pub(crate) fn sync(&mut self, store: &Store) {
        let version = store.kind_version(Kind::Service);
        if version == self.version {
            return;
        }
        self.version = version;
        self.cluster_ips.clear();
        self.node_ports.clear();
        for service in store.list_as::<Service>(None) {
            self.cluster_ips.extend(cluster_ips(service));
            self.node_ports.extend(node_ports(service));
        }
    }

    /// Hears of a Service that was stored just now.
    pub(crate) fn stored(&mut self, new: &Service, old: Option<&Service>) {
        if let Some(old) = old {
            for ip in cluster_ips(old) {
                self.cluster_ips.remove(&ip);
            }
            for port in node_ports(old) {
                self.node_ports.remove(&port);
            }
        }
        self.cluster_ips.extend(cluster_ips(new));
        self.node_ports.extend(node_ports(new));
        self.version = new.meta().resource_version;
        *self.write_counts.entry(stream_name(new).into()).or_default() += 1;
    }

    /// Random bits for a Service's next draw.
    pub(super) fn bits(&self, service: &Service) -> u64 {
        let name = stream_name(service);
        let count = self.write_counts.get(name.as_str()).copied().unwrap_or_default();
        mix(mix(self.seed) ^ hash_text(&name) ^ count.wrapping_mul(0x9e37_79b9_7f4a_7c15))
    }
}

fn stream_name(service: &Service) -> String {
    format!("service {}/{}", service.meta.namespace, service.meta.name)
}

/// An IPv4 address as a number.
pub(super) fn ip_number(ip: &str) -> Option<u32> {
    match parse_ip_sloppy(ip)? {
        std::net::IpAddr::V4(address) => Some(u32::from(address)),
        std::net::IpAddr::V6(_) => None,
    }
}

/// A number as an IPv4 address.
pub(super) fn ip_text(number: u32) -> String {
    Ipv4Addr::from(number).to_string()
}

fn cluster_ips(service: &Service) -> impl Iterator<Item = u32> {
    let ips = service.body.spec.as_ref().map(|spec| items(&spec.cluster_ips)).unwrap_or_default();
    ips.iter().filter(|ip| *ip != CLUSTER_IP_NONE).filter_map(|ip| ip_number(ip))
}

fn node_ports(service: &Service) -> impl Iterator<Item = u32> {
    let spec = service.body.spec.as_ref();
    let ports = spec.map(|spec| items(&spec.ports)).unwrap_or_default();
    let of_ports = ports.iter().filter_map(|port| port.node_port);
    of_ports.chain(spec.and_then(|spec| spec.health_check_node_port)).filter_map(|port| u32::try_from(port).ok())
}
