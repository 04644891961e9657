//! Work on many records at once, functions of a mapping among it, which may keep a core for long: it is done beside the
//! threads that all requests share, so that none waits for another's list.

use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::task::block_in_place;

/// Work on fewer than these is done where it is: it is done sooner than another thread has taken over.
const FEW: usize = 16;

/// Does work on so many records.
pub(super) fn aside<T>(records: usize, work: impl FnOnce() -> T) -> T {
    let has_others =
        || Handle::try_current().is_ok_and(|now| now.runtime_flavor() == RuntimeFlavor::MultiThread);
    if records < FEW || !has_others() { work() } else { block_in_place(work) }
}
