use crate::ring::{Backpressure, Ring, RingFull};

/// What a frame carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Content {
    /// The value of a task.
    Value = 0,
    /// The error that ended a task.
    Error = 1,
    /// A condition that a task signalled.
    Condition = 2,
    /// Bytes that a task wrote to standard output.
    Output = 3,
    /// The task drew random numbers without declaring so. No body.
    Misuse = 4,
}

impl Content {
    fn from_u32(kind: u32) -> Option<Content> {
        Some(match kind {
            0 => Content::Value,
            1 => Content::Error,
            2 => Content::Condition,
            3 => Content::Output,
            4 => Content::Misuse,
            _ => return None,
        })
    }
}

/// The head of a frame. A frame is a skeleton (the encoded object, with large
/// vectors left out) and then the bytes of those vectors, the bulk, in the order
/// in which the skeleton names them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameHeader {
    /// The task it belongs to, from 0.
    pub task: u32,
    /// What it carries.
    pub content: Content,
    /// Length of the skeleton in bytes.
    pub skeleton_bytes: u64,
    /// Length of the bulk in bytes.
    pub bulk_bytes: u64,
}

const HEAD: usize = 24;
const MORE: u32 = 100;

impl FrameHeader {
    fn to_bytes(self) -> [u8; HEAD] {
        let mut b = [0; HEAD];
        b[0..4].copy_from_slice(&self.task.to_le_bytes());
        b[8..16].copy_from_slice(&self.skeleton_bytes.to_le_bytes());
        b[16..24].copy_from_slice(&self.bulk_bytes.to_le_bytes());
        b
    }

    fn parse(kind: u32, bytes: &[u8]) -> Option<FrameHeader> {
        let word = |at: usize| {
            bytes
                .get(at..at + 8)?
                .try_into()
                .ok()
                .map(u64::from_le_bytes)
        };
        Some(FrameHeader {
            task: word(0)? as u32,
            content: Content::from_u32(kind)?,
            skeleton_bytes: word(8)?,
            bulk_bytes: word(16)?,
        })
    }
}

/// Sends a frame: `skeleton`, then every piece of `bulk`. `after_record` runs
/// after each record, so that the producer can wake a sleeping consumer.
///
/// # Errors
///
/// [`RingFull`] when `wait` gave up: the frame is then half sent, and the worker
/// must end, so that the receiver discards it.
pub fn send<'a>(
    ring: &Ring,
    task: u32,
    content: Content,
    skeleton: &'a [u8],
    bulk: impl Iterator<Item = &'a [u8]> + Clone,
    wait: &mut dyn Backpressure,
    mut after_record: impl FnMut(),
) -> Result<(), RingFull> {
    let header = FrameHeader {
        task,
        content,
        skeleton_bytes: skeleton.len() as u64,
        bulk_bytes: bulk.clone().map(|b| b.len() as u64).sum(),
    };
    let max = ring.max_record();
    let (first, rest) = skeleton.split_at(skeleton.len().min(max - HEAD));
    ring.push(content as u32, [&header.to_bytes(), first], wait)?;
    after_record();
    for piece in std::iter::once(rest).chain(bulk) {
        for block in piece.chunks(max) {
            ring.push(MORE, [block, &[]], wait)?;
            after_record();
        }
    }
    Ok(())
}

/// Takes the parts of frames as they arrive.
pub trait FrameSink {
    /// The whole skeleton of a frame; the bulk follows.
    fn skeleton(&mut self, header: FrameHeader, bytes: &[u8]);
    /// The next bytes of the bulk; `at` is their offset in it.
    fn bulk(&mut self, header: FrameHeader, at: u64, bytes: &[u8]);
    /// The frame is whole.
    fn whole(&mut self, header: FrameHeader);
}

/// Puts the frames of one ring together, without ever waiting.
#[derive(Debug, Default)]
pub struct Receiver {
    header: Option<FrameHeader>,
    /// The skeleton so far, when it came in several records.
    skeleton: Vec<u8>,
    bulk_seen: u64,
}

impl Receiver {
    /// A receiver that expects the start of a frame.
    pub fn new() -> Receiver {
        Receiver::default()
    }

    /// Takes one record from the ring; `false` when there is none.
    pub fn receive(&mut self, ring: &Ring, sink: &mut dyn FrameSink) -> bool {
        let Some(record) = ring.peek() else {
            return false;
        };
        if record.kind == MORE {
            self.more(record.bytes, sink);
        } else if let Some(header) = FrameHeader::parse(record.kind, record.bytes) {
            self.header = Some(header);
            self.bulk_seen = 0;
            self.skeleton.clear();
            let body = &record.bytes[HEAD..];
            if body.len() as u64 == header.skeleton_bytes {
                sink.skeleton(header, body);
            } else {
                self.skeleton.extend_from_slice(body);
            }
            self.close_if_whole(sink);
        }
        ring.consume();
        true
    }

    /// The task of a frame that has begun and is not whole.
    pub fn unfinished(&self) -> Option<u32> {
        self.header.map(|h| h.task)
    }

    /// Forgets a half-received frame; its producer has died.
    pub fn reset(&mut self) {
        *self = Receiver::new();
    }

    fn more(&mut self, bytes: &[u8], sink: &mut dyn FrameSink) {
        let Some(header) = self.header else { return };
        let have = self.skeleton.len() as u64;
        if !self.skeleton.is_empty() && have < header.skeleton_bytes {
            self.skeleton.extend_from_slice(bytes);
            if self.skeleton.len() as u64 == header.skeleton_bytes {
                sink.skeleton(header, &self.skeleton);
                self.skeleton = Vec::new();
            }
        } else {
            sink.bulk(header, self.bulk_seen, bytes);
            self.bulk_seen += bytes.len() as u64;
        }
        self.close_if_whole(sink);
    }

    fn close_if_whole(&mut self, sink: &mut dyn FrameSink) {
        if let Some(header) = self.header {
            if self.skeleton.is_empty() && self.bulk_seen == header.bulk_bytes {
                self.header = None;
                sink.whole(header);
            }
        }
    }
}
