//! Journeys and threats, end to end: every handler in one process, through the real SDK, against a real DynamoDB API.
//!
//! The default is the embedded engine. `AWS_ENDPOINT_URL_DYNAMODB` directs the same tests to any other, such as AWS's
//! DynamoDB Local. Each test has a table, a mailbox and a clock of its own, so that all run at once.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test's helper fails like the test itself"
)]

mod support;

mod account_changes;
mod accounts;
mod activity;
mod address_hold;
mod administrators;
mod advisories;
mod alarms;
mod answers;
mod brand;
mod brand_attacks;
mod budget;
mod caller_proof;
mod change;
mod change_log;
mod closing;
mod code_alike;
mod code_delivery;
mod code_guesses;
mod code_limits;
mod code_mailboxes;
mod codes;
mod confirming;
mod contract;
mod cookies;
mod cost;
mod cross_origin;
mod deployment;
mod direct_links;
mod document;
mod documents;
mod edge;
mod edge_stack;
mod failure;
mod floods;
mod former_address;
mod freezing;
mod front_door;
mod guardian_attacks;
mod guardians;
mod hand_over;
mod help;
mod help_attacks;
mod help_ends;
mod help_requests;
mod hostile_events;
mod house;
mod import_files;
mod imports;
mod large_log;
mod leaving;
mod leaving_attacks;
mod limits;
mod mail_events;
mod mail_limits;
mod mail_marks;
mod mail_preview;
mod mail_sent;
mod metrics;
mod names;
mod not_me;
mod not_me_attacks;
mod open_tickets;
mod operator;
mod outbox;
mod pages;
mod parked;
mod people;
mod permissions;
mod portal_origins;
mod portals;
mod proven_addresses;
mod question_changes;
mod questions;
mod races;
mod relations;
mod releases;
mod reset;
mod restored;
mod roles;
mod secrets;
mod senders;
mod sessions;
mod settings;
mod slips;
mod spraying;
mod temporary;
mod temporary_limits;
mod temporary_mail;
mod tenancy;
mod tickets;
mod trail;
mod undelivered;
mod voiding;
