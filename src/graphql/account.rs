//! Accounts: signing up, in and out.

use async_graphql::InputObject;

use super::{
    Mutation, RequestContext,
    context::SessionCookie,
    engine::{fields, object},
    scalar::DateTime,
    user::User,
};
use crate::{
    chat::{SignedIn, Signup},
    domain::{Password, Timestamp},
    error::Error,
};

/// What someone who signs up gives.
#[derive(InputObject)]
struct SignupInput {
    /// 3 to 32 characters: letters, digits, '_', '.' and '-'; unique ignoring case.
    username: String,
    /// At least 8 characters, at most 71 bytes in UTF-8 (what bcrypt takes in full), no NUL.
    password: String,
    /// 1 to 64 characters that show something; the username when left out.
    display_name: Option<String>,
    /// http or https, at most 2,048 characters; never fetched by the server, which may take it from some hosts only.
    avatar_url: Option<String>,
}

/// What someone who logs in gives.
#[derive(InputObject)]
struct LoginInput {
    /// The username, in whatever case.
    username: String,
    /// The password.
    password: String,
}

/// A fresh sign-in.
#[derive(Clone)]
struct AuthPayload {
    token: String,
    expires_at: Timestamp,
    user: User,
}

object! {
    /// A fresh sign-in.
    AuthPayload, |payload, cx| {
        /// Send it as `Authorization: Bearer …`, or as `token` in the WebSocket's `connection_init` payload. Browsers need neither: an `HttpOnly` cookie carries it too.
        token: String = each => payload.token.as_str();
        /// When the session ends by itself.
        expiresAt: DateTime = each => payload.expires_at;
        /// Who is signed in now.
        user: User = each => &payload.user;
    }
}

impl AuthPayload {
    fn new(cx: &RequestContext, signed_in: SignedIn) -> Self {
        let SignedIn {
            user,
            session,
            token,
        } = signed_in;
        let expires_at = session.expires_at;
        let cookie = SessionCookie::Set {
            token: token.clone(),
            session,
        };
        *cx.cookie.lock() = Some(Box::new(cookie));
        Self {
            token,
            expires_at,
            user: User(user),
        }
    }
}

fields! { mutations of Mutation, |_mutation, cx| {
    /// Makes an account and signs it in.
    signup(
        /// Who signs up.
        input: SignupInput,
    ): AuthPayload = each loads {
        let SignupInput {
            username,
            password,
            display_name,
            avatar_url,
        } = input;
        let signup = Signup {
            username,
            password,
            display_name,
            avatar_url,
        };
        Ok(AuthPayload::new(&cx, cx.chat.signup(cx.origin, signup).await?))
    };
    /// Signs someone in. An unknown username and a wrong password get the same answer.
    login(
        /// Who logs in.
        input: LoginInput,
    ): AuthPayload = each loads {
        let password = Password::attempt("input.password", &input.password)?;
        let signed_in = cx.chat.login(cx.origin, &input.username, password).await?;
        Ok(AuthPayload::new(&cx, signed_in))
    };
    /// Ends this session (or all of the viewer's) for good: its token stops working at once, its open sockets are closed. Clears the cookie.
    logout(
        /// End all of the viewer's sessions.
        everywhere: bool = false,
    ): bool = each loads {
        *cx.cookie.lock() = Some(Box::new(SessionCookie::Clear));
        match &cx.viewer {
            Some(viewer) => cx.chat.logout(viewer, everywhere).await?,
            // The session is over already, which is all that was asked for.
            None if cx.had_token => {}
            None => return Err(Error::signed_out().into()),
        }
        Ok(true)
    };
} }
