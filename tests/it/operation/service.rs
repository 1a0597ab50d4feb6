//! The program under a service manager: what it is handed and what it tells.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    os::unix::net::UnixDatagram,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

use super::Home;
use crate::support::{
    launch::{Launch, Serving},
    store::{StoreKind, TempDir},
    ws::PATIENCE,
};

/// Listens as systemd does, and starts the program on that socket, anew at each SIGUSR1.
const MANAGER: &str = include_str!("service.py");

/// Where the program says how it is.
struct Notices {
    socket: UnixDatagram,
    path: String,
    _dir: TempDir,
}

impl Notices {
    fn new() -> Self {
        let dir = TempDir::new();
        std::fs::create_dir(dir.path()).expect("a folder");
        let path = dir
            .path()
            .join("notify")
            .to_str()
            .expect("UTF-8")
            .to_owned();
        let socket = UnixDatagram::bind(&path).expect("a socket");
        socket.set_read_timeout(Some(PATIENCE)).expect("a limit");
        Self {
            socket,
            path,
            _dir: dir,
        }
    }

    fn next(&self) -> String {
        let mut notice = [0; 1_024];
        let length = self.socket.recv(&mut notice).expect("a notice");
        String::from_utf8(notice[..length].to_vec()).expect("text")
    }
}

fn managed(home: &Home) -> Launch {
    // Where there is another python3 than the system's, it may need this.
    let path = std::env::var("PATH").expect("a PATH");
    home.launch().env("PATH", &path)
}

async fn serves(launch: Launch) -> Serving {
    launch.by(&["python3", "-c", MANAGER]).serves().await
}

/// One answer over a connection of its own.
fn ask(address: SocketAddr) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.write_all(b"GET /healthz HTTP/1.1\r\nhost: here\r\nconnection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restart_on_a_socket_that_was_handed_over_refuses_no_connection() {
    let home = Home::new(StoreKind::Embedded).await;
    let notices = Notices::new();
    let launch = managed(&home)
        .env("PORT", "1")
        .env("NOTIFY_SOCKET", &notices.path);
    let serving = serves(launch).await;
    assert_eq!(notices.next(), "READY=1\n");
    let address = serving.address;
    assert_ne!(address.port(), 1, "it serves on what it was given");
    let stop = Arc::new(AtomicBool::new(false));
    let clients = (0..4).map(|_| {
        let stop = stop.clone();
        thread::spawn(move || {
            let mut answers = 0;
            while !stop.load(Ordering::Relaxed) {
                let answer = ask(address).expect("an answer");
                assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
                answers += 1;
            }
            answers
        })
    });
    let clients = clients.collect::<Vec<_>>();
    for _ in 0..3 {
        serving.signal("-USR1");
        assert_eq!(notices.next(), "STOPPING=1\n");
        assert_eq!(notices.next(), "READY=1\n");
    }
    stop.store(true, Ordering::Relaxed);
    for client in clients {
        assert!(client.join().expect("no connection was refused") > 0);
    }
    serving.signal("-TERM");
    assert_eq!(serving.ended().await.code, Some(0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_manager_hears_of_rereading_and_life() {
    let home = Home::new(StoreKind::Embedded).await;
    let notices = Notices::new();
    let settings = format!("{}.toml", notices.path);
    std::fs::write(&settings, "").expect("a file");
    let launch = managed(&home)
        .env("CONFIG", &settings)
        .env("NOTIFY_SOCKET", &notices.path)
        .env("WATCHDOG_USEC", "300000");
    let serving = serves(launch).await;
    assert_eq!(notices.next(), "READY=1\n");
    assert_eq!(notices.next(), "WATCHDOG=1\n");
    serving.signal("-HUP");
    let mut heard = Vec::new();
    while heard.last().is_none_or(|last| last != "READY=1\n") {
        heard.push(notices.next());
    }
    heard.retain(|notice| notice != "WATCHDOG=1\n");
    assert_eq!(heard.len(), 2, "{heard:?}");
    let since = heard[0].strip_prefix("RELOADING=1\nMONOTONIC_USEC=");
    let since = since.expect(&heard[0]).trim_end().parse::<u64>();
    assert!(since.expect("a number") > 0);
    serving.signal("-TERM");
    assert_eq!(serving.ended().await.code, Some(0));
}

#[tokio::test]
async fn what_is_no_socket_to_serve_on_is_one_line() {
    let home = Home::new(StoreKind::Embedded).await;
    // Which process is meant is left out, so this one is.
    let two = home.launch().env("LISTEN_FDS", "2").ends().await;
    two.refused(&["2 sockets were handed over"]);
    let none = home.launch().env("LISTEN_FDS", "1").ends().await;
    none.refused(&["the socket that was handed over (LISTEN_FDS) is none to serve on"]);
    assert!(!home.dir.path().exists());
}
