//! Journeys and threats, end to end: every handler in one process, through the real SDK, against a real DynamoDB API.
//!
//! By default that is the embedded engine. `AWS_ENDPOINT_URL_DYNAMODB` points the same tests at any other, such as AWS's
//! DynamoDB Local. Each test has a table, a mailbox and a clock of its own, so that all run at once.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test's helper fails like the test itself"
)]

mod support;

mod accounts;
mod activity;
mod change;
mod codes;
mod contract;
mod cookies;
mod deployment;
mod failure;
mod front_door;
mod help;
mod limits;
mod mail_events;
mod operator;
mod outbox;
mod portals;
mod questions;
mod repudiation;
mod reset;
mod roles;
mod secrets;
mod sessions;
mod temporary;
mod tickets;
