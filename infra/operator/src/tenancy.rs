//! The life of a practice and of the people in it: lists, exports, ends.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde_json::{Map, Value, json};

use crate::file::Lines;
use crate::invoke::{Failure, Target, action};
use crate::{Portal, say};

/// What can be done with practices and their people.
#[derive(Debug, Subcommand)]
pub(crate) enum Tenancy {
    /// List every practice
    ListPractices,
    /// Disable a practice: nobody signs in or recovers there, and every session ends
    DisablePractice { practice: String },
    /// Open a disabled practice again
    EnablePractice { practice: String },
    /// Write a practice's settings, accounts and log into a file, as one JSON object a line
    ExportPractice {
        practice: String,
        /// The file, which must not exist
        #[arg(long, value_name = "FILE")]
        to: PathBuf,
    },
    /// Delete a disabled practice with all its accounts. Its events stay
    DeletePractice { practice: String },
    /// Print what is known of a person, as JSON
    ExportPerson(Person),
    /// Keep an account from being erased, because the law or a dispute asks for it
    HoldPerson(Person),
    /// Let a held account go
    ReleasePerson(Person),
    /// Erase an account: its owner's data goes, and its events stay, with its id
    ErasePerson(Person),
    /// Merge a duplicate into the account that its owner goes on with, and erase it
    MergeAccounts {
        practice: String,
        /// The username of the account that goes
        #[arg(long, value_name = "NAME", required_unless_present = "duplicate_id")]
        duplicate: Option<String>,
        /// Its id instead
        #[arg(long, value_name = "ID", conflicts_with = "duplicate")]
        duplicate_id: Option<String>,
        /// The username of the account that stays
        #[arg(long, value_name = "NAME", required_unless_present = "into_id")]
        into: Option<String>,
        /// Its id instead
        #[arg(long, value_name = "ID", conflicts_with = "into")]
        into_id: Option<String>,
        #[arg(long, value_enum, default_value_t = Portal::Client)]
        portal: Portal,
    },
    /// Take back every link, invitation and temporary password that somebody has issued and nobody has used
    RevokeIssued {
        practice: String,
        /// The id of the account of the member of staff
        #[arg(long, value_name = "ID", required_unless_present = "operator")]
        staff: Option<String>,
        /// What was issued by direct invocation
        #[arg(long, conflicts_with = "staff")]
        operator: bool,
        /// The time from which on it was issued, such as 2026-12-01T18:00:00Z
        #[arg(long, value_name = "TIME")]
        from: Option<String>,
    },
    /// End every session at a practice
    EndSessions {
        practice: String,
        #[arg(long, value_enum)]
        portal: Option<Portal>,
    },
    /// End the passwords at a practice, with every session and everything issued, and mail each owner a link
    ResetPasswords {
        practice: String,
        #[arg(long, value_enum)]
        portal: Option<Portal>,
        /// Only passwords whose hash needs this pepper
        #[arg(long, value_name = "ID")]
        pepper: Option<String>,
        /// Mail nobody: people ask for a link when they cannot sign in
        #[arg(long)]
        no_mail: bool,
        /// The mails a second, 1 to 100
        #[arg(long, value_name = "NUMBER", default_value_t = 5)]
        rate: u32,
    },
}

/// One account.
#[derive(Debug, Args)]
pub(crate) struct Person {
    practice: String,
    #[arg(long, value_name = "NAME", required_unless_present = "account")]
    username: Option<String>,
    /// The account's id, instead of its username
    #[arg(long, value_name = "ID", conflicts_with = "username")]
    account: Option<String>,
    #[arg(long, value_enum, default_value_t = Portal::Client)]
    portal: Portal,
}

impl Person {
    fn payload(&self, name: &str) -> Map<String, Value> {
        let who = who(self.username.as_ref(), self.account.as_ref());
        let portal = self.portal.as_str().into();
        action(name, [("practice", self.practice.clone().into()), ("portal", portal), ("who", who)])
    }
}

fn who(username: Option<&String>, id: Option<&String>) -> Value {
    username.map_or_else(|| json!({"account": id}), |username| json!({"username": username}))
}

/// The payload of an action of one practice.
fn of_practice(name: &str, practice: String) -> Map<String, Value> {
    action(name, [("practice", practice.into())])
}

fn portal_value(portal: Option<Portal>) -> Value {
    portal.map(Portal::as_str).into()
}

