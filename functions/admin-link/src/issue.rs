//! Issuing a ticket: what all the ways in which staff help have in common.

use std::net::IpAddr;

use rekey::domain::account::{Account, MailStatus, Setup};
use rekey::domain::event::{Action, Actor, Change, Event};
use rekey::domain::identifier::Email;
use rekey::domain::issuer::Issuer;
use rekey::domain::notice::Telling;
use rekey::domain::outbox::{OutboxItem, OutboxKind};
use rekey::domain::permission::Staff;
use rekey::domain::practice::{Carries, Practice};
use rekey::domain::proof::{NewProof, RecordedProof};
use rekey::domain::ticket::{Grant, Kind, Ticket};
use rekey::http::call::Call;
use rekey::http::problem::{ErrorCode, Problem};
use rekey::platform::clock::Timestamp;
use rekey::platform::ids::{AccountId, TicketId};
use rekey::secrets::temporary::Temporary;
use rekey::secrets::token::{Nonce, Token};
use rekey::store::tickets::Issue;
use rekey::store::told::Told;
use serde::Serialize;
use utoipa::ToSchema;

use crate::Deps;
use crate::links::Deliver;
use crate::slip::PrintedSlip;

/// The ticket that was issued.
#[derive(Serialize, ToSchema)]
pub struct Issued {
    /// The id of the ticket in the account's list of tickets.
    pub ticket_id: TicketId,
    /// The time from which the ticket no longer works (RFC 3339, UTC).
    #[schema(format = DateTime)]
    pub expires_at: String,
    /// The link to be copied. It is shown once. It is left out when something is mailed or printed.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = "uri", nullable = false)]
    pub url: Option<String>,
    /// The page to be printed. It is shown once. It is left out unless the link is printed.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub slip: Option<PrintedSlip>,
    /// The address to which the mail goes, masked. It is left out when a link is copied or printed.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub sent_to: Option<String>,
    /// A warning that the mail will probably not arrive. It is left out when no problem of the address is known, and when a link
    /// is copied.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub warning: Option<MailWarning>,
}

/// The reason why a mail will probably not arrive.
#[derive(Serialize, ToSchema)]
pub struct MailWarning {
    /// The state of mail to the address.
    pub mail: MailStatus,
    /// The warning in words, for people.
    pub message: &'static str,
}

impl MailWarning {
    pub(crate) fn of(account: &Account) -> Option<Self> {
        let message = match account.mail {
            // Nothing is mailed where somebody else has the address.
            MailStatus::Ok | MailStatus::WrongPerson | MailStatus::SharedMailbox => return None,
            MailStatus::Bounced => {
                "Mail to this address has come back, so this one will probably not arrive. Correct the address, or copy a link."
            }
            MailStatus::Complained => {
                "The owner of this address has marked our mail as spam, so this one will probably not arrive. Correct the \
                 address, or copy a link."
            }
        };
        Some(Self { mail: account.mail, message })
    }
}

/// A member of staff, and the account that their call is to help. The account is open, so its owner can use what is issued.
pub(crate) struct Helped<'a> {
    deps: &'a Deps,
    call: &'a Call,
    pub(crate) staff: Staff,
    pub(crate) account: Account,
}

impl<'a> Helped<'a> {
    /// Finds the account that the call names.
    ///
    /// # Errors
    /// Answers 404 for an account that the member of staff does not see, 403 for one that they may not help, and 409 for one that
    /// is closed.
    pub(crate) async fn find(deps: &'a Deps, call: &'a Call, staff: Staff) -> Result<Self, Problem> {
        let account = deps.find_account(&staff, call.parameter("id")).await?;
        staff.must_help(&account)?;
        Ok(Self { deps, call, account: must_be_open(account)?, staff })
    }

    /// How the member of staff knows the caller. By policy whatever hands the account over needs it, and a frozen account may have
    /// been handed to somebody else before.
    pub(crate) async fn proof(
        &self,
        given: Option<&NewProof>,
        hands_over: bool,
    ) -> Result<Option<RecordedProof>, Problem> {
        let hands_over = hands_over || self.account.frozen_at.is_some();
        self.deps.proof(&self.staff, &self.account, given, hands_over).await
    }

    /// A ticket for the account, on these terms.
    pub(crate) fn issuing(&self, terms: Terms) -> Issuing<'_> {
        let by = By::Staff { staff: &self.staff, call: self.call };
        Issuing { deps: self.deps, by, practice: &self.staff.practice, account: &self.account, terms }
    }
}

