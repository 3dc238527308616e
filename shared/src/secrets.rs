//! Floor 2: plain secrets, their digests and hashes, and the keys that make them. It knows accounts and tickets by their ids
//! only.

pub mod code;
pub mod derivation;
pub mod keyring;
pub mod password;
pub mod secret;
pub mod temporary;
pub mod token;
