//! Letters with descriptors, between two processes of one user on one machine.
//!
//! A post is one end of an anonymous pair of sockets: it has no name, so only who was given
//! an end can write to the other. A letter arrives whole or not at all.

use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use rustix::event::{poll, PollFd, PollFlags, Timespec};
use rustix::io::Errno;
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, SendAncillaryBuffer, SendAncillaryMessage,
};

use crate::system;

/// Most descriptors that one letter may have (Linux takes 253).
pub const FILES_MOST: usize = 250;
/// Most bytes of one letter: what needs more goes into a file.
pub const LETTER_BYTES: usize = 32 << 10;

/// See the page of this module.
#[derive(Debug)]
pub struct Post {
    fd: OwnedFd,
}

/// What was received.
#[derive(Debug)]
pub struct Letter {
    /// Its bytes, one at least.
    pub bytes: Vec<u8>,
    /// Its descriptors.
    pub files: Vec<OwnedFd>,
}

impl Post {
    /// Two posts, each the other end of the other.
    ///
    /// # Errors
    ///
    /// When the system has no descriptors left.
    pub fn pair() -> Result<(Post, Post), Errno> {
        let (a, b) = system::letter_sockets()?;
        Ok((Post { fd: a }, Post { fd: b }))
    }

    /// The end that another process has passed on.
    pub fn received(fd: OwnedFd) -> Post {
        Post { fd }
    }

    /// Sends a letter. No signal is raised when nobody has the other end any more.
    ///
    /// # Errors
    ///
    /// Then, with the system's error; a letter that is too large is refused too.
    pub fn send(&self, bytes: &[u8], files: &[BorrowedFd<'_>]) -> Result<(), Errno> {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(FILES_MOST))];
        let mut extra = SendAncillaryBuffer::new(&mut space);
        if bytes.len() > LETTER_BYTES {
            return Err(Errno::MSGSIZE);
        }
        if !files.is_empty() && !extra.push(SendAncillaryMessage::ScmRights(files)) {
            return Err(Errno::MSGSIZE);
        }
        loop {
            match system::send_letter(self.as_fd(), bytes, &mut extra) {
                Err(Errno::INTR) => {}
                sent => return sent.map(|_| ()),
            }
        }
    }

    /// The next letter, for which it waits; `None` when nobody has the other end.
    ///
    /// # Errors
    ///
    /// The system's error; a signal to this process is one.
    pub fn receive(&self) -> Result<Option<Letter>, Errno> {
        let mut bytes = vec![0; LETTER_BYTES];
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(FILES_MOST))];
        let mut extra = RecvAncillaryBuffer::new(&mut space);
        let got = system::receive_letter(self.as_fd(), &mut bytes, &mut extra);
        let got = match got {
            Err(Errno::CONNRESET) => return Ok(None),
            got => got?,
        };
        let mut files = Vec::new();
        for message in extra.drain() {
            if let RecvAncillaryMessage::ScmRights(descriptors) = message {
                files.extend(descriptors.inspect(system::keep_to_this_process));
            }
        }
        if got == 0 {
            return Ok(None);
        }
        bytes.truncate(got);
        Ok(Some(Letter { bytes, files }))
    }

    /// Waits for a letter, or for the end of the other side, at most `limit`.
    pub fn is_readable(&self, limit: Duration) -> bool {
        let mut watched = [PollFd::new(&self.fd, PollFlags::IN)];
        matches!(poll(&mut watched, Some(&timespec(limit))), Ok(n) if n > 0)
    }
}

impl AsFd for Post {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// A duration as the system takes it.
pub(crate) fn timespec(limit: Duration) -> Timespec {
    Timespec {
        tv_sec: limit.as_secs() as i64,
        tv_nsec: limit.subsec_nanos().into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_letter_arrives_whole_with_its_files() {
        let (a, b) = Post::pair().unwrap();
        let file = rustle_shared::MemoryFile::new(10).unwrap();
        file.write_at(0, b"0123456789").unwrap();
        a.send(b"hello", &[file.as_fd(), file.as_fd()]).unwrap();
        a.send(b"again", &[]).unwrap();
        let mut letter = b.receive().unwrap().unwrap();
        assert_eq!(letter.bytes, b"hello");
        assert_eq!(letter.files.len(), 2);
        let got = rustle_shared::MemoryFile::received(letter.files.remove(0)).unwrap();
        assert_eq!(got.map_private(0, 10).unwrap().bytes(0, 10), b"0123456789");
        assert_eq!(b.receive().unwrap().unwrap().bytes, b"again");
        assert!(a.send(&vec![0; LETTER_BYTES + 1], &[]).is_err());
        drop(a);
        assert!(b.receive().unwrap().is_none());
        assert!(b.send(b"x", &[]).is_err());
    }
}
