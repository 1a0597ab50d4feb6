//! Why a server cannot be reached. The driver says so in prose alone, so each address is tried once more by hand.

use std::{io, time::Duration};

use futures_util::future::join_all;
use mongodb::options::ServerAddress;
use tokio::{
    net::{TcpStream, lookup_host},
    time::timeout,
};

use crate::store::OpenError;

/// How long trying the addresses again may take.
const PATIENCE: Duration = Duration::from_secs(2);

/// The port of an address that names none.
const PORT: u16 = 27_017;

/// The error for servers that the driver could not reach.
pub(super) async fn unreachable(hosts: &[ServerAddress]) -> OpenError {
    let address = addresses(hosts);
    let reasons = join_all(hosts.iter().map(|host| async move {
        let reason = timeout(PATIENCE, reason(host)).await;
        reason.unwrap_or_else(|_| "nothing answered in time".to_owned())
    }))
    .await;
    let reason = match reasons.as_slice() {
        [reason] => reason.clone(),
        _ => hosts
            .iter()
            .zip(reasons)
            .map(|(host, reason)| format!("{host}: {reason}"))
            .collect::<Vec<_>>()
            .join("; "),
    };
    OpenError::new(format_args!(
        "MongoDB at {address} cannot be reached: {reason}."
    ))
}

/// The error for a name whose entries in the DNS cannot be found.
pub(super) fn unresolved(name: &str) -> OpenError {
    OpenError::new(format_args!(
        "MongoDB at {name} cannot be reached: the name does not resolve."
    ))
}

/// Addresses as people write them.
pub(super) fn addresses(hosts: &[ServerAddress]) -> String {
    hosts
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(",")
}

async fn reason(host: &ServerAddress) -> String {
    let ServerAddress::Tcp { host, port } = host else {
        return "nothing answered there".to_owned();
    };
    let found = lookup_host((host.as_str(), port.unwrap_or(PORT))).await;
    let found = found.map(Iterator::collect::<Vec<_>>).unwrap_or_default();
    if found.is_empty() {
        return "the name does not resolve".to_owned();
    }
    match TcpStream::connect(found.as_slice()).await {
        Ok(_) => {
            "it takes connections, but nothing answered as a MongoDB that is ready does".to_owned()
        }
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
            "the connection was refused".to_owned()
        }
        Err(error) => format!("the connection failed ({error})"),
    }
}
