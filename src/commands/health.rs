//! Whether a server is ready, asked of it.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

use super::Failure;

/// How long the whole of it may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// Bytes of an answer that matter: its status, above all.
const ENOUGH: u64 = 4_096;

/// Asks the server that listens on this address.
///
/// # Errors
/// It is not ready, not there, or does not answer in time.
pub async fn run(mut address: SocketAddr) -> Result<String, Failure> {
    // Whoever listens on all addresses listens on this one.
    if address.ip().is_unspecified() {
        address.set_ip(match address.ip() {
            IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
        });
    }
    let failed = |reason: &dyn std::fmt::Display| {
        Failure::new(format_args!("no server at {address} is ready: {reason}"))
    };
    let status = match timeout(PATIENCE, ask(address)).await {
        Ok(answer) => answer.map_err(|error| failed(&error))?,
        Err(_) => return Err(failed(&"it does not answer in time")),
    };
    match status {
        Some(200) => Ok("ready\n".to_owned()),
        Some(status) => Err(failed(&format_args!("it answers {status}"))),
        None => Err(failed(&"what answers is no such server")),
    }
}

/// The status of the answer, when it is one of HTTP.
async fn ask(address: SocketAddr) -> io::Result<Option<u16>> {
    let mut stream = TcpStream::connect(address).await?;
    let request = format!("GET /readyz HTTP/1.0\r\nHost: {address}\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    stream.take(ENOUGH).read_to_end(&mut answer).await?;
    let answer = String::from_utf8_lossy(&answer);
    let status = answer
        .strip_prefix("HTTP/1.")
        .and_then(|rest| rest.split(' ').nth(1));
    Ok(status.and_then(|status| status.parse().ok()))
}
