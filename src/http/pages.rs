use axum::response::{IntoResponse, Response};
pub fn graphiql() -> Response {
    "graphiql".into_response()
}
