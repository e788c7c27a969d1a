//! The tag of a container image, as far as defaults care.
//!
//! Mirrors pkg/util/parsers and distribution/reference (v1.36).

/// `Always` for the tag `latest`, given or implied; `IfNotPresent` for any other, also for an image
/// that cannot be parsed.
pub(super) fn default_pull_policy(image: &str) -> &'static str {
    if is_latest(image) { "Always" } else { "IfNotPresent" }
}

/// Whether the image names the tag `latest`, or neither a tag nor a digest. Mirrors `ParseImageName`.
fn is_latest(image: &str) -> bool {
    let (name, digest) = match image.split_once('@') {
        Some((name, digest)) => (name, Some(digest)),
        None => (image, None),
    };
    let (domain, remainder) = split_domain(name);
    let (path, tag) = match remainder.rsplit_once(':') {
        Some((path, tag)) => (path, Some(tag)),
        None => (remainder, None),
    };
    let is_identifier = image.len() == 64 && image.bytes().all(|b| b.is_ascii_hexdigit());
    let valid = !is_identifier
        && domain.is_none_or(is_domain)
        && path.split('/').all(is_path_component)
        && tag.is_none_or(is_tag)
        && digest.is_none_or(is_digest);
    valid && (tag == Some("latest") || (tag.is_none() && digest.is_none()))
}

/// The registry before the first slash, if it looks like one. Mirrors `splitDockerDomain`.
fn split_domain(name: &str) -> (Option<&str>, &str) {
    match name.split_once('/') {
        Some((first, rest))
            if first.contains(['.', ':']) || first == "localhost" || first.bytes().any(|b| b.is_ascii_uppercase()) =>
        {
            (Some(first), rest)
        }
        _ => (None, name),
    }
}

fn is_domain(domain: &str) -> bool {
    if let Some(rest) = domain.strip_prefix('[') {
        return rest.split_once(']').is_some_and(|(address, port)| {
            !address.is_empty()
                && address.bytes().all(|b| b.is_ascii_hexdigit() || b == b':')
                && (port.is_empty() || port.strip_prefix(':').is_some_and(is_number))
        });
    }
    let (host, port) = match domain.split_once(':') {
        Some((host, port)) => (host, Some(port)),
        None => (domain, None),
    };
    let is_label = |label: &str| {
        !label.is_empty()
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
    };
    host.split('.').all(is_label) && port.is_none_or(is_number)
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())
}

/// Lower-case words joined by one `.`, one or two `_`, or any number of `-`.
fn is_path_component(component: &str) -> bool {
    let is_word = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    let bytes = component.as_bytes();
    let edges_are_words = bytes.first().is_some_and(|&b| is_word(b)) && bytes.last().is_some_and(|&b| is_word(b));
    edges_are_words
        && bytes
            .split(|&b| is_word(b))
            .all(|separator| matches!(separator, b"" | b"." | b"_" | b"__") || separator.iter().all(|&b| b == b'-'))
}

fn is_tag(tag: &str) -> bool {
    let is_word = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
    let starts_well = tag.bytes().next().is_some_and(is_word);
    let rest_fits = tag.bytes().all(|b| is_word(b) || matches!(b, b'.' | b'-'));
    starts_well && rest_fits && tag.len() <= 128
}

fn is_digest(digest: &str) -> bool {
    let Some((algorithm, hex)) = digest.split_once(':') else { return false };
    let length = match algorithm {
        "sha256" => 64,
        "sha384" => 96,
        "sha512" => 128,
        _ => return false,
    };
    hex.len() == length && hex.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pull_policies() {
        let sha = format!("app@sha256:{}", "a".repeat(64));
        let tagged = format!("app:latest@sha256:{}", "a".repeat(64));
        let rows = [
            ("nginx", "Always"),
            ("nginx:latest", "Always"),
            ("nginx:1.27", "IfNotPresent"),
            ("localhost:5000/a/b", "Always"),
            ("localhost:5000/a/b:2", "IfNotPresent"),
            ("registry.example.com/team__x/app-1", "Always"),
            ("[::1]:5000/app", "Always"),
            (sha.as_str(), "IfNotPresent"),
            (tagged.as_str(), "Always"),
            ("app@sha256:1234", "IfNotPresent"),
            ("", "IfNotPresent"),
            ("UPPER", "IfNotPresent"),
            ("a_/b", "IfNotPresent"),
            ("a..b", "IfNotPresent"),
            ("Upper/app", "Always"),
            ("app:", "IfNotPresent"),
            ("my image", "IfNotPresent"),
        ];
        for (image, want) in rows {
            assert_eq!(default_pull_policy(image), want, "{image}");
        }
    }
}
