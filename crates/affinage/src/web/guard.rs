//! Who is let in: the token in the address, `Host` and `Origin`.

use anyhow::anyhow;

use super::reply::Reply;
use super::request::{Head, Method};

#[derive(Clone)]
pub struct Guard {
    token: String,
    hosts: [String; 2],
    audience: Audience,
    /// What programs must send; `None` asks for nothing.
    key: Option<String>,
}

/// Who is expected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Audience {
    /// The browser of the person at this machine: the token is in every address.
    Person,
    /// Programs on this machine, at plain addresses. A page in a browser is kept out by what browsers send and scripts
    /// cannot leave away: `Origin` with every POST, `Sec-Fetch-Site` with every request.
    Programs,
}

const TOKEN_BYTES: usize = 24;

impl Guard {
    /// A guard with a new random token.
    ///
    /// Errors: the operating system gives no random bytes.
    pub fn new(port: u16, audience: Audience) -> anyhow::Result<Guard> {
        let mut bytes = [0; TOKEN_BYTES];
        getrandom::fill(&mut bytes).map_err(|error| anyhow!("no random bytes for the token: {error}"))?;
        let token = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        let hosts = [format!("127.0.0.1:{port}"), format!("localhost:{port}")];
        Ok(Guard { token, hosts, audience, key: None })
    }

    /// The same guard that asks programs for this key.
    pub fn with_key(self, key: Option<String>) -> Guard {
        Guard { key, ..self }
    }

    pub fn token(&self) -> &str {
        &self.token
    }

    /// The path below the token, still encoded, or the refusal to send.
    pub fn admit<'a>(&self, head: &'a Head) -> Result<&'a str, Reply> {
        let is_host = |name: &str| self.hosts.iter().any(|host| host == name);
        if !head.host.as_deref().is_some_and(is_host) {
            return Err(Reply::error(421, "this server answers to 127.0.0.1 only", None));
        }
        let path = head.target.split('?').next().unwrap_or_default();
        if self.audience == Audience::Programs {
            // `none`: a person typed the address.
            let is_from_page =
                head.origin.is_some() || head.fetch_site.as_deref().is_some_and(|s| s != "none");
            let has_key = || {
                self.key
                    .as_deref()
                    .is_none_or(|key| are_equal(head.bearer.as_deref().unwrap_or_default(), key))
            };
            return match is_from_page {
                true => Err(Reply::error(403, "the request comes from a page in a browser", None)),
                false if !has_key() => {
                    Err(Reply::api_refusal(401, "this server expects its key in `Authorization: Bearer`"))
                }
                false => Ok(path.trim_start_matches('/')),
            };
        }
        let is_origin = |origin: &str| origin.strip_prefix("http://").is_some_and(is_host);
        let origin_fits = match (&head.origin, head.method) {
            (Some(origin), _) => is_origin(origin),
            (None, Method::Get) => true,
            (None, Method::Post) => false,
        };
        if !origin_fits {
            return Err(Reply::error(403, "the request comes from another page", None));
        }
        let below = path.strip_prefix('/').and_then(|path| path.split_once('/'));
        match below {
            Some((token, below)) if are_equal(token, &self.token) => Ok(below),
            _ => Err(Reply::error(
                403,
                "this address has no valid token",
                Some("use the address that the terminal shows; it changes at every start"),
            )),
        }
    }
}

/// Compares without stopping at the first difference, so that time tells nothing about the secret but its length.
fn are_equal(given: &str, secret: &str) -> bool {
    let pairs = given.bytes().zip(secret.bytes());
    given.len() == secret.len() && pairs.fold(0, |seen, (a, b)| seen | (a ^ b)) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(method: Method, target: &str, host: &str, origin: Option<&str>) -> Head {
        Head {
            method,
            target: target.to_owned(),
            host: Some(host.to_owned()),
            origin: origin.map(str::to_owned),
            fetch_site: None,
            bearer: None,
        }
    }

    #[test]
    fn only_the_token_the_host_and_the_own_page_are_let_in() {
        let guard = Guard::new(4000, Audience::Person).expect("random bytes");
        let page = format!("/{}/api/card?id=a%20b", guard.token());
        let status = |method, target: &str, host, origin| {
            guard.admit(&head(method, target, host, origin)).map_or_else(|reply| reply.status, |_| 200)
        };
        let own = Some("http://127.0.0.1:4000");
        assert_eq!(status(Method::Get, &page, "127.0.0.1:4000", None), 200);
        assert_eq!(status(Method::Post, &page, "localhost:4000", own), 200);
        assert_eq!(status(Method::Post, &page, "127.0.0.1:4000", None), 403, "a POST names its page");
        assert_eq!(status(Method::Get, &page, "127.0.0.1:4000", Some("http://127.0.0.1:4001")), 403);
        assert_eq!(status(Method::Get, &page, "127.0.0.1:4000", Some("null")), 403);
        assert_eq!(status(Method::Get, &page, "evil.example:4000", None), 421, "DNS rebinding");
        assert_eq!(status(Method::Get, "/", "127.0.0.1:4000", None), 403);
        assert_eq!(status(Method::Get, &page.replacen('/', "/0", 1), "127.0.0.1:4000", None), 403);
        let own_page = head(Method::Get, &page, "127.0.0.1:4000", None);
        assert_eq!(guard.admit(&own_page).ok(), Some("api/card"));
        assert_ne!(guard.token(), Guard::new(4000, Audience::Person).expect("random bytes").token());
    }

    #[test]
    fn programs_send_the_key_where_there_is_one() {
        let guard =
            Guard::new(4000, Audience::Programs).expect("random bytes").with_key(Some("k-123".to_owned()));
        for (bearer, status) in
            [(Some("k-123"), 200), (Some("k-124"), 401), (Some("k-1234"), 401), (Some(""), 401), (None, 401)]
        {
            let mut head = head(Method::Get, "/v1/models", "127.0.0.1:4000", None);
            head.bearer = bearer.map(str::to_owned);
            assert_eq!(guard.admit(&head).map_or_else(|reply| reply.status, |_| 200), status, "{bearer:?}");
        }
    }

    #[test]
    fn programs_need_no_token_and_pages_are_kept_out() {
        let guard = Guard::new(4000, Audience::Programs).expect("random bytes");
        let status = |method, host, origin| {
            guard.admit(&head(method, "/v1/models", host, origin)).map_or_else(|reply| reply.status, |_| 200)
        };
        assert_eq!(status(Method::Get, "127.0.0.1:4000", None), 200);
        assert_eq!(status(Method::Post, "localhost:4000", None), 200);
        assert_eq!(status(Method::Post, "127.0.0.1:4000", Some("https://evil.example")), 403);
        assert_eq!(status(Method::Get, "127.0.0.1:4000", Some("http://127.0.0.1:4000")), 403);
        assert_eq!(status(Method::Post, "evil.example:4000", None), 421, "DNS rebinding");
        let mut fetched = head(Method::Get, "/v1/models", "127.0.0.1:4000", None);
        assert_eq!(guard.admit(&fetched).ok(), Some("v1/models"));
        for (site, lets_in) in [("none", true), ("cross-site", false), ("same-site", false)] {
            fetched.fetch_site = Some(site.to_owned());
            assert_eq!(
                guard.admit(&fetched).is_ok(),
                lets_in,
                "an image of another page sends no Origin: {site}"
            );
        }
    }
}
