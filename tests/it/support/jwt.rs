//! Tokens that a forger would make, signed without the library that the server uses.

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD as BASE64};
use hmac::{EagerHash, Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::{Sha256, Sha384, Sha512};

/// A token of these claims, signed with `secret` as its header says: `HS256`, `HS384` or `HS512`.
pub fn signed(algorithm: &str, secret: &str, claims: &Value) -> String {
    let head = json!({ "alg": algorithm, "typ": "JWT" });
    let part = |value: &Value| BASE64.encode(value.to_string());
    let message = format!("{}.{}", part(&head), part(claims));
    let signature = signature(algorithm, secret, &message);
    format!("{message}.{signature}")
}

/// What stands behind a token's second dot (RFC 7518, section 3.2).
pub fn signature(algorithm: &str, secret: &str, message: &str) -> String {
    fn over<H: EagerHash>(secret: &str, message: &str) -> String {
        let keyed = Hmac::<H>::new_from_slice(secret.as_bytes()).expect("any key will do");
        BASE64.encode(keyed.chain_update(message).finalize().into_bytes())
    }
    match algorithm {
        "HS256" => over::<Sha256>(secret, message),
        "HS384" => over::<Sha384>(secret, message),
        "HS512" => over::<Sha512>(secret, message),
        other => panic!("{other}"),
    }
}
