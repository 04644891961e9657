//! The body of an answer as hyper sends it: octets, or a text whose pieces are made as the client takes them. A text
//! that cannot go on breaks the connection off, so that nobody takes a part for the whole.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::{Body, Frame, SizeHint};
use tracing::error;

use crate::gateway::Pieces;

/// The body of an answer.
pub enum Content {
    /// All at once, its length told.
    Whole(Full<Bytes>),
    /// Piece by piece.
    Pieces(Box<Pieces>),
}

/// Why a text broke off. What it was is in the log.
#[derive(Debug, thiserror::Error)]
#[error("the answer broke off")]
pub struct BrokenOff;

impl Body for Content {
    type Data = Bytes;
    type Error = BrokenOff;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BrokenOff>>> {
        match self.get_mut() {
            Self::Whole(octets) => Pin::new(octets).poll_frame(context).map_err(|never| match never {}),
            Self::Pieces(pieces) => Poll::Ready(pieces.next().map(|piece| match piece {
                Ok(text) => Ok(Frame::data(text.into())),
                Err(cause) => {
                    error!(cause = cause.detail, "an answer broke off");
                    Err(BrokenOff)
                }
            })),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Whole(octets) => octets.is_end_stream(),
            Self::Pieces(_) => false,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(octets) => octets.size_hint(),
            Self::Pieces(_) => SizeHint::default(),
        }
    }
}
