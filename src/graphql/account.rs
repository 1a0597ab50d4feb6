//! Accounts: signing up, in and out; what people do with their own.

use async_graphql::{InputObject, MaybeUndefined};

use super::{
    Mutation, RequestContext,
    context::SessionCookie,
    engine::{fields, object},
    scalar::DateTime,
    user::User,
};
use crate::{
    chat::{ProfileUpdate, SignedIn, Signup},
    domain::{Change, Password, Timestamp},
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

/// What is to be changed of a profile; what is left out stays.
#[derive(InputObject)]
struct UpdateProfileInput {
    /// 1 to 64 characters that show something; not null.
    display_name: MaybeUndefined<String>,
    /// http or https, at most 2,048 characters; null takes it away.
    avatar_url: MaybeUndefined<String>,
}

/// What someone who changes a password gives.
#[derive(InputObject)]
struct ChangePasswordInput {
    /// The password so far.
    current_password: String,
    /// At least 8 characters, at most 71 bytes in UTF-8, no NUL.
    new_password: String,
}

/// What a value that may be left out asks for.
fn asked<T>(value: MaybeUndefined<T>) -> Change<T> {
    match value {
        MaybeUndefined::Undefined => Change::Stays,
        MaybeUndefined::Null => Change::Goes,
        MaybeUndefined::Value(value) => Change::Becomes(value),
    }
}

object! {
    /// A fresh sign-in.
    struct AuthPayload {
        token: String,
        expires_at: Timestamp,
        user: User,
    }
    |payload, cx| {
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
        let signup = Signup {
            username: input.username,
            password: input.password,
            display_name: input.display_name,
            avatar_url: input.avatar_url,
        };
        let signed_in = cx.chat.signup(cx.origin, cx.device.clone(), signup).await?;
        Ok(AuthPayload::new(&cx, signed_in))
    };
    /// Signs someone in. An unknown username and a wrong password get the same answer.
    login(
        /// Who logs in.
        input: LoginInput,
    ): AuthPayload = each loads {
        let password = Password::recall("input.password", &input.password)?;
        let device = cx.device.clone();
        let signed_in = cx.chat.login(cx.origin, device, &input.username, password).await?;
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
    /// Changes what others see of the viewer.
    updateProfile(
        /// What is to be different.
        input: UpdateProfileInput,
    ): User = each loads {
        let update = ProfileUpdate {
            display_name: asked(input.display_name),
            avatar_url: asked(input.avatar_url),
        };
        Ok(User(cx.chat.update_profile(cx.viewer_id()?, update).await?))
    };
    /// Changes the viewer's password and ends every session but the new one that it returns; their sockets are closed, this one too.
    changePassword(
        /// The password so far, and the new one.
        input: ChangePasswordInput,
    ): AuthPayload = each loads {
        let (viewer, device) = (cx.viewer()?, cx.device.clone());
        let (current, new) = (&input.current_password, &input.new_password);
        let signed_in = cx.chat.change_password(viewer, device, current, new).await?;
        Ok(AuthPayload::new(&cx, signed_in))
    };
    /// Removes the account for good and ends all of its sessions; its messages stay, with a deleted sender. Clears the cookie. The username is never given out again.
    deleteAccount(
        /// The viewer's password.
        password: String,
    ): bool = each loads {
        let viewer = cx.viewer()?;
        let password = Password::recall("password", &password)?;
        cx.chat.delete_account(viewer, password, cx.deadline()).await?;
        *cx.cookie.lock() = Some(Box::new(SessionCookie::Clear));
        Ok(true)
    };
} }
