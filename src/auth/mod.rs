//! Who is asking: passwords, tokens, sessions.

mod hs256;
pub mod password;
pub mod session;
pub mod token;

pub use password::{Hasher, is_hash};
pub use session::{Revocation, Sessions, Viewer};
pub use token::{Signer, TokenError};
