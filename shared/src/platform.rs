//! Floor 1: the ground that everything stands on. It knows nothing of passwords, practices or requests.

pub mod aws;
pub mod clock;
pub mod config;
pub mod error;
pub mod ids;
pub mod telemetry;
pub mod typing;
pub mod wire;