impl Tenancy {
    /// Does it. Returns the answer.
    pub(crate) async fn run(self, target: &Target) -> Result<Value, Failure> {
        let once = |payload| async move { target.invoke("operator", &Value::Object(payload)).await };
        match self {
            Self::ListPractices => list(target).await,
            Self::DisablePractice { practice } => {
                let disabled = once(of_practice("disable_practice", practice.clone())).await?;
                target.sum_pages(of_practice("end_sessions", practice)).await?;
                Ok(disabled)
            }
            Self::EnablePractice { practice } => once(of_practice("enable_practice", practice)).await,
            Self::ExportPractice { practice, to } => {
                let mut lines = Lines::create(&to)?;
                let take = |answer: &Value| {
                    answer["lines"]
                        .as_array()
                        .into_iter()
                        .flatten()
                        .try_for_each(|line| lines.write(line))?;
                    Ok(Map::new())
                };
                target.each_page(of_practice("export_practice", practice), take).await?;
                Ok(json!({"lines": lines.finish()?}))
            }
            Self::DeletePractice { practice } => delete(target, practice).await,
            Self::ExportPerson(person) => export(target, &person).await,
            Self::HoldPerson(person) => once(person.payload("hold_person")).await,
            Self::ReleasePerson(person) => once(person.payload("release_person")).await,
            Self::ErasePerson(person) => once(person.payload("erase_person")).await,
            Self::MergeAccounts { practice, duplicate, duplicate_id, into, into_id, portal } => {
                let duplicate = who(duplicate.as_ref(), duplicate_id.as_ref());
                let into = who(into.as_ref(), into_id.as_ref());
                let portal = portal.as_str().into();
                let members = [
                    ("practice", practice.into()),
                    ("portal", portal),
                    ("duplicate", duplicate),
                    ("into", into),
                ];
                once(action("merge_accounts", members)).await
            }
            Self::RevokeIssued { practice, staff, operator: _, from } => {
                let issuer = staff.map_or_else(|| json!("operator"), |staff| json!({"staff": staff}));
                let members = [("practice", practice.into()), ("issuer", issuer), ("from", from.into())];
                target.sum_pages(action("revoke_issued", members)).await
            }
            Self::EndSessions { practice, portal } => {
                let members = [("practice", practice.into()), ("portal", portal_value(portal))];
                target.sum_pages(action("end_sessions", members)).await
            }
            Self::ResetPasswords { practice, portal, pepper, no_mail, rate } => {
                let members = [
                    ("practice", practice.into()),
                    ("portal", portal_value(portal)),
                    ("pepper", pepper.into()),
                    ("mail", (!no_mail).into()),
                    ("rate", rate.into()),
                ];
                reset(target, action("reset_passwords", members)).await
            }
        }
    }
}

async fn list(target: &Target) -> Result<Value, Failure> {
    let mut practices = Vec::new();
    let take = |answer: &Value| {
        practices.extend(answer["practices"].as_array().cloned().unwrap_or_default());
        Ok(Map::new())
    };
    target.each_page(action("list_practices", []), take).await?;
    Ok(json!({"practices": practices}))
}

/// Deletes a practice, a part after the other.
async fn delete(target: &Target, practice: String) -> Result<Value, Failure> {
    let (mut erased, mut held, mut deleted) = (0, 0, false);
    let take = |answer: &Value| {
        erased += answer["erased"].as_u64().unwrap_or_default();
        held += answer["held"].as_u64().unwrap_or_default();
        deleted = answer["deleted"] == true;
        Ok(Map::new())
    };
    target.each_page(of_practice("delete_practice", practice), take).await?;
    if held > 0 {
        say("accounts are held: release them, and delete the practice again");
    }
    Ok(json!({"erased": erased, "held": held, "deleted": deleted}))
}

/// Exports a person, with every event.
async fn export(target: &Target, person: &Person) -> Result<Value, Failure> {
    let mut whole = Value::Null;
    let take = |answer: &Value| {
        match whole["events"].as_array_mut() {
            Some(events) => events.extend(answer["events"].as_array().cloned().unwrap_or_default()),
            None => whole = answer.clone(),
        }
        Ok(Map::new())
    };
    target.each_page(person.payload("export_person"), take).await?;
    if let Some(members) = whole.as_object_mut() {
        members.remove("cursor");
    }
    Ok(whole)
}

/// Ends passwords, and has the mails of each part follow those of the part before.
async fn reset(target: &Target, payload: Map<String, Value>) -> Result<Value, Failure> {
    let mut sums = json!({"reset": 0, "others": 0, "mailed": 0, "unreachable": 0});
    let take = |answer: &Value| {
        for name in ["reset", "others", "mailed", "unreachable"] {
            sums[name] =
                (sums[name].as_u64().unwrap_or_default() + answer[name].as_u64().unwrap_or_default()).into();
        }
        sums["last_mail_at"] = answer["mail_at"].clone();
        Ok([("mail_at".to_owned(), answer["mail_at"].clone())].into_iter().collect())
    };
    target.each_page(payload, take).await?;
    Ok(sums)
}