/// Refuses an account that is closed, because its owner could not use what is issued.
pub(crate) fn must_be_open(account: Account) -> Result<Account, Problem> {
    if account.is_open() { Ok(account) } else { Err(Problem::new(ErrorCode::AccountClosed)) }
}

/// The issuer of a ticket.
pub(crate) enum By<'a> {
    /// A member of staff, by a call.
    Staff {
        /// The member of staff.
        staff: &'a Staff,
        /// The call that the member of staff has made.
        call: &'a Call,
    },
    /// The deployment's operator, by direct invocation.
    Operator,
}

impl By<'_> {
    const fn staff(&self) -> Option<&Account> {
        match self {
            Self::Staff { staff, .. } => Some(&staff.account),
            Self::Operator => None,
        }
    }

    fn id(&self) -> Option<AccountId> {
        self.staff().map(|staff| staff.id)
    }

    const fn address(&self) -> Option<IpAddr> {
        match self {
            Self::Staff { call, .. } => Some(call.address),
            Self::Operator => None,
        }
    }

    const fn issuer(&self) -> Issuer {
        match self {
            Self::Staff { .. } => Issuer::Staff,
            Self::Operator => Issuer::Operator,
        }
    }

    fn event(&self, deps: &Deps, account: &Account) -> Result<Event, Problem> {
        let action = Action::AuthnTokenCreated;
        match self {
            Self::Staff { staff, call } => deps.event(staff, call, action),
            Self::Operator => Ok(Event::new(&deps.ambient, &account.practice, action, Actor::Operator)?),
        }
    }
}

/// The terms of a ticket: its end, the reason for it, and how the caller is known.
pub(crate) struct Terms {
    pub(crate) valid_until: Timestamp,
    /// The reason in the words of the issuer.
    pub(crate) reason: Option<String>,
    pub(crate) proof: Option<RecordedProof>,
}

/// The outbox items of a ticket: the mail that carries it, and the mail that tells its owner of it.
#[derive(Clone, Copy)]
struct Items<'a> {
    mail: Option<&'a OutboxItem>,
    notice: Option<&'a OutboxItem>,
    /// The way in which its link is shown, if it is.
    shown: Option<&'a str>,
}

impl<'a> Items<'a> {
    const fn of_mail(mail: &'a OutboxItem) -> Self {
        Self { mail: Some(mail), notice: None, shown: None }
    }
}

/// A ticket that is being issued.
pub(crate) struct Issuing<'a> {
    pub(crate) deps: &'a Deps,
    pub(crate) by: By<'a>,
    pub(crate) practice: &'a Practice,
    pub(crate) account: &'a Account,
    pub(crate) terms: Terms,
}

