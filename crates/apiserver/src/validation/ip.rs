//! IP addresses and ranges in fields.
//!
//! Mirrors apimachinery/pkg/util/validation/ip.go and `ValidateNonSpecialIP` in pkg/apis/core/validation (v1.36).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use seatrial_api::field::{Error, ErrorList, Path};
use seatrial_api::names::is_valid_ip;

use super::invalid_each;

/// An address as legacy fields are read: zeros may lead a number. Mirrors `ParseIPSloppy`.
pub(crate) fn parse_ip_sloppy(value: &str) -> Option<IpAddr> {
    if let Ok(address) = value.parse::<Ipv6Addr>() {
        return Some(IpAddr::V6(address));
    }
    let mut octets = [0; 4];
    let mut parts = value.split('.');
    for octet in &mut octets {
        let part = parts.next()?;
        let is_number = !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        let digits = part.trim_start_matches('0');
        *octet = match digits {
            "" if is_number => 0,
            _ if is_number => digits.parse().ok()?,
            _ => return None,
        };
    }
    parts.next().is_none().then(|| IpAddr::V4(Ipv4Addr::from(octets)))
}

/// Pushes an error unless the text is an address; says whether it is. Mirrors `IsValidIPForLegacyField`.
pub(super) fn validate_ip(errs: &mut ErrorList, value: &str, path: &Path<'_>) -> bool {
    let messages = is_valid_ip(value);
    let is_valid = messages.is_empty();
    invalid_each(errs, path, value, messages);
    is_valid
}

/// Mirrors `ValidateNonSpecialIP`: no address that means something else on every node.
pub(super) fn validate_non_special_ip(errs: &mut ErrorList, value: &str, path: &Path<'_>) {
    let Some(address) = parse_ip_sloppy(value) else {
        errs.push(Error::invalid(path, value, "must be a valid IP address"));
        return;
    };
    if address.is_unspecified() {
        errs.push(Error::invalid(path, value, format!("may not be unspecified ({value})")));
    }
    if address.is_loopback() {
        errs.push(Error::invalid(path, value, "may not be in the loopback range (127.0.0.0/8, ::1/128)"));
    }
    let (is_link_local, is_link_local_multicast) = match address {
        IpAddr::V4(v4) => (v4.is_link_local(), v4.octets()[..3] == [224, 0, 0]),
        IpAddr::V6(v6) => (v6.segments()[0] & 0xffc0 == 0xfe80, v6.segments()[0] & 0xff0f == 0xff02),
    };
    if is_link_local {
        let detail = "may not be in the link-local range (169.254.0.0/16, fe80::/10)";
        errs.push(Error::invalid(path, value, detail));
    }
    if is_link_local_multicast {
        let detail = "may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)";
        errs.push(Error::invalid(path, value, detail));
    }
}

/// Mirrors `IsValidCIDRForLegacyField`.
pub(super) fn validate_cidr(errs: &mut ErrorList, value: &str, path: &Path<'_>) {
    let is_valid = value.split_once('/').is_some_and(|(address, bits)| {
        let bits_max = match parse_ip_sloppy(address) {
            Some(IpAddr::V4(_)) => 32,
            Some(IpAddr::V6(_)) => 128,
            None => return false,
        };
        bits.bytes().all(|byte| byte.is_ascii_digit()) && bits.parse::<u8>().is_ok_and(|bits| bits <= bits_max)
    });
    if !is_valid {
        let detail = "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)";
        errs.push(Error::invalid(path, value, detail));
    }
}
