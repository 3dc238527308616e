//! A local substitute for AWS: the services that the functions call, on a laptop.
//!
//! - [`dynamodb`]: a DynamoDB in this process, and Rekey's table in it.
//! - [`mailbox`] and [`secrets`]: SES v2 and Secrets Manager, on one port ([`services`]), with a mailbox to look into.
//! - [`keys`]: the four secrets of a deployment, newly made.
//! - [`mod@reference`]: the HTML reference of the API, for the same port.
//! - [`pump`]: delivers the table's stream to a function in batches, as Lambda's event source mapping does.
//!
//! Each speaks the protocol of its service, so that the functions and the AWS SDKs need no special case. This crate is
//! for laptops and tests, and must never be deployed, because it checks no signature.

pub mod ambient;
pub mod dynamodb;
mod error;
pub mod keys;
pub mod mailbox;
pub mod pump;
pub mod reference;
pub mod secrets;
mod server;
pub mod services;

pub use error::Error;
pub use server::Server;
