//! The connection below a WebSocket. Frames that the server sends go past the library's own buffer, which would stay
//! as large as the largest of them for as long as the socket lives.

use std::{
    io::{self, Cursor, IoSlice},
    pin::Pin,
    task::{Context, Poll, ready},
};

use axum::body::Bytes;
use bytes::{Buf, buf};
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_tungstenite::tungstenite::{Error, protocol::frame::Frame};

/// The longest head that a frame may have.
const LONGEST_HEAD: usize = 14;

/// What of a frame is not written yet: of its head, and of its payload.
type Rest = buf::Chain<buf::Take<Cursor<[u8; LONGEST_HEAD]>>, Bytes>;

/// A connection that writes a frame of ours before anything that the library has to say.
pub(super) struct Link {
    stream: TokioIo<Upgraded>,
    frame: Option<Rest>,
}

impl Link {
    pub(super) fn new(upgraded: Upgraded) -> Self {
        Self {
            stream: TokioIo::new(upgraded),
            frame: None,
        }
    }

    /// Takes a frame in, which goes out by the next flush. The last flush must be done, and nothing read or written
    /// since: what the library was in the middle of would be torn apart.
    ///
    /// # Errors
    /// A frame that cannot be.
    pub(super) fn send(&mut self, frame: Frame) -> Result<(), Error> {
        debug_assert!(self.frame.is_none(), "one frame at a time");
        let length = frame.payload().len();
        let mut head = [0; LONGEST_HEAD];
        frame.header().format(
            u64::try_from(length).unwrap_or(u64::MAX),
            &mut head.as_mut_slice(),
        )?;
        let head = Cursor::new(head).take(frame.len() - length);
        self.frame = Some(head.chain(frame.into_payload()));
        Ok(())
    }

    fn poll_frame(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        while let Some(frame) = &mut self.frame {
            let mut slices = [IoSlice::new(&[]); 2];
            let count = frame.chunks_vectored(&mut slices);
            let stream = Pin::new(&mut self.stream);
            let written = ready!(stream.poll_write_vectored(context, &slices[..count]))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            frame.advance(written);
            if !frame.has_remaining() {
                self.frame = None;
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncRead for Link {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Link {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        ready!(self.poll_frame(context))?;
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_frame(context))?;
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_frame(context))?;
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
