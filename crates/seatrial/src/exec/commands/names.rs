//! Names and echoes: nslookup, ping.

use std::net::IpAddr;
use std::time::Duration;

use seatrial_api::{Pod, PodPhase};

use super::flags;
use crate::exec::dns::{self, Resolver};
use crate::exec::shell::{Output, Session};

/// How many packets a ping without `-c` sends before somebody stops it.
const PACKETS_DEFAULT: u32 = 2;
const PACKETS_MAX: u32 = 10_000;
/// How long an echo takes, in the words of ping.
const ECHO_TIME: &str = "0.050";

impl Session<'_> {
    pub(super) fn nslookup(&mut self, arguments: &[String], out: &mut Output) -> i32 {
        let Some(pod) = self.pod() else { return 1 };
        let is_srv = arguments.iter().any(|a| {
            let lower = a.to_ascii_lowercase();
            lower == "-type=srv" || lower == "-q=srv" || lower == "-query=srv"
        });
        let Some(name) = arguments.iter().find(|a| !a.starts_with('-')) else {
            out.error("usage: nslookup [-type=SRV] NAME");
            return 1;
        };
        let resolver = Resolver::of(self.cluster, &pod);
        out.line(&format!("Server:\t\t{}\nAddress:\t{0}#53\n", dns::SERVER));
        let answered = if is_srv {
            resolver.services(self.cluster, name).map(|(name, rows)| {
                for row in rows {
                    out.line(&format!("{name}\tservice = 0 {} {} {}.", row.weight, row.port, row.target));
                }
            })
        } else if let Ok(ip) = name.parse::<IpAddr>() {
            dns::reverse(self.cluster, ip).map(|name| out.line(&format!("{}\tname = {name}.", pointer(ip))))
        } else {
            resolver.resolve(self.cluster, name).map(|found| {
                let mut names = found.aliases.iter().chain([&found.name]).peekable();
                while let Some(alias) = names.next() {
                    if let Some(next) = names.peek() {
                        out.line(&format!("{alias}\tcanonical name = {next}."));
                    }
                }
                for ip in &found.addresses {
                    out.line(&format!("Name:\t{}\nAddress: {ip}", found.name));
                }
            })
        };
        if answered.is_none() {
            out.line(&format!("** server can't find {name}: NXDOMAIN\n"));
            return 1;
        }
        out.line("");
        0
    }

    /// `ping [-c COUNT] NAME`, in the words of iputils.
    pub(super) fn ping(&mut self, arguments: &[String], out: &mut Output) -> i32 {
        let Some(pod) = self.pod() else { return 1 };
        let mut count = PACKETS_DEFAULT;
        let mut words = Vec::new();
        let mut rest = arguments.iter();
        while let Some(argument) = rest.next() {
            match argument.as_str() {
                "-c" => count = rest.next().and_then(|n| n.parse().ok()).unwrap_or(count),
                "-W" | "-w" | "-i" | "-s" => drop(rest.next()),
                _ => words.push(argument.clone()),
            }
        }
        let count = count.clamp(1, PACKETS_MAX);
        let (_, names) = flags(&words);
        let Some(name) = names.first() else {
            out.error("ping: usage error: Destination address required");
            return 1;
        };
        let found = Resolver::of(self.cluster, &pod).resolve(self.cluster, name);
        let Some((found, ip)) = found.and_then(|found| Some((found.clone(), *found.addresses.first()?))) else {
            out.error(&format!("ping: {name}: Name or service not known"));
            return 2;
        };
        out.line(&format!("PING {} ({ip}) 56(84) bytes of data.", found.name));
        let from = match dns::reverse(self.cluster, ip) {
            Some(name) => format!("{name} ({ip})"),
            None => ip.to_string(),
        };
        let mut received = 0;
        for sequence in 1..=count {
            if self.echoes(ip) {
                received += 1;
                out.line(&format!("64 bytes from {from}: icmp_seq={sequence} ttl=62 time={ECHO_TIME} ms"));
            }
            if sequence < count {
                self.pass(Duration::from_secs(1));
            }
        }
        let loss = (count - received) * 100 / count;
        let time = u64::from(count - 1) * 1000;
        out.line(&format!("\n--- {} ping statistics ---", found.name));
        out.line(&format!("{count} packets transmitted, {received} received, {loss}% packet loss, time {time}ms"));
        if received > 0 {
            out.line(&format!("rtt min/avg/max/mdev = {ECHO_TIME}/{ECHO_TIME}/{ECHO_TIME}/0.000 ms"));
        }
        i32::from(received == 0)
    }

    /// Whether an address is a pod's or a node's that is there. The addresses of Services answer nothing.
    fn echoes(&self, ip: IpAddr) -> bool {
        let store = self.cluster.server.store();
        let runs = |pod: &Pod| pod.status.pod_ip == Some(ip) && pod.status.phase == PodPhase::Running;
        let answers = |node: &str| self.cluster.kubelets.answers(node);
        let is_node = |node: &seatrial_api::Node| {
            let mut addresses = node.body.status.iter().flat_map(|s| s.addresses.iter().flatten());
            addresses.any(|a| a.address.parse() == Ok(ip)) && answers(&node.meta.name)
        };
        ip.is_loopback()
            || store.list_as::<Pod>(None).iter().any(|pod| runs(pod) && answers(&pod.node_name))
            || store.list_as::<seatrial_api::Node>(None).iter().any(|node| is_node(node))
    }
}

/// `4.3.2.1.in-addr.arpa`
fn pointer(ip: IpAddr) -> String {
    match ip {
        IpAddr::V4(v4) => {
            let [a, b, c, d] = v4.octets();
            format!("{d}.{c}.{b}.{a}.in-addr.arpa")
        }
        IpAddr::V6(v6) => {
            let digits: Vec<String> = v6.octets().iter().rev().map(|b| format!("{:x}.{:x}", b & 15, b >> 4)).collect();
            format!("{}.ip6.arpa", digits.join("."))
        }
    }
}
