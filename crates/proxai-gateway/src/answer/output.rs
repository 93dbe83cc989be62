//! Bytes on their way to the client.

use bytes::{Bytes, BytesMut};

/// What is to be sent next. One piece goes on as it is, without a copy; more are joined, so that
/// what came in one read leaves in one write.
#[derive(Debug, Default)]
pub(crate) struct Output {
    piece: Bytes,
    joined: BytesMut,
}

impl Output {
    /// Sends bytes on as they are, if they are alone.
    pub(crate) fn put(&mut self, bytes: Bytes) {
        if bytes.is_empty() {
            return;
        }
        if self.piece.is_empty() && self.joined.is_empty() {
            self.piece = bytes;
        } else {
            self.buffer().extend_from_slice(&bytes);
        }
    }

    /// A place to write to.
    pub(crate) fn buffer(&mut self) -> &mut BytesMut {
        if !self.piece.is_empty() {
            self.joined.extend_from_slice(&self.piece);
            self.piece = Bytes::new();
        }
        &mut self.joined
    }

    /// Whether there is nothing to send.
    pub(crate) fn is_empty(&self) -> bool {
        self.piece.is_empty() && self.joined.is_empty()
    }

    /// Everything that is to be sent, if there is anything.
    pub(crate) fn take(&mut self) -> Option<Bytes> {
        if !self.piece.is_empty() {
            Some(std::mem::take(&mut self.piece))
        } else if !self.joined.is_empty() {
            Some(self.joined.split().freeze())
        } else {
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_piece_is_not_copied_and_several_keep_their_order() {
        let mut out = Output::default();
        let piece = Bytes::from(vec![b'a'; 8]);
        out.put(piece.clone());
        assert_eq!(out.take().unwrap().as_ptr(), piece.as_ptr());
        out.put(piece);
        out.put(Bytes::from_static(b"b"));
        out.buffer().extend_from_slice(b"c");
        assert_eq!(out.take().unwrap(), "aaaaaaaabc");
        assert!(out.take().is_none());
    }
}
