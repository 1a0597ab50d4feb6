//! Accounts: signing up, in and out.

use async_graphql::{Context, InputObject, Object, Result, SimpleObject};

use super::{
    context::{ContextExt, SessionCookie},
    error::all_of,
    scalar::DateTime,
    user::User,
};
use crate::{
    chat::{SignedIn, Signup},
    domain::Password,
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
#[derive(SimpleObject)]
struct AuthPayload {
    /// Send it as `Authorization: Bearer …`, or as `token` in the WebSocket's `connection_init` payload. Browsers need neither: an `HttpOnly` cookie carries it too.
    token: String,
    /// When the session ends by itself.
    expires_at: DateTime,
    /// Who is signed in now.
    user: User,
}

impl AuthPayload {
    fn new(ctx: &Context<'_>, signed_in: SignedIn) -> Result<Self> {
        let SignedIn {
            user,
            session,
            token,
        } = signed_in;
        let expires_at = DateTime(session.expires_at);
        let cookie = SessionCookie::Set {
            token: token.clone(),
            session,
        };
        *ctx.request()?.cookie.lock() = Some(Box::new(cookie));
        Ok(Self {
            token,
            expires_at,
            user: User(user),
        })
    }
}

#[derive(Default)]
pub(super) struct AccountMutation;

#[Object]
impl AccountMutation {
    /// Makes an account and signs it in.
    async fn signup(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Who signs up.")] input: SignupInput,
    ) -> Result<AuthPayload> {
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
        let signed_up = ctx.chat()?.signup(ctx.request()?.origin, signup).await;
        AuthPayload::new(ctx, signed_up.map_err(|errors| all_of(ctx, errors))?)
    }

    /// Signs someone in. An unknown username and a wrong password get the same answer.
    async fn login(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Who logs in.")] input: LoginInput,
    ) -> Result<AuthPayload> {
        let password = Password::attempt("input.password", &input.password)?;
        let signed_in = ctx
            .chat()?
            .login(ctx.request()?.origin, &input.username, password)
            .await?;
        AuthPayload::new(ctx, signed_in)
    }

    /// Ends this session (or all of the viewer's) for good: its token stops working at once, its open sockets are closed. Clears the cookie.
    async fn logout(
        &self,
        ctx: &Context<'_>,
        #[graphql(default = false, desc = "End all of the viewer's sessions.")] everywhere: bool,
    ) -> Result<bool> {
        let request = ctx.request()?;
        *request.cookie.lock() = Some(Box::new(SessionCookie::Clear));
        match &request.viewer {
            Some(viewer) => request.chat.logout(viewer, everywhere).await?,
            // The session is over already, which is all that was asked for.
            None if request.had_token => {}
            None => return Err(Error::signed_out().into()),
        }
        Ok(true)
    }
}
