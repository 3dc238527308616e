#![doc = include_str!("../README.md")]

pub mod domain;
pub mod http;
pub mod mail;
pub mod platform;
pub mod secrets;
pub mod store;
