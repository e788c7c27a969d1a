//! Requests: curl, wget.

use std::net::IpAddr;

use crate::exec::dns::Resolver;
use crate::exec::network::{Reply, request};
use crate::exec::shell::{Output, Session};

/// A URL's parts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Url {
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) path: String,
}

/// Reads `[http://]HOST[:PORT][/PATH]`.
pub(super) fn parse_url(text: &str) -> Option<Url> {
    let (scheme, rest) = text.split_once("://").unwrap_or(("http", text));
    let default = match scheme {
        "http" => 80,
        "https" => 443,
        _ => return None,
    };
    let (place, path) = match rest.find('/') {
        Some(at) => (&rest[..at], &rest[at..]),
        None => (rest, "/"),
    };
    let place = place.rsplit_once('@').map_or(place, |(_, place)| place);
    let (host, port) = match place.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((host, "")) => (host, default),
        Some((host, port)) => (host, port.strip_prefix(':')?.parse().ok()?),
        None => match place.split_once(':') {
            Some((host, port)) => (host, port.parse().ok()?),
            None => (place, default),
        },
    };
    let path = path.split('?').next().unwrap_or("/");
    (!host.is_empty()).then(|| Url { host: host.to_owned(), port, path: path.to_owned() })
}

/// What curl is asked for.
#[derive(Debug, Default)]
struct Curl {
    url: Option<String>,
    fail: bool,
    head: bool,
    include: bool,
    silent: bool,
    shows_errors: bool,
    file: Option<String>,
    format: Option<String>,
}

impl Curl {
    fn parse(arguments: &[String]) -> Self {
        let mut curl = Self::default();
        let mut rest = arguments.iter();
        while let Some(argument) = rest.next() {
            match argument.as_str() {
                "-o" | "--output" => curl.file = rest.next().cloned(),
                "-w" | "--write-out" => curl.format = rest.next().cloned(),
                "-m" | "--max-time" | "--connect-timeout" | "-X" | "--request" | "-H" | "--header" | "-d"
                | "--data" | "-A" | "-u" | "--retry" => drop(rest.next()),
                "--fail" => curl.fail = true,
                "--head" => curl.head = true,
                "--include" => curl.include = true,
                "--silent" => curl.silent = true,
                "--show-error" => curl.shows_errors = true,
                long if long.starts_with("--") => {}
                short if short.starts_with('-') && short.len() > 1 => {
                    curl.fail |= short.contains('f');
                    curl.head |= short.contains('I');
                    curl.include |= short.contains('i');
                    curl.silent |= short.contains('s');
                    curl.shows_errors |= short.contains('S');
                    match short.chars().last() {
                        Some('o') => curl.file = rest.next().cloned(),
                        Some('w') => curl.format = rest.next().cloned(),
                        Some('m' | 'X' | 'H' | 'd') => drop(rest.next()),
                        _ => {}
                    }
                }
                url => curl.url = Some(url.to_owned()),
            }
        }
        curl
    }
}