impl Issuing<'_> {
    /// Issues a link and delivers it as asked. This method and those below return `None` when the account, or the rights of its
    /// issuer, have changed meanwhile.
    pub(crate) async fn link(&self, deliver: Deliver) -> Result<Option<Issued>, Problem> {
        match deliver {
            Deliver::Copy => self.shown_link("copy").await,
            Deliver::Email => self.mailed_link().await,
            Deliver::Print => self.shown_link("print").await?.map(|issued| self.printed(issued)).transpose(),
        }
    }

    /// A link that the issuer sees, to copy it or to print it.
    async fn shown_link(&self, deliver: &str) -> Result<Option<Issued>, Problem> {
        let id = TicketId::from(self.deps.ambient.ulid()?);
        let token = Token::new(self.account.id, id.to_bytes(), self.deps.ambient.bytes()?);
        let ticket =
            Ticket { digest: Some(token.digest()), ..self.new_ticket(id, Kind::of_link(self.account))? };
        let notice = self.notice()?;
        let items = Items { mail: None, notice: notice.as_ref(), shown: Some(deliver) };
        let written = self.write(&ticket, self.newly_invited().as_ref(), items).await?;
        let url = self.practice.link(
            self.account.portal,
            self.account.locale.as_deref(),
            Carries::Token,
            &token.expose(),
        );
        Ok(written.then(|| Issued { url: Some(url), ..self.issued(id) }))
    }

    /// What was issued with its link on a page to be printed.
    fn printed(&self, issued: Issued) -> Result<Issued, Problem> {
        let url = issued.url.unwrap_or_default();
        let slip = PrintedSlip::of(self.practice, self.account, &url, self.terms.valid_until)?;
        Ok(Issued { url: None, slip: Some(slip), ..issued })
    }

    pub(crate) async fn mailed_link(&self) -> Result<Option<Issued>, Problem> {
        let to = self.address()?;
        let item = self.outbox_item(OutboxKind::Link { account: self.account.id, by: self.by.id() })?;
        let ticket = self.new_ticket(TicketId::from(item.id), Kind::of_link(self.account))?;
        let written = self.write(&ticket, self.newly_invited().as_ref(), Items::of_mail(&item)).await?;
        Ok(written.then(|| self.mailed(ticket.id, to)))
    }

    pub(crate) async fn mailed_temporary_password(&self) -> Result<Option<Issued>, Problem> {
        let to = self.address()?;
        let item = self.outbox_item(OutboxKind::TemporaryPassword { account: self.account.id })?;
        let ticket = self.new_ticket(TicketId::from(item.id), Kind::TemporaryPassword)?;
        let (valid_until, owner_seen) = (self.terms.valid_until, ticket.owner_was_seen());
        let temporary = Temporary { ticket: ticket.id, valid_until, owner_seen, digest: None };
        let voids_current = self.practice.policy.temporary_password_voids_current;
        let new = self.account.with_temporary(temporary, voids_current);
        let written = self.write(&ticket, Some(&new), Items::of_mail(&item)).await?;
        Ok(written.then(|| self.mailed(ticket.id, to)))
    }

    fn address(&self) -> Result<&Email, Problem> {
        self.account.mailed_at().ok_or_else(|| Problem::new(ErrorCode::NoAddress))
    }

    fn outbox_item(&self, kind: OutboxKind) -> Result<OutboxItem, Problem> {
        Ok(OutboxItem::new(&self.deps.ambient, &self.account.practice, kind, self.by.address())?)
    }

    /// The outbox item of the mail that tells the owner of a link which somebody else is given; `None` when they have no address.
    fn notice(&self) -> Result<Option<OutboxItem>, Problem> {
        let Some(to) = self.account.mailed_at().cloned() else { return Ok(None) };
        let (account, about) = (self.account.id, Telling::LinkCopied);
        self.outbox_item(OutboxKind::Notice { account, about, to, masked: None }).map(Some)
    }

    /// The account after its first invitation, or `None` when it has been invited before.
    fn newly_invited(&self) -> Option<Account> {
        (self.account.setup == Setup::NotInvited).then(|| self.account.invited())
    }

    /// Makes a ticket without a token.
    fn new_ticket(&self, id: TicketId, kind: Kind) -> Result<Ticket, Problem> {
        let ambient = &self.deps.ambient;
        let nonce = Nonce::from(ambient.bytes()?);
        let (issued_at, valid_until) = (ambient.now(), self.terms.valid_until);
        let grant = Grant { kind, issuer: self.by.issuer(), issued_at, valid_until };
        let ticket = Ticket::new(id, self.account, grant, nonce);
        let proof = self.terms.proof.as_ref().and_then(RecordedProof::method);
        Ok(Ticket { by: self.by.id(), reason: self.terms.reason.clone(), proof, ..ticket })
    }

    /// Writes the ticket and its event. Returns whether they were written.
    async fn write(
        &self,
        ticket: &Ticket,
        changed: Option<&Account>,
        Items { mail, notice, shown }: Items<'_>,
    ) -> Result<bool, Problem> {
        let event = self.by.event(self.deps, self.account)?.of(ticket.account, ticket.portal);
        let mut event = event.with_ticket(ticket.id).with_note(self.terms.reason.clone());
        event.proof = self.terms.proof.clone();
        let deliver =
            shown.map(|way| Change { member: "deliver".to_owned(), from: None, to: Some(way.to_owned()) });
        event.changes.extend(deliver);
        event.outbox = mail.or(notice).map(|item| item.id);
        let mails = match &self.by {
            By::Staff { staff, call } => {
                self.deps.mails_of_act(call, staff, self.account, self.terms.proof.as_ref()).await?
            }
            By::Operator => Vec::new(),
        };
        let (staff, told) = (self.by.staff(), Told { event: &event, mails: &mails });
        let issue = Issue { staff, ticket, account: self.account, changed, outbox_item: mail, notice, told };
        let issuance = self.deps.store.issue_ticket(&issue).await?;
        self.deps.is_written(issuance, &event, self.account).await
    }

    fn issued(&self, ticket_id: TicketId) -> Issued {
        let expires_at = self.terms.valid_until.to_string();
        Issued { ticket_id, expires_at, url: None, slip: None, sent_to: None, warning: None }
    }

    fn mailed(&self, ticket: TicketId, to: &Email) -> Issued {
        Issued { sent_to: Some(to.masked()), warning: MailWarning::of(self.account), ..self.issued(ticket) }
    }
}
