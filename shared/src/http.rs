//! Floor 5: the HTTP contract that every function keeps: what a request may look like, and what every reply carries (R2).
//!
//! Never reads a forwarded header: the caller's address is the gateway's word (L1), links come from configuration (F4).

pub mod auth;
pub mod call;
mod headers;
pub mod problem;
pub mod reply;
pub mod route;
