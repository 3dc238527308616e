//! Floor 5: the HTTP contract that every function keeps: the form of a request, and the parts of every reply (R2).
//!
//! It never reads a forwarded header. The gateway states the caller's address, or an edge that proves itself by a secret (L1), and
//! links come from configuration (F4).

pub mod administrators;
pub mod auth;
pub mod call;
pub mod cors;
pub mod document;
mod edge;
pub mod gateway;
mod headers;
pub mod page;
pub mod problem;
pub mod proof;
pub mod reply;
pub mod route;
