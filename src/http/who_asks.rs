//! Who asks: what a request says of its client, and whom its token stands for.

use axum::http::{Extensions, HeaderMap, HeaderName, header};

use super::{Http, Peer};
use crate::{
    auth::Viewer,
    chat::Origin,
    domain::Device,
    error::{Error, Result},
    graphql::{RequestContext, RequestId},
};

/// The header in which a client says whom it believes to be signed in.
const VIEWER: HeaderName = HeaderName::from_static("viewer");

/// What is known of a request's client before its token is looked at.
pub(super) struct Client {
    /// The request's.
    pub(super) id: RequestId,
    /// Of its header or its cookie.
    pub(super) token: Option<String>,
    /// Where it is.
    origin: Origin,
    /// What it says of itself.
    device: Option<Device>,
}

impl Client {
    /// Of the request with these headers and extensions.
    pub(super) fn of(
        http: &Http,
        peer: Peer,
        headers: &HeaderMap,
        extensions: &Extensions,
    ) -> Self {
        // Every request is given an id before it comes here.
        let id = extensions.get().copied();
        let device = headers.get(header::USER_AGENT);
        let cookie = || http.0.cookies.token(headers);
        Self {
            id: id.unwrap_or_else(RequestId::fresh),
            token: bearer_token(headers).map(str::to_owned).or_else(cookie),
            origin: Origin(http.0.origins.client(peer, headers)),
            device: device.and_then(|device| Device::of(device.as_bytes())),
        }
    }

    /// What the resolvers of one of its operations, which arrives now, may ask. `had_token` is whether it showed one, a
    /// useless one included.
    pub(super) fn context(
        &self,
        http: &Http,
        viewer: Option<Viewer>,
        had_token: bool,
    ) -> RequestContext {
        let mut context = RequestContext::new(self.id, &http.0.api, viewer, had_token, self.origin);
        context.device.clone_from(&self.device);
        context
    }
}

/// Whether only its cookie says who asks, which a browser sends whoever's page it shows.
pub(super) fn is_by_cookie(http: &Http, headers: &HeaderMap) -> bool {
    bearer_token(headers).is_none() && http.0.cookies.token(headers).is_some()
}

/// The id of the user whom a request's client believes to be signed in.
pub(super) fn believed(headers: &HeaderMap) -> Option<&str> {
    let id = headers.get(VIEWER)?;
    Some(id.to_str().unwrap_or("no id has such characters"))
}

/// The token in a request's `Authorization` header.
pub(super) fn bearer_token(headers: &HeaderMap) -> Option<&str> {
    bearer(headers.get(header::AUTHORIZATION)?.to_str().ok()?)
}

/// The token in the value of an `Authorization` header (RFC 6750, section 2.1).
pub(super) fn bearer(value: &str) -> Option<&str> {
    let (scheme, token) = value.trim().split_once(' ')?;
    (scheme.eq_ignore_ascii_case("bearer"))
        .then(|| token.trim())
        .filter(|token| !token.is_empty())
}

/// Who a token stands for; a useless one stands for nobody.
///
/// All tabs of a browser send the newest cookie, whoever a page was loaded for. So a client may say by the id of a user
/// whom it `believes` to be signed in; an empty id says nothing.
///
/// # Errors
/// [`Error::ViewerChanged`] when the token stands for someone else than believed; the store's.
pub(super) async fn viewer(
    http: &Http,
    token: Option<&str>,
    believed: Option<&str>,
) -> Result<Option<Viewer>, Error> {
    let Some(token) = token else {
        return Ok(None);
    };
    let viewer = http.0.api.chat().viewer(token).await?.ok();
    let another = |viewer: &Viewer| {
        believed.is_some_and(|id| !id.is_empty() && id != viewer.user_id.to_string())
    };
    if viewer.as_ref().is_some_and(another) {
        return Err(Error::ViewerChanged);
    }
    Ok(viewer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bearer_tokens_are_read_in_any_case_of_the_scheme() {
        assert_eq!(bearer("Bearer abc"), Some("abc"));
        assert_eq!(bearer("bearer  abc "), Some("abc"));
        for none in ["Bearer", "Bearer ", "Basic abc", "abc", ""] {
            assert_eq!(bearer(none), None, "{none}");
        }
    }
}
