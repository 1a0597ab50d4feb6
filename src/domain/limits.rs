//! Every limit and interval in one place. Fields, not constants, so that tests shorten them.

use std::time::Duration;

/// What the server allows and how often it does things; [`Limits::default`] is what it runs with.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Bytes of an HTTP request body or a WebSocket message.
    pub request_bytes: usize,
    /// Bytes of a GraphQL document.
    pub document_bytes: usize,
    /// Levels of nested fields.
    pub depth: usize,
    /// Cost of an operation: a field counts 1, a page its size times what it holds.
    pub complexity: usize,
    /// Fields at the root of an operation, fragments followed.
    pub root_fields: usize,
    /// Aliases in an operation, fragments followed.
    pub aliases: usize,
    /// Directives in an operation, fragments followed.
    pub directives: usize,
    /// How long a query or mutation may take.
    pub operation: Duration,
    /// How long a client may take to send a request's head.
    pub request_head: Duration,
    /// How long a client may take to send a request's body.
    pub request_body: Duration,
    /// How long requests under way have when the server stops.
    pub shutdown: Duration,

    /// How long a socket may stay silent before its `connection_init`.
    pub connection_init: Duration,
    /// How often a socket is pinged.
    pub ping_interval: Duration,
    /// How long a socket may answer nothing before it is closed.
    pub silence: Duration,
    /// How long a write to a socket may be stuck before the link is cut.
    pub write_stall: Duration,
    /// Subscriptions under way on one socket, of which one more is refused. As many queries and mutations may be beside
    /// them: the next begins when one of them has ended.
    pub operations_per_socket: usize,
    /// Open sockets of one user.
    pub sockets_per_user: usize,

    /// Messages replayed to a subscription before it is told to load its screen again.
    pub replay: usize,
    /// How often the log is read for what other processes wrote, and ended sessions are looked for, in case that was not
    /// heard.
    pub sweep_interval: Duration,
    /// How long signals to other processes are gathered while there are many.
    pub signal_gather: Duration,
    /// How long it may wait to be signalled that something was written which concerns nobody at another process.
    pub signal_unhurried: Duration,
    /// For how long it may be relied upon that other processes would have been heard.
    pub hearing_lasts: Duration,
    /// How long an entry waits for the one before it in its conversation, when that cannot be read, before the log is
    /// taken to have a hole there: longer than a server that lost its office can take itself for the primary.
    pub hole_patience: Duration,
    /// How often this process says that it lives; well below [`crate::store::StoreLimits::lease`].
    pub lease_renewal: Duration,
    /// How often expired rows are forgotten.
    pub tidy_interval: Duration,
    /// How long a user without a socket still counts as online, so that a reload is no change.
    pub presence_grace: Duration,
    /// How long changes of presence are gathered before watchers are told.
    pub presence_gather: Duration,
    /// Ids that `onlineUsersChanged(among:)` takes.
    pub watched_users: usize,
    /// People in one event of those that list who is online.
    pub listed_at_once: usize,
    /// People that `onlineUsers` gives.
    pub online_users: usize,
    /// How long "is typing" lasts when nothing renews it.
    pub typing_fade: Duration,

    /// Logins, and signups, a minute for one address and for one username.
    pub sign_ins_per_minute: u32,
    /// Messages a second for one user.
    pub sends_per_second: u32,
    /// Messages at once for one user.
    pub send_burst: u32,
    /// Sends that wait for the store before more are turned away.
    pub waiting_sends: usize,
    /// Messages written as one batch.
    pub batch: usize,
    /// Password hashes that wait for a core before more are turned away.
    pub waiting_hashes: usize,
    /// How long a session found valid is not looked up again.
    pub session_cache: Duration,
    /// How long a profile is not looked up again, where other processes may change it.
    pub profile_cache: Duration,
    /// How long it is not looked up again who has blocked whom, where other processes may change it.
    pub block_cache: Duration,
    /// How much longer another process than the one that indexes messages waits before it takes over.
    pub index_patience: Duration,
    /// Read marks that are read from the store at a time, to be told.
    pub marks_at_once: usize,
    /// For how long a deleted account is still looked for in groups: longer than it takes to add somebody to one, so that
    /// whoever looked before the deletion and adds the account after it is made up for.
    pub deletion_settles: Duration,
    /// Members of one group.
    pub group_members: usize,
    /// Members of a group up to which all are told how far each has read; in a larger one only its own other devices.
    pub marks_told: usize,
    /// People that one user may block.
    pub blocked_users: usize,
    /// Sessions that a user is shown, the newest.
    pub listed_sessions: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            request_bytes: 256 * 1024,
            document_bytes: 32 * 1024,
            depth: 15,
            complexity: 5_000,
            root_fields: 15,
            aliases: 30,
            directives: 50,
            operation: Duration::from_secs(10),
            request_head: Duration::from_secs(10),
            request_body: Duration::from_secs(10),
            shutdown: Duration::from_secs(10),
            connection_init: Duration::from_secs(5),
            ping_interval: Duration::from_secs(20),
            silence: Duration::from_secs(45),
            write_stall: Duration::from_secs(10),
            operations_per_socket: 100,
            sockets_per_user: 50,
            replay: 5_000,
            sweep_interval: Duration::from_secs(2),
            signal_gather: Duration::from_millis(20),
            signal_unhurried: Duration::from_millis(500),
            hearing_lasts: Duration::from_secs(2),
            hole_patience: Duration::from_secs(10),
            lease_renewal: Duration::from_secs(5),
            tidy_interval: Duration::from_mins(1),
            presence_grace: Duration::from_secs(2),
            presence_gather: Duration::from_millis(100),
            watched_users: 500,
            listed_at_once: 500,
            online_users: 1_000,
            typing_fade: Duration::from_secs(6),
            sign_ins_per_minute: 10,
            sends_per_second: 20,
            send_burst: 40,
            waiting_sends: 4_096,
            batch: 256,
            waiting_hashes: 256,
            session_cache: Duration::from_secs(4),
            profile_cache: Duration::from_secs(4),
            block_cache: Duration::from_secs(4),
            index_patience: Duration::from_millis(500),
            marks_at_once: 1_000,
            deletion_settles: Duration::from_mins(1),
            group_members: 250,
            marks_told: 32,
            blocked_users: 1_000,
            listed_sessions: 1_000,
        }
    }
}