impl Session<'_> {
    /// Sends a request; `None` where the name has no address.
    fn fetch(&mut self, url: &Url) -> Option<(IpAddr, Reply)> {
        let pod = self.pod()?;
        let ip = *Resolver::of(self.cluster, &pod).resolve(self.cluster, &url.host)?.addresses.first()?;
        let reply = request(self.cluster, &pod, (ip, url.port), &url.path);
        if let Reply::Answer { takes, .. } = &reply
            && !takes.is_zero()
        {
            self.pass(*takes);
        }
        Some((ip, reply))
    }

    pub(super) fn curl(&mut self, arguments: &[String], out: &mut Output) -> i32 {
        let curl = Curl::parse(arguments);
        let url = curl.url.as_deref().and_then(parse_url);
        let Some(url) = url else {
            out.error("curl: (3) URL rejected: Malformed input to a URL function");
            return 3;
        };
        let fetched = self.fetch(&url);
        let (code, error, status, body) = match fetched {
            None => (6, format!("(6) Could not resolve host: {}", url.host), 0, String::new()),
            Some((_, Reply::Refused)) => {
                let place = format!("{} port {}", url.host, url.port);
                let text = format!("(7) Failed to connect to {place} after 0 ms: Could not connect to server");
                (7, text, 0, String::new())
            }
            Some((_, Reply::TimedOut)) => {
                (28, "(28) Connection timed out after 5000 milliseconds".to_owned(), 0, String::new())
            }
            Some((_, Reply::Answer { status, .. })) if curl.fail && status >= 400 => {
                (22, format!("(22) The requested URL returned error: {status}"), status, String::new())
            }
            Some((_, Reply::Answer { status, pod, .. })) => (0, String::new(), status, body_of(status, &pod)),
        };
        let head = format!("HTTP/1.1 {status} {}\r\n\r\n", reason(status));
        let shown = match (curl.head, curl.include) {
            _ if code != 0 => String::new(),
            (true, _) => head,
            (false, true) => format!("{head}{body}"),
            (false, false) => body,
        };
        match curl.file.as_deref() {
            Some("/dev/null") => {}
            Some(path) if code == 0 => {
                let (absolute, now) = (self.absolute(path), self.cluster.api_time());
                let written = self.cluster.files.write(&self.view, &absolute, (shown.as_bytes(), false), now);
                if written.is_err() {
                    out.error("curl: (23) client returned ERROR on write, 0 bytes");
                    return 23;
                }
            }
            _ => out.stdout.extend(shown.into_bytes()),
        }
        if let Some(format) = &curl.format {
            let text = format.replace("%{http_code}", &format!("{status:03}")).replace("\\n", "\n");
            out.stdout.extend(text.into_bytes());
        }
        if code != 0 && (!curl.silent || curl.shows_errors) {
            out.error(&format!("curl: {error}"));
        }
        code
    }

    /// `wget -qO- URL`, in the words of busybox.
    pub(super) fn wget(&mut self, arguments: &[String], out: &mut Output) -> i32 {
        let mut file = None;
        let mut text = None;
        let mut rest = arguments.iter();
        while let Some(argument) = rest.next() {
            match argument.as_str() {
                "-T" | "-t" | "--timeout" | "--tries" => drop(rest.next()),
                short if short.starts_with('-') && !short.starts_with("--") => {
                    if let Some((_, name)) = short.split_once('O') {
                        file = if name.is_empty() { rest.next().cloned() } else { Some(name.to_owned()) };
                    }
                }
                long if long.starts_with("--") => {}
                url => text = Some(url.to_owned()),
            }
        }
        let Some(url) = text.as_deref().and_then(parse_url) else {
            out.error("wget: not an http or ftp url");
            return 1;
        };
        let body = match self.fetch(&url) {
            None => Err(format!("wget: bad address '{}'", url.host)),
            Some((ip, Reply::Refused)) => Err(format!("wget: can't connect to remote host ({ip}): Connection refused")),
            Some((_, Reply::TimedOut)) => Err("wget: download timed out".to_owned()),
            Some((_, Reply::Answer { status, .. })) if status >= 400 => {
                Err(format!("wget: server returned error: HTTP/1.1 {status} {}", reason(status)))
            }
            Some((_, Reply::Answer { status, pod, .. })) => Ok(body_of(status, &pod)),
        };
        match (body, file.as_deref()) {
            (Err(error), _) => {
                out.error(&error);
                1
            }
            (Ok(body), Some("-")) => {
                out.stdout.extend(body.into_bytes());
                0
            }
            (Ok(body), name) => {
                let name = name.map_or_else(|| "index.html".to_owned(), str::to_owned);
                let (absolute, now) = (self.absolute(&name), self.cluster.api_time());
                let written = self.cluster.files.write(&self.view, &absolute, (body.as_bytes(), false), now);
                i32::from(written.is_err() && name != "/dev/null")
            }
        }
    }
}

/// What a mock container answers: its pod's name, or what is wrong.
fn body_of(status: u16, pod: &str) -> String {
    if status < 400 { format!("{pod}\n") } else { format!("{status} {}\n", reason(status).to_lowercase()) }
}

fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        201 => "Created",
        204 => "No Content",
        301 => "Moved Permanently",
        302 => "Found",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        429 => "Too Many Requests",
        500 => "Internal Server Error",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        _ => "",
    }
}
