//! The laptop's AWS: what the functions talk to when nothing of AWS is there.
//!
//! - [`dynamodb`]: a DynamoDB in this process, and Rekey's table in it.
//! - [`mailbox`] and [`secrets`]: SES v2 and Secrets Manager, on one port ([`services`]), with a mailbox to look into.
//! - [`keys`]: the four secrets, freshly made.
//! - [`pump`]: what Lambda's event source mapping does: the table's stream, in batches, to a function.
//!
//! Each speaks the service's own protocol, so that the functions and the AWS SDKs need no special case. It is for
//! laptops and tests and must never be deployed: nothing here checks a signature.

pub mod ambient;
pub mod dynamodb;
mod error;
pub mod keys;
pub mod mailbox;
pub mod pump;
pub mod secrets;
mod server;
pub mod services;

pub use error::Error;
pub use server::Server;
