//! This module serves `GET /v1/admin/accounts`, the list and the search of accounts.

use std::collections::{BTreeSet, HashMap};
use std::fmt;

use http::StatusCode;
use rekey::domain::account::{Account, MailStatus, Setup};
use rekey::domain::directory::Search;
use rekey::domain::permission::Staff;
use rekey::domain::practice::Portal;
use rekey::http::call::Call;
use rekey::http::problem::{ErrorCode, Problem};
use rekey::http::reply::Reply;
use rekey::http::route::{Caller, Operation, QUERY};
use rekey::platform::ids::AccountId;
use rekey::store::directory::{Part, Place};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::Deps;
use crate::facts::AdminAccount;

/// The largest number of accounts on a page, without the associated accounts that come with them.
const PAGE: usize = 25;
/// The largest number of accounts on a page of which associated accounts are a part. An account has at most 50 of those.
const PAGE_WITH_ASSOCIATED: usize = 100;
/// The number of entries in one read, and below it the largest number of reads for one page. A caller whose filter few accounts
/// fit goes on with the cursor.
const READ: i32 = 50;
const MOST_READS: usize = 10;

/// The accounts that are asked for.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct ListQuery {
    /// The portal of the accounts. The default is `client`.
    #[serde(default)]
    pub portal: Portal,
    /// The words to search for. Each must begin a word of the name or a part of one, the username, the email or the
    /// record email. Case and accents do not count. Without words, all accounts are listed.
    #[serde(default)]
    pub q: String,
    /// The caller's own caseload (`mine`), or all clients. The default is `all`. A caller who may see only their own caseload
    /// gets it by default, and 403 for `all`.
    #[param(inline)]
    pub caseload: Option<Caseload>,
    /// The progress of the set-up: only accounts with this progress are listed.
    pub status: Option<Setup>,
    /// The state of mail to the address: only accounts with this state are listed.
    pub mail: Option<MailStatus>,
    /// The `next_cursor` of the page before. Leave it out for the first page.
    #[param(value_type = Option<String>, pattern = "^[0-7][0-9A-HJKMNP-TV-Z]{25}\\.[0-9]{1,4}$")]
    pub cursor: Option<Cursor>,
}

/// The last entry of a page: the id of its account and the number of the entry. It contains no name, because it becomes part of
/// an address.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(try_from = "String")]
pub struct Cursor {
    account: AccountId,
    nth: usize,
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.account, self.nth)
    }
}

impl TryFrom<String> for Cursor {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, &'static str> {
        let parts = text.split_once('.').and_then(|(id, nth)| Some((id.parse().ok()?, nth.parse().ok()?)));
        parts.map(|(account, nth)| Self { account, nth }).ok_or("no cursor")
    }
}

/// The clients to be listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Caseload {
    /// The clients of the caller's own caseload.
    Mine,
    /// All clients whom the caller may see.
    All,
}

/// A page of accounts.
#[derive(Debug, Serialize, ToSchema)]
pub struct AccountsPage {
    /// The accounts, ordered by name. A search orders them by the words that it found, and a caseload by the time at which they
    /// were created. In a search, associated accounts follow the account that was found.
    pub accounts: Vec<AdminAccount>,
    /// The `cursor` of the next page, or null at the end. A page can be short, or even empty, and still have a next page.
    pub next_cursor: Option<String>,
}

/// The operation `GET /v1/admin/accounts`.
pub struct ListAccounts;

impl Operation for ListAccounts {
    const CALLER: Caller = Caller::Staff;
    const ERRORS: &'static [&'static [ErrorCode]] = &[QUERY];
}

/// Lists or searches accounts
///
/// Staff list all clients. If the practice scopes by caseload, staff who are not administrators list only the clients of their
/// caseload. Only administrators list accounts of staff. A search also returns the accounts that are associated with the accounts
/// that it finds. A page has at most 25 accounts, without the associated ones, and at most 100 with them.
#[utoipa::path(get, path = "/v1/admin/accounts", impl_for = ListAccounts, operation_id = "listAccounts", tag = "staff", params(ListQuery),
    responses(
        (status = 200, body = AccountsPage)))]
pub async fn list_accounts(deps: &Deps, call: &Call) -> Result<Reply, Problem> {
    let staff = deps.staff(call).await?;
    let asked: ListQuery = call.query()?;
    staff.must_manage(asked.portal)?;
    if staff.is_scoped() && asked.caseload == Some(Caseload::All) {
        return Err(Problem::new(ErrorCode::Forbidden));
    }
    let listing = Listing { deps, staff: &staff, search: Search::parse(&asked.q), asked: &asked };
    let (found, next) = listing.page().await?;
    let accounts = listing.with_associated(found).await?;
    let now = deps.ambient.now();
    let accounts = accounts.iter().map(|account| AdminAccount::of(account, now)).collect();
    Reply::json(
        StatusCode::OK,
        &AccountsPage { accounts, next_cursor: next.map(|cursor| cursor.to_string()) },
    )
}

