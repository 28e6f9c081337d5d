//! Handles: asked for, open, and closed whatever happens; no more of them than the server allows.

use std::io;
use std::sync::Arc;

use super::answers::refused;
use super::link::Link;
use super::packet::Reply;
use super::session::Pending;

/// The right to open one handle.
pub(super) struct Permit(pub(super) Arc<Link>);

impl Permit {
    pub(super) fn one(link: &Arc<Link>) -> io::Result<Self> {
        link.session.reserve_handles(1, 1)?;
        Ok(Self(Arc::clone(link)))
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.0.session.release_handles(1);
    }
}

/// A handle that was asked for.
pub(super) struct Opening {
    /// Both are there until the answer is.
    asked: Option<(Permit, Pending)>,
}

impl Opening {
    pub(super) fn new(permit: Permit, pending: Pending) -> Self {
        Self { asked: Some((permit, pending)) }
    }

    /// Waits for the handle.
    pub(super) fn handle(mut self) -> io::Result<Handle> {
        self.take()
    }

    fn take(&mut self) -> io::Result<Handle> {
        let Some((permit, pending)) = self.asked.take() else {
            return Err(io::ErrorKind::InvalidInput.into());
        };
        match pending.wait()? {
            Reply::Handle(bytes) => Ok(Handle { permit, bytes, closed: false }),
            other => Err(refused(other)),
        }
    }

    pub(super) fn is_done(&self) -> bool {
        self.asked.as_ref().is_none_or(|(_, pending)| pending.is_done())
    }
}

impl Drop for Opening {
    /// A handle that nobody wants must still be closed.
    fn drop(&mut self) {
        if self.asked.is_some() {
            drop(self.take());
        }
    }
}

/// An open handle, closed when dropped.
pub(super) struct Handle {
    permit: Permit,
    pub(super) bytes: Vec<u8>,
    pub(super) closed: bool,
}

impl Handle {
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub(super) fn link(&self) -> &Arc<Link> {
        &self.permit.0
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        if !self.closed {
            self.link().session.close(&self.bytes);
        }
    }
}
