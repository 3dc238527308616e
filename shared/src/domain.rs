//! Floor 3: the concepts of the product and their rules. It is pure: nothing here reads a clock, the store or a
//! request.

pub mod account;
pub mod challenge;
pub mod directory;
pub mod event;
pub mod guardian;
pub mod help;
pub mod identifier;
pub mod issued;
pub mod issuer;
pub mod limit;
pub mod not_me;
pub mod notice;
pub mod origin;
pub mod outbox;
pub mod permission;
pub mod practice;
pub mod proof;
pub mod question;
pub mod session;
pub mod spray;
pub mod text;
pub mod ticket;
pub mod typed_password;
