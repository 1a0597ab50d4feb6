//! What a client takes for an answer.

use axum::http::{HeaderMap, header};

/// The media type of the GraphQL-over-HTTP specification.
pub(super) const GRAPHQL_RESPONSE: &str = "application/graphql-response+json";
/// What clients took before it.
pub(super) const JSON: &str = "application/json";

/// A way of sending many answers over one response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum StreamFormat {
    /// Server-Sent Events, as enisdenjo/graphql-sse's PROTOCOL.md has them in distinct connections mode.
    EventStream,
    /// Apollo's multipart protocol for subscriptions over HTTP.
    Multipart,
}

/// A media range of `Accept` (RFC 9110, section 12.5.1).
struct Range {
    /// In lower case, without parameters.
    name: String,
    weight: f32,
    /// Whether it asks for Apollo's way of sending subscriptions as `multipart/mixed`.
    for_subscriptions: bool,
}

fn accepted(headers: &HeaderMap) -> Vec<Range> {
    let values = headers
        .get_all(header::ACCEPT)
        .iter()
        .filter_map(|value| value.to_str().ok());
    let range = |text: &str| {
        let mut parts = text.split(';').map(str::trim);
        let name = parts.next()?.to_ascii_lowercase();
        let mut range = Range {
            name,
            weight: 1.0,
            for_subscriptions: false,
        };
        for (name, value) in parts.filter_map(|parameter| parameter.split_once('=')) {
            match name.trim().to_ascii_lowercase().as_str() {
                "q" => range.weight = value.trim().parse().unwrap_or(0.0),
                "subscriptionspec" => range.for_subscriptions = true,
                _ => {}
            }
        }
        Some(range)
    };
    values
        .flat_map(|value| value.split(','))
        .filter_map(range)
        .filter(|range| !range.name.is_empty())
        .collect()
}

/// The media type to answer with; `None` when none of ours is accepted. Clients that do not care get the one that
/// every JSON library takes.
pub(super) fn response_type(headers: &HeaderMap) -> Option<&'static str> {
    if !headers.contains_key(header::ACCEPT) {
        return Some(JSON);
    }
    let ranges = accepted(headers);
    let weight = |media_type: &str| {
        let precedence = [media_type, "application/*", "*/*"];
        let named = precedence
            .iter()
            .find_map(|range| ranges.iter().find(|other| other.name == **range));
        named.map_or(0.0, |range| range.weight)
    };
    let named = ranges
        .iter()
        .any(|range| range.name == GRAPHQL_RESPONSE && range.weight > 0.0);
    let (response, json) = (weight(GRAPHQL_RESPONSE), weight(JSON));
    match () {
        () if named && response >= json => Some(GRAPHQL_RESPONSE),
        () if json > 0.0 => Some(JSON),
        () if response > 0.0 => Some(GRAPHQL_RESPONSE),
        () => None,
    }
}

/// Whether a browser wants to show a page.
pub(super) fn prefers_html(headers: &HeaderMap) -> bool {
    let ranges = accepted(headers);
    let html = ranges
        .iter()
        .find(|range| range.name == "text/html" && range.weight > 0.0);
    html.is_some_and(|html| {
        let ours = |range: &&Range| range.name == JSON || range.name == GRAPHQL_RESPONSE;
        !ranges
            .iter()
            .filter(ours)
            .any(|range| range.weight > html.weight)
    })
}

/// How a subscription's events are sent over HTTP, if the client takes any way that we have.
pub(super) fn stream_format(headers: &HeaderMap) -> Option<StreamFormat> {
    let formats = accepted(headers).into_iter().filter_map(|range| {
        let format = match range.name.as_str() {
            "text/event-stream" => StreamFormat::EventStream,
            "multipart/mixed" if range.for_subscriptions => StreamFormat::Multipart,
            _ => return None,
        };
        (range.weight > 0.0).then_some((format, range.weight))
    });
    // The first of those that are wanted most.
    formats
        .reduce(|best, other| if other.1 > best.1 { other } else { best })
        .map(|(format, _)| format)
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn accepting(accept: &str) -> HeaderMap {
        HeaderMap::from_iter([(
            header::ACCEPT,
            HeaderValue::from_str(accept).expect("a header"),
        )])
    }

    #[test]
    fn the_answers_type_is_what_the_client_prefers() {
        for (accept, expected) in [
            (
                "application/graphql-response+json, application/json;q=0.9",
                Some(GRAPHQL_RESPONSE),
            ),
            (
                "application/json, application/graphql-response+json;q=0.5",
                Some(JSON),
            ),
            ("application/json", Some(JSON)),
            ("*/*", Some(JSON)),
            ("application/*", Some(JSON)),
            ("text/html, */*;q=0.1", Some(JSON)),
            ("text/html", None),
            ("application/json;q=0", None),
        ] {
            assert_eq!(response_type(&accepting(accept)), expected, "{accept}");
        }
        assert_eq!(response_type(&HeaderMap::new()), Some(JSON));
    }

    #[test]
    fn browsers_get_pages_and_clients_do_not() {
        assert!(prefers_html(&accepting(
            "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
        )));
        assert!(!prefers_html(&accepting(
            "application/json, text/html;q=0.1"
        )));
        assert!(!prefers_html(&accepting("*/*")));
    }

    #[test]
    fn subscriptions_are_streamed_the_way_the_client_asks_for() {
        for (accept, expected) in [
            ("text/event-stream", Some(StreamFormat::EventStream)),
            (
                "multipart/mixed;boundary=graphql;subscriptionSpec=1.0,application/json;q=0.9",
                Some(StreamFormat::Multipart),
            ),
            (
                "application/json, text/event-stream, multipart/mixed",
                Some(StreamFormat::EventStream),
            ),
            ("multipart/mixed", None),
            ("text/event-stream;q=0", None),
            ("application/json", None),
        ] {
            assert_eq!(stream_format(&accepting(accept)), expected, "{accept}");
        }
    }
}
