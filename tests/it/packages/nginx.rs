//! The configuration for nginx, with a real one.

use std::{
    fs,
    io::Write,
    net::{Ipv4Addr, SocketAddr},
    path::Path,
    process::{Child, Command, Stdio},
};

use serde_json::json;

use super::file;
use crate::support::{
    Client, eventually, launch::Launch, mongod::free_port, or_skipped, store::TempDir, ws::Ws,
};

const DOCUMENT: &str = "subscription { newMessage { cursor message { body } } }";

/// nginx with the configuration, at other ports and with a certificate of its own; killed when dropped.
struct Nginx(Child);

impl Nginx {
    /// `plain` is a further port, without TLS.
    async fn start(dir: &Path, server: SocketAddr, tls: u16, plain: u16) -> Self {
        let site = file("nginx.conf")
            .replace("listen 443 ssl;", &format!("listen 127.0.0.1:{tls} ssl;"))
            .replace(
                "listen [::]:443 ssl;",
                &format!("listen 127.0.0.1:{plain};"),
            )
            .replace(
                "listen 80;",
                &format!("listen 127.0.0.1:{};", free_port().expect("a port")),
            )
            .replace("listen [::]:80;", "")
            .replace("server 127.0.0.1:4000 ", &format!("server {server} "))
            .replace("/etc/nginx/tls/chat.example.org.pem", "tls.pem")
            .replace("/etc/nginx/tls/chat.example.org.key", "tls.key");
        fs::write(dir.join("site.conf"), site).expect("a file");
        let folders = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .map(|name| format!("{name}_temp_path {name};\n"));
        let main = format!(
            "daemon off;\nmaster_process off;\npid pid;\nerror_log stderr;\nevents {{}}\n\
             http {{\naccess_log off;\n{}include site.conf;\n}}\n",
            folders.concat()
        );
        fs::write(dir.join("main.conf"), main).expect("a file");
        let child = Command::new("nginx")
            .args(["-e", "stderr", "-c", "main.conf", "-p"])
            .arg(dir)
            .stdin(Stdio::null())
            .spawn()
            .expect("nginx starts");
        let started = Self(child);
        eventually("nginx listens", async || {
            tokio::net::TcpStream::connect((Ipv4Addr::LOCALHOST, plain))
                .await
                .is_ok()
        })
        .await;
        started
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_socket_goes_on_through_nginx_where_it_was_cut() {
    let there = Command::new("nginx").arg("-v").output();
    if or_skipped("nginx", there.map_err(|error| error.to_string())).is_none() {
        return;
    }
    let (dir, data) = (TempDir::new(), TempDir::new());
    fs::create_dir(dir.path()).expect("a folder");
    certificate(dir.path());
    let serving = Launch::over(data.path())
        .env("TRUSTED_PROXIES", "127.0.0.1")
        .env("SECURE_COOKIES", "on")
        .serves()
        .await;
    let (tls, plain) = (free_port().expect("a port"), free_port().expect("a port"));
    let start = || Nginx::start(dir.path(), serving.address, tls, plain);
    let nginx = start().await;
    let through = SocketAddr::from((Ipv4Addr::LOCALHOST, plain));
    let nobody = Client::new(format!("http://{through}/graphql"));
    let ann = nobody.clone().sign_up("ann").await;
    let bob = nobody.clone().sign_up("bob").await;

    let mut socket = Ws::open(through).await;
    socket.init(json!({ "token": bob.token })).await;
    socket.subscribe("1", DOCUMENT, json!({})).await;
    socket.settle().await;
    ann.send(&bob, "one").await;
    let event = socket.event("1").await["newMessage"].clone();
    assert_eq!(event["message"]["body"], "one");
    drop(nginx);
    assert_eq!(socket.closed().await, None, "cut");
    let direct = ann.at(serving.url("/graphql"));
    direct.send(&bob, "two").await;

    let _nginx = start().await;
    let mut socket = Ws::open(through).await;
    let resume = json!({ "token": bob.token, "resume": event["cursor"] });
    socket.init(resume).await;
    socket.subscribe("1", DOCUMENT, json!({})).await;
    let event = socket.event("1").await["newMessage"].clone();
    assert_eq!(event["message"]["body"], "two");

    let answer = over_tls(
        tls,
        "GET /readyz HTTP/1.0\r\nHost: chat.example.org\r\n\r\n",
    );
    assert!(
        answer.contains(" 200 OK") && answer.ends_with("ready"),
        "{answer}"
    );
    // Where pages of this server come from: through TLS.
    let origin = |scheme: &str| {
        format!(
            "GET /graphql?query=%7B__typename%7D HTTP/1.0\r\nHost: chat.example.org\r\nX-Forwarded-Proto: http\r\n\
             Origin: {scheme}://chat.example.org\r\nCookie: __Host-chinwag_session={}\r\n\r\n",
            bob.token.as_deref().expect("a token")
        )
    };
    let own = over_tls(tls, &origin("https"));
    assert!(own.contains(" 200 OK"), "{own}");
    let foreign = over_tls(tls, &origin("http"));
    assert!(!foreign.contains(" 200 OK"), "{foreign}");
}

fn certificate(dir: &Path) {
    let made = Command::new("openssl")
        .args([
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-nodes",
        ])
        .args([
            "-subj",
            "/CN=chat.example.org",
            "-keyout",
            "tls.key",
            "-out",
            "tls.pem",
        ])
        .current_dir(dir)
        .output()
        .expect("openssl is there");
    assert!(
        made.status.success(),
        "{}",
        String::from_utf8_lossy(&made.stderr)
    );
}

/// What is answered to a request through TLS.
fn over_tls(port: u16, request: &str) -> String {
    let mut client = Command::new("openssl")
        .args([
            "s_client",
            "-quiet",
            "-ign_eof",
            "-connect",
            &format!("127.0.0.1:{port}"),
        ])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("openssl is there");
    let mut input = client.stdin.take().expect("an input");
    input.write_all(request.as_bytes()).expect("a request");
    let ran = client.wait_with_output().expect("an answer");
    drop(input);
    String::from_utf8_lossy(&ran.stdout).into_owned()
}
