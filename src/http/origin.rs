//! Where requests come from: the address behind proxies, and the web page behind a browser's request.

use std::{
    fmt,
    net::{IpAddr, SocketAddr},
    str::FromStr,
    sync::Arc,
};

use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use ipnet::IpNet;
use parking_lot::RwLock;

/// The other end of a connection.
#[derive(Clone, Copy, Debug)]
pub struct Peer(pub SocketAddr);

/// The origin of a web page (RFC 6454), such as `https://app.example.org`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AllowedOrigin(String);

impl FromStr for AllowedOrigin {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let no_origin = |_| "it is no origin, such as https://app.example.org".to_owned();
        let url = url::Url::parse(text).map_err(no_origin)?;
        let origin = url.origin();
        if !origin.is_tuple() || !matches!(url.scheme(), "http" | "https") {
            return Err("it is not an http or https origin".into());
        }
        if url.path() != "/"
            || url.query().is_some()
            || url.fragment().is_some()
            || !url.username().is_empty()
        {
            return Err(
                "an origin is a scheme, a host and perhaps a port, and nothing else".into(),
            );
        }
        Ok(Self(origin.ascii_serialization()))
    }
}

impl fmt::Display for AllowedOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The origins besides our own that are let in. All clones hold the same ones, which may be replaced while the server runs.
#[derive(Clone, Debug, Default)]
pub struct AllowedOrigins(Arc<RwLock<Vec<AllowedOrigin>>>);

impl AllowedOrigins {
    pub(super) fn new(origins: Vec<AllowedOrigin>) -> Self {
        Self(Arc::new(RwLock::new(origins)))
    }

    /// Lets these in from now on, and no others; a socket that is open stays so.
    pub fn replace(&self, origins: Vec<AllowedOrigin>) {
        *self.0.write() = origins;
    }

    /// Whether nobody but our own pages is let in.
    pub(super) fn is_empty(&self) -> bool {
        self.0.read().is_empty()
    }

    pub(super) fn contains(&self, origin: &str) -> bool {
        self.0.read().iter().any(|allowed| allowed.0 == origin)
    }
}

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Whom to believe, and whom to let in.
pub(super) struct OriginPolicy {
    allowed: AllowedOrigins,
    proxies: Vec<IpNet>,
    secure: bool,
}

impl OriginPolicy {
    pub(super) fn new(allowed: Vec<AllowedOrigin>, proxies: Vec<IpNet>, secure: bool) -> Self {
        Self {
            allowed: AllowedOrigins::new(allowed),
            proxies,
            secure,
        }
    }

    pub(super) fn allowed(&self) -> &AllowedOrigins {
        &self.allowed
    }

    fn is_proxy(&self, address: IpAddr) -> bool {
        self.proxies
            .iter()
            .any(|network| network.contains(&address.to_canonical()))
    }

    /// The client's address: the peer, or, behind trusted proxies, the nearest address that none of them has.
    pub(super) fn client(&self, Peer(peer): Peer, headers: &HeaderMap) -> IpAddr {
        let peer = peer.ip().to_canonical();
        if !self.is_proxy(peer) {
            return peer;
        }
        let forwarded = headers.get_all(FORWARDED_FOR);
        let mut hops = forwarded
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(','));
        let mut nearest = peer;
        while let Some(hop) = hops.next_back() {
            let Some(address) = address(hop.trim()) else {
                break;
            };
            nearest = address;
            if !self.is_proxy(nearest) {
                break;
            }
        }
        nearest
    }

    /// Whether nobody but this machine is asking.
    pub(super) fn is_this_machine(&self, peer: Peer, headers: &HeaderMap) -> bool {
        let relayed = [FORWARDED_FOR, header::FORWARDED, header::VIA]
            .iter()
            .any(|name| headers.contains_key(name));
        self.client(peer, headers).is_loopback() && (!relayed || self.is_proxy(peer.0.ip()))
    }

    /// Whether a request's `Origin` is neither this server's own nor an allowed one. No `Origin` is not foreign.
    pub(super) fn is_foreign(&self, peer: Peer, headers: &HeaderMap) -> bool {
        let Some(origin) = headers.get(header::ORIGIN) else {
            return false;
        };
        let Ok(origin) = origin.to_str() else {
            return true;
        };
        !(self.allowed.contains(origin) || self.is_own(peer, headers, origin))
    }

    fn is_own(&self, Peer(peer): Peer, headers: &HeaderMap, origin: &str) -> bool {
        let host = headers.get(header::HOST).map(HeaderValue::to_str);
        let Some(Ok(host)) = host else {
            return false;
        };
        let proto = headers
            .get(FORWARDED_PROTO)
            .filter(|_| self.is_proxy(peer.ip()));
        let is = |scheme: &str| {
            let url = url::Url::parse(&format!("{scheme}://{host}")).ok();
            // Browsers leave a scheme's own port out.
            url.filter(|url| url.origin().ascii_serialization() == origin)
        };
        match proto.and_then(|proto| proto.to_str().ok()) {
            Some(proto) => is(proto.split(',').next_back().unwrap_or_default().trim()).is_some(),
            None if self.secure => {
                // What a browser finds on its own machine it trusts like https.
                is("https").is_some() || is("http").is_some_and(|url| is_loopback(&url))
            }
            None => is("http").is_some(),
        }
    }

    /// Whether a page of another site could have made a browser send this GET, cookie and all, without asking first.
    pub(super) fn is_forgeable(&self, peer: Peer, headers: &HeaderMap) -> bool {
        let cross_site = headers
            .get(FETCH_SITE)
            .is_some_and(|site| site == "cross-site");
        (cross_site || self.is_foreign(peer, headers)) && !headers.keys().any(is_custom)
    }
}

