//! The tools of the engine, without knowledge of the engine: locks, wakers, panics, batch sizes.

pub(crate) mod batch_size;
pub(crate) mod budget;
pub(crate) mod cache_padded;
pub(crate) mod mutex;
pub mod panic;
pub(crate) mod sync;
pub(crate) mod ticket_list;
pub(crate) mod wake;
pub(crate) mod wake_flag;
