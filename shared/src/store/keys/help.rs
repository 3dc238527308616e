//! The keys of help requests: the list of a portal by state, what leads to it from an account, and the one open request of a name.

use super::{Key, SHARDS};
use crate::domain::help::{Cause, HelpRequest, State};
use crate::domain::limit::Subject;
use crate::domain::practice::{Portal, Slug};
use crate::platform::ids::{AccountId, HelpId};

/// The partitions of a portal's help requests. A flood of them is spread over all.
pub fn help_partitions(practice: &Slug, portal: Portal) -> impl Iterator<Item = String> {
    (0..SHARDS).map(move |shard| help_partition(practice, portal, shard))
}

fn help_partition(practice: &Slug, portal: Portal, shard: u128) -> String {
    format!("HELP#{practice}#{}#{shard:02}", portal.as_str())
}

/// The beginning of the sort keys of all help requests of a state.
pub fn help_state(state: State) -> String {
    format!("{}#", state.as_str())
}

/// The key of a help request in a state.
pub fn help_request(practice: &Slug, portal: Portal, state: State, id: HelpId) -> Key {
    let pk = help_partition(practice, portal, id.random() % SHARDS);
    Key::new(pk, help_state(state) + &id.to_string())
}

/// The keys at which a help request can be, whatever its state.
pub fn help_in_any_state(practice: &Slug, portal: Portal, id: HelpId) -> impl Iterator<Item = Key> {
    State::ALL.into_iter().map(move |state| help_request(practice, portal, state, id))
}

/// The partition of what leads from an account to its help requests.
pub fn help_of(account: AccountId) -> String {
    format!("HELP#{account}")
}

/// The key of what leads from an account to a help request.
pub fn help_of_account(account: AccountId, id: HelpId) -> Key {
    Key::new(help_of(account), id.to_string())
}

/// The key of what keeps a name to one open help request, and an account to one of each other cause.
pub fn open_help(request: &HelpRequest) -> Key {
    let asked = request.sought.as_ref().filter(|_| request.cause == Cause::Asked);
    match (asked, request.accounts.first()) {
        (Some(sought), _) => {
            let of = Subject::help_for(&request.practice, request.portal, &sought.identifier);
            Key::new(format!("HELP#{}", of.as_str()), "OPEN")
        }
        (None, Some(named)) => open_help_of(named.account, request.cause),
        (None, None) => Key::new(format!("HELP#{}", request.id), "OPEN"),
    }
}

/// The key of what keeps an account to one open help request of a cause.
pub fn open_help_of(account: AccountId, cause: Cause) -> Key {
    Key::new(format!("HELP#{account}#{}", cause.as_str()), "OPEN")
}

/// The key of the counter of a practice's help requests with names that nobody has.
pub fn unknown_help(practice: &Slug) -> Key {
    Key::new(format!("COUNT#{}", Subject::unknown_help(practice).as_str()), "HELP")
}