/// Whether a browser that sees this address talks to its own machine ("Secure Contexts", section 3.1, W3C).
fn is_loopback(url: &url::Url) -> bool {
    match url.host() {
        Some(url::Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

/// Characters of an origin that the log shows: more than any real one has.
const SHOWN: usize = 300;

/// Tells the log of what a page of another origin was refused. The origin is whatever a client sent: it is cut short here,
/// and escaped by the log.
pub(super) fn note_refusal(what: &str, headers: &HeaderMap) {
    let origin = headers.get(header::ORIGIN).map(HeaderValue::as_bytes);
    let origin = String::from_utf8_lossy(origin.unwrap_or_default());
    let origin = origin.chars().take(SHOWN).collect::<String>();
    tracing::info!(
        origin,
        "refused a {what}: the setting ALLOWED_ORIGINS does not name the page's origin"
    );
}

/// Headers that a page cannot add without a preflight and that neither browsers nor proxies add.
fn is_custom(name: &HeaderName) -> bool {
    let name = name.as_str();
    let by_proxies = [
        "x-forwarded-",
        "x-real-ip",
        "x-request-id",
        "x-amzn-",
        "x-cloud-",
    ];
    name.starts_with("apollo-")
        || name == "graphql-preflight"
        || (name.starts_with("x-") && !by_proxies.iter().any(|prefix| name.starts_with(prefix)))
}

/// An address with or without a port, as proxies write both.
fn address(text: &str) -> Option<IpAddr> {
    let bare = text
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
        .unwrap_or(text);
    let address = bare
        .parse::<IpAddr>()
        .ok()
        .or_else(|| text.parse::<SocketAddr>().ok().map(|socket| socket.ip()));
    address.map(|address| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        let pair = |(name, value): &(&'static str, &str)| {
            (
                HeaderName::from_static(name),
                HeaderValue::from_str(value).expect("a header"),
            )
        };
        pairs.iter().map(pair).collect()
    }

    fn peer(address: &str) -> Peer {
        Peer(SocketAddr::new(address.parse().expect("an address"), 1))
    }

    #[test]
    fn only_trusted_proxies_are_believed() {
        let policy = OriginPolicy::new(
            vec![],
            vec!["10.0.0.0/8".parse().expect("a network")],
            false,
        );
        let forwarded = headers(&[("x-forwarded-for", "6.6.6.6, 1.2.3.4, 10.0.0.9")]);
        let client = |address: &str| policy.client(peer(address), &forwarded).to_string();
        assert_eq!(
            client("10.0.0.1"),
            "1.2.3.4",
            "what the client itself claims is not believed"
        );
        assert_eq!(client("9.9.9.9"), "9.9.9.9");
        assert_eq!(
            policy
                .client(
                    peer("10.0.0.1"),
                    &headers(&[("x-forwarded-for", "rubbish")])
                )
                .to_string(),
            "10.0.0.1"
        );
    }

    #[test]
    fn foreign_origins_are_told_from_our_own() {
        let allowed = vec!["https://app.example.org".parse().expect("an origin")];
        let policy = OriginPolicy::new(allowed, vec![], false);
        let foreign = |origin: &str| {
            policy.is_foreign(
                peer("127.0.0.1"),
                &headers(&[("host", "localhost:4000"), ("origin", origin)]),
            )
        };
        assert!(!foreign("http://localhost:4000"));
        assert!(!foreign("https://app.example.org"));
        for other in [
            "https://localhost:4000",
            "http://localhost",
            "https://app.example.org.evil.com",
            "https://evil.example",
            "null",
            "",
        ] {
            assert!(foreign(other), "{other}");
        }
        assert!(!policy.is_foreign(peer("127.0.0.1"), &headers(&[("host", "localhost:4000")])));
    }

    #[test]
    fn behind_https_our_own_origin_is_https_but_on_the_browsers_own_machine() {
        let policy = OriginPolicy::new(vec![], vec![], true);
        let foreign = |host: &str, origin: &str| {
            policy.is_foreign(
                peer("127.0.0.1"),
                &headers(&[("host", host), ("origin", origin)]),
            )
        };
        assert!(!foreign("chat.example.org", "https://chat.example.org"));
        assert!(foreign("chat.example.org", "http://chat.example.org"));
        for host in ["localhost:4000", "127.0.0.1:4000", "[::1]:4000"] {
            for scheme in ["http", "https"] {
                assert!(!foreign(host, &format!("{scheme}://{host}")));
            }
            assert!(foreign(host, "http://chat.example.org"));
        }
    }

    #[test]
    fn allowed_origins_are_origins() {
        assert_eq!(
            "http://x.org:80/"
                .parse::<AllowedOrigin>()
                .expect("an origin")
                .to_string(),
            "http://x.org"
        );
        for bad in [
            "x.org",
            "*",
            "https://x.org/path",
            "ftp://x.org",
            "https://me@x.org",
            "",
        ] {
            assert!(bad.parse::<AllowedOrigin>().is_err(), "{bad}");
        }
    }
}