struct Listing<'a> {
    deps: &'a Deps,
    staff: &'a Staff,
    search: Search,
    asked: &'a ListQuery,
}

impl Listing<'_> {
    /// Reads a page, and the cursor of the next one.
    async fn page(&self) -> Result<(Vec<Account>, Option<Cursor>), Problem> {
        let mut last = self.asked.cursor;
        let mut after = match last {
            Some(cursor) => Some(self.place_of(cursor).await?),
            None => None,
        };
        let (mut page, mut size) = (Vec::new(), 0);
        for _ in 0..MOST_READS {
            let places = self.read(after.as_deref()).await?;
            let ids: Vec<AccountId> = places.iter().map(|place| place.account).collect();
            let accounts = self.deps.store.find_accounts(&ids).await?;
            let accounts: HashMap<AccountId, Account> =
                accounts.into_iter().map(|account| (account.id, account)).collect();
            for (place, account) in
                places.iter().filter_map(|place| Some((place, accounts.get(&place.account)?)))
            {
                // An entry can be older than the account, and is then left out.
                let Some(nth) = self.places(account).iter().position(|entry| *entry == place.entry) else {
                    continue;
                };
                // An account with several entries is listed at the first of them.
                if nth == 0 && self.takes(account) {
                    size += 1 + if self.search.is_empty() { 0 } else { account.associations.len() };
                    if size > PAGE_WITH_ASSOCIATED && !page.is_empty() {
                        return Ok((page, last));
                    }
                    page.push(account.clone());
                }
                last = Some(Cursor { account: account.id, nth });
                if page.len() == PAGE {
                    return Ok((page, last));
                }
            }
            if places.len() < usize::try_from(READ).unwrap_or_default() {
                return Ok((page, None));
            }
            after = places.into_iter().next_back().map(|place| place.entry);
        }
        Ok((page, last))
    }

    async fn read(&self, after: Option<&str>) -> Result<Vec<Place>, Problem> {
        let (store, part) = (&self.deps.store, Part { after, limit: READ });
        if self.is_own_caseload() {
            return Ok(store.list_caseload(self.staff.account.id, part).await?);
        }
        let practice = &self.staff.practice.slug;
        Ok(store.search_directory(practice, self.asked.portal, &self.search, part).await?)
    }

    fn is_own_caseload(&self) -> bool {
        self.staff.is_scoped() || self.asked.caseload == Some(Caseload::Mine)
    }

    /// The entries of an account among those that are read, in their order.
    fn places(&self, account: &Account) -> Vec<String> {
        if self.is_own_caseload() { vec![account.id.to_string()] } else { self.search.entries_of(account) }
    }

    async fn place_of(&self, cursor: Cursor) -> Result<String, Problem> {
        let account = self.deps.store.find_account(cursor.account).await?;
        let account = account.filter(|account| self.staff.sees(account));
        let place = account.and_then(|account| self.places(&account).into_iter().nth(cursor.nth));
        place.ok_or_else(|| Problem::invalid("cursor", "must be an answer's next_cursor"))
    }

    fn takes(&self, account: &Account) -> bool {
        self.staff.sees(account)
            && account.portal == self.asked.portal
            && self.search.finds(account)
            && self.asked.status.is_none_or(|status| account.setup == status)
            && self.asked.mail.is_none_or(|mail| account.mail == mail)
    }

    /// Adds the associated accounts to what a search has found: a search for a client also finds the guardian, and the reverse.
    async fn with_associated(&self, found: Vec<Account>) -> Result<Vec<Account>, Problem> {
        if self.search.is_empty() {
            return Ok(found);
        }
        let now = self.deps.ambient.now();
        let own: BTreeSet<AccountId> = found.iter().map(|account| account.id).collect();
        let ids = found.iter().flat_map(|account| account.open_associations(now).map(|other| other.account));
        let ids: BTreeSet<AccountId> = ids.filter(|id| !own.contains(id)).collect();
        let others = self.deps.store.find_accounts(&ids.into_iter().collect::<Vec<_>>()).await?;
        let mut all = Vec::with_capacity(found.len() + others.len());
        let mut shown = own;
        for account in found {
            let associated: Vec<_> = account.open_associations(now).cloned().collect();
            all.push(account);
            for other in
                others.iter().filter(|other| associated.iter().any(|entry| entry.account == other.id))
            {
                if self.staff.sees(other) && shown.insert(other.id) {
                    all.push(other.clone());
                }
            }
        }
        Ok(all)
    }
}
