//! IP addresses and ranges in fields.
//!
//! Mirrors apimachinery/pkg/util/validation/ip.go and `ValidateNonSpecialIP` in pkg/apis/core/validation (v1.36).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use seatrial_api::field::{Error, ErrorList, Path};
use seatrial_api::names::{has_leading_zeros, is_valid_ip};

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

/// Mirrors `IsValidCIDRForLegacyField`, which is strict since v1.36.
pub(super) fn validate_cidr(errs: &mut ErrorList, value: &str, path: &Path<'_>) {
    let detail = match parse_cidr(value) {
        None => "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)",
        Some((text, bits, _)) if has_leading_zeros(text) || (bits.len() > 1 && bits.starts_with('0')) => {
            "must not have leading 0s in IP or prefix length"
        }
        Some((_, _, Prefix { address: IpAddr::V6(v6), .. })) if v6.to_ipv4_mapped().is_some() => {
            "must not have an IPv4-mapped IPv6 address"
        }
        Some((_, _, prefix)) if !prefix.is_masked() => "must not have bits set beyond the prefix length",
        Some(_) => return,
    };
    errs.push(Error::invalid(path, value, detail));
}

/// An address, and how many of its bits name the network.
struct Prefix {
    address: IpAddr,
    bits: u32,
}

impl Prefix {
    /// Whether no other bits are set.
    fn is_masked(&self) -> bool {
        match self.address {
            IpAddr::V4(v4) => v4.to_bits().checked_shl(self.bits).unwrap_or(0) == 0,
            IpAddr::V6(v6) => v6.to_bits().checked_shl(self.bits).unwrap_or(0) == 0,
        }
    }
}

/// A range, with the texts of both of its parts. Mirrors `ParseCIDRSloppy`.
fn parse_cidr(value: &str) -> Option<(&str, &str, Prefix)> {
    let (text, bits) = value.split_once('/')?;
    let address = parse_ip_sloppy(text)?;
    let bits_max = if address.is_ipv4() { 32 } else { 128 };
    let is_number = !bits.is_empty() && bits.bytes().all(|byte| byte.is_ascii_digit());
    let number = bits.parse().ok().filter(|bits| is_number && *bits <= bits_max)?;
    Some((text, bits, Prefix { address, bits: number }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges() {
        const NONE: &str = "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)";
        const ZEROS: &str = "must not have leading 0s in IP or prefix length";
        let rows = [
            ("10.0.0.0/8", ""),
            ("0.0.0.0/0", ""),
            ("1.2.3.4/32", ""),
            ("2001:db8::/64", ""),
            ("::/0", ""),
            ("10.0.0.1/8", "must not have bits set beyond the prefix length"),
            ("2001:db8::1/64", "must not have bits set beyond the prefix length"),
            ("010.0.0.0/8", ZEROS),
            ("10.0.0.0/08", ZEROS),
            ("::ffff:10.0.0.0/104", "must not have an IPv4-mapped IPv6 address"),
            ("10.0.0.0", NONE),
            ("10.0.0.0/33", NONE),
            ("10.0.0.0/", NONE),
            ("10.0.0.0/+8", NONE),
            ("", NONE),
        ];
        for (value, want) in rows {
            let mut errs = ErrorList::new();
            validate_cidr(&mut errs, value, &Path::new("f"));
            let texts: Vec<String> = errs.iter().map(|error| error.to_string()).collect();
            let want: Vec<String> = Some(want)
                .filter(|w| !w.is_empty())
                .map(|w| format!("f: Invalid value: {value:?}: {w}"))
                .into_iter()
                .collect();
            assert_eq!(texts, want, "{value}");
        }
    }
}
