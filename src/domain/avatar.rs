//! Pictures of people: addresses that are kept and told, and never fetched.

use std::{fmt, str::FromStr, sync::Arc};

use url::{Host, Url};

use crate::error::{Error, Result};

/// An http or https address of at most 2,048 characters. Never fetched.
#[derive(Clone, Debug, PartialEq)]
pub struct AvatarUrl(Arc<str>);

impl AvatarUrl {
    /// Checks an address from a client; `field` is the argument's path.
    pub fn parse(field: &str, text: &str, hosts: &AvatarHosts) -> Result<Self> {
        let refused = || {
            Error::bad_input(
                field,
                "An avatar is an http or https URL of at most 2,048 characters.",
            )
        };
        if text.chars().count() > 2_048 || text.chars().any(|c| c.is_control() || c.is_whitespace())
        {
            return Err(refused());
        }
        let url = Url::parse(text).map_err(|_| refused())?;
        if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
            return Err(refused());
        }
        if !hosts.may_be_named(&url) {
            let rule = "Pictures from this host are not taken here.";
            return Err(Error::bad_input(field, rule));
        }
        Ok(Self(text.into()))
    }

    /// Takes what a store kept, which was checked before it was kept.
    pub fn stored(text: &str) -> Self {
        Self(text.into())
    }

    /// As the person gave it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A host that people's pictures may come from, in the form of a Content-Security-Policy's host source (CSP level 3,
/// section 2.3.1) without a scheme: `pics.example.org`, `*.example.org` for all below it, either with a port; or `*`
/// for any.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AvatarHost {
    Any,
    Named {
        /// In ASCII and lower case.
        name: String,
        /// Whether it stands for all hosts below this name instead of this one.
        below: bool,
        /// The scheme's own when left out.
        port: Option<u16>,
    },
}

impl AvatarHost {
    fn is_of(&self, url: &Url) -> bool {
        let Self::Named { name, below, port } = self else {
            return true;
        };
        let host = url.host_str().unwrap_or_default();
        let same_name = if *below {
            host.strip_suffix(name.as_str())
                .is_some_and(|rest| rest.len() > 1 && rest.ends_with('.'))
        } else {
            host == name
        };
        same_name
            && match port {
                Some(_) => url.port_or_known_default() == *port,
                None => url.port().is_none(),
            }
    }
}

impl FromStr for AvatarHost {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let refused = || "it is a list of hosts such as pics.example.org, or *".to_owned();
        let text = text.trim();
        if text == "*" {
            return Ok(Self::Any);
        }
        let (below, text) = match text.strip_prefix("*.") {
            Some(text) => (true, text),
            None => (false, text),
        };
        let (name, port) = match text.split_once(':') {
            Some((name, port)) => (name, Some(port.parse().map_err(|_| refused())?)),
            None => (text, None),
        };
        // A URL's host may hold characters that end a directive of a policy.
        let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_');
        match Host::parse(name) {
            Ok(Host::Domain(name)) if name.chars().all(fits) => {
                Ok(Self::Named { name, below, port })
            }
            Ok(Host::Ipv4(address)) if !below => {
                let name = address.to_string();
                Ok(Self::Named { name, below, port })
            }
            _ => Err(refused()),
        }
    }
}

impl fmt::Display for AvatarHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self::Named { name, below, port } = self else {
            return f.write_str("*");
        };
        let stars = if *below { "*." } else { "" };
        write!(f, "{stars}{name}")?;
        port.map_or(Ok(()), |port| write!(f, ":{port}"))
    }
}

/// Whose pictures the chat page loads, and which hosts an avatar may name. Without any, an avatar may name every host,
/// for frontends that get pictures another way, and the page loads none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AvatarHosts(pub Vec<AvatarHost>);

impl AvatarHosts {
    fn may_be_named(&self, url: &Url) -> bool {
        self.0.is_empty() || self.0.iter().any(|host| host.is_of(url))
    }

    /// Whether every host is one of these.
    pub fn are_any(&self) -> bool {
        self.0.contains(&AvatarHost::Any)
    }
}

impl fmt::Display for AvatarHosts {
    /// As a list of host sources; `*` alone when any host is one.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.are_any() {
            return f.write_str("*");
        }
        let hosts = self.0.iter().map(ToString::to_string);
        f.write_str(&hosts.collect::<Vec<_>>().join(" "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hosts(text: &str) -> AvatarHosts {
        let hosts = text.split(',').map(|host| host.parse().expect("a host"));
        AvatarHosts(hosts.collect())
    }

    #[test]
    fn avatars_are_web_addresses() {
        let any = AvatarHosts::default();
        assert!(AvatarUrl::parse("f", "https://example.org/a.png", &any).is_ok());
        for bad in [
            "javascript:alert(1)",
            "ftp://x/y",
            "https://",
            "x",
            "https://a b",
        ] {
            assert!(AvatarUrl::parse("f", bad, &any).is_err(), "{bad}");
        }
    }

    #[test]
    fn avatars_name_hosts_that_are_allowed() {
        let some = hosts("pics.example.org,*.example.net:8443, BÜCHER.example ,10.0.0.1");
        let fits = |url: &str| AvatarUrl::parse("f", url, &some).is_ok();
        for good in [
            "https://pics.example.org/a.png",
            "http://PICS.example.org:80/a.png",
            "https://a.b.example.net:8443/",
            "https://xn--bcher-kva.example/",
            "https://bücher.example/",
            "http://10.0.0.1/",
        ] {
            assert!(fits(good), "{good}");
        }
        for bad in [
            "https://pics.example.org:444/",
            "https://example.net:8443/",
            "https://.example.net:8443/",
            "https://evilexample.net:8443/",
            "https://a.example.net/",
            "https://pics.example.org.evil.com/",
            "https://pics.example.org@evil.com/",
            "https://evil.com/?pics.example.org",
        ] {
            assert!(!fits(bad), "{bad}");
        }
        assert!(AvatarUrl::parse("f", "https://anywhere.example", &hosts("a.b,*")).is_ok());
        assert_eq!(
            some.to_string(),
            "pics.example.org *.example.net:8443 xn--bcher-kva.example 10.0.0.1"
        );
        assert_eq!(hosts("a.b,*").to_string(), "*");
    }

    #[test]
    fn hosts_are_hosts() {
        for bad in [
            "",
            "https://example.org",
            "example.org/path",
            "a*.example.org",
            "*.*.org",
            "example.org:port",
            "example.org:70000",
            "a b",
            "a;b",
            "[::1]",
            "*.10.0.0.1",
            "'self'",
        ] {
            assert!(bad.parse::<AvatarHost>().is_err(), "{bad}");
        }
    }
}
