//! JSON as HR systems send it: records picked out of a stream, and values picked out of a record.

mod element;
mod path;
mod seen;
mod slot;
mod surrogate;
mod value;
mod walk;

pub use element::{Element, Unread};
pub use path::{FieldPath, StreamPath};
pub use seen::PathsSeen;
pub use slot::Slot;
pub use value::{Unfit, date, text};
pub use walk::{Found, LARGEST_RECORD_BYTES, WalkError, walk};
