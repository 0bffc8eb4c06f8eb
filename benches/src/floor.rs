//! What rapace is compared with: the least that the machine, the kernel and a hand can do.

pub mod byte;
pub mod calls;
pub mod copies;
pub mod epoll;
pub mod futex;
pub mod handwritten;
pub mod line;
pub mod meeting;
pub mod rings;
pub mod socket;
pub mod tokio;
