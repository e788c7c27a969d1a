//! Tables: which addresses are left out, and which ports make a subset.

use k8s_openapi::api::core::v1::EndpointAddress;
use seatrial_api::{Str, Uid};

use super::capacity::{Count, truncate_endpoints};
use super::subsets::{Member, Members, Port};

/// What it is about, the subsets as (ready, not ready), and what stays of them.
type Row<'a> = (&'a str, &'a [(usize, usize)], Option<&'a [(usize, usize)]>);

#[test]
fn too_many_addresses_are_cut_by_share_ready_ones_last() {
    let rows: &[Row<'_>] = &[
        ("as many as may be", &[(900, 100)], None),
        ("not ready ones go first", &[(900, 200)], Some(&[(900, 100)])),
        ("ready ones where they alone are too many", &[(1001, 50)], Some(&[(1000, 0)])),
        ("by share", &[(1000, 0), (1000, 10)], Some(&[(500, 0), (500, 0)])),
        ("the last gets what is left", &[(400, 0), (400, 0), (400, 0)], Some(&[(334, 0), (334, 0), (332, 0)])),
        ("shares of what is not ready", &[(500, 300), (400, 100)], Some(&[(500, 75), (400, 25)])),
    ];
    let count = |(ready, not_ready): &(usize, usize)| Count { ready: *ready, not_ready: *not_ready };
    for (what, subsets, want) in rows {
        let subsets: Vec<Count> = subsets.iter().map(count).collect();
        let want: Option<Vec<Count>> = want.map(|rows| rows.iter().map(count).collect());
        assert_eq!(truncate_endpoints(&subsets), want, "{what}");
    }
}

fn port(name: &str, port: i32) -> Port {
    Port { name: Some(name.to_owned()), port, protocol: Some("TCP".to_owned()), app_protocol: None }
}

/// `a:80 b:81 [10.0.0.1 10.0.0.2 | 10.0.0.3]`, one subset a line.
fn text(members: &Members) -> Vec<String> {
    let subset = |s: &seatrial_api::EndpointSubset| {
        let ports: Vec<String> =
            s.ports.iter().map(|p| format!("{}:{}", p.name.as_deref().unwrap_or_default(), p.port)).collect();
        let ips =
            |l: &[seatrial_api::Shared<EndpointAddress>]| l.iter().map(|a| a.ip.clone()).collect::<Vec<_>>().join(" ");
        format!("{} [{} | {}]", ports.join(" "), ips(&s.addresses), ips(&s.not_ready_addresses))
    };
    members.subsets().0.iter().map(subset).collect()
}

fn add(members: &mut Members, pod: &str, ip: &str, ready: bool, ports: &[Port]) {
    let address = EndpointAddress { ip: ip.to_owned(), ..EndpointAddress::default() };
    let uid = Uid::parse(pod);
    members.remove(pod);
    members.insert(&Str::from(pod), Member { ports: ports.to_vec(), ready, uid, address });
}

#[test]
fn subsets_are_ports_that_the_same_pods_have() {
    let (a, b, c) = (port("a", 80), port("b", 81), port("b", 8181));
    let mut members = Members::default();
    add(&mut members, "one", "10.1.0.9", true, &[a.clone(), b.clone()]);
    add(&mut members, "two", "10.1.0.10", true, &[a.clone(), b.clone()]);
    assert_eq!(text(&members), ["a:80 b:81 [10.1.0.10 10.1.0.9 | ]"], "ordered by their text");
    add(&mut members, "three", "10.1.0.7", false, &[a.clone(), c]);
    let want = ["a:80 [10.1.0.10 10.1.0.9 | 10.1.0.7]", "b:81 [10.1.0.10 10.1.0.9 | ]", "b:8181 [ | 10.1.0.7]"];
    assert_eq!(text(&members), want, "a port that other pods have too is a subset of its own");
    add(&mut members, "three", "10.1.0.7", true, &[a, b]);
    assert_eq!(text(&members), ["a:80 b:81 [10.1.0.10 10.1.0.7 10.1.0.9 | ]"]);
    for pod in ["one", "two", "three"] {
        members.remove(pod);
    }
    assert!(text(&members).is_empty());
    add(&mut members, "one", "10.1.0.9", true, &[]);
    assert_eq!(text(&members), [" [10.1.0.9 | ]"], "a headless Service without ports");
}
