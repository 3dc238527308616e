//! What is printed when a link is handed over on paper.

use rekey::domain::account::Account;
use rekey::domain::practice::Practice;
use rekey::http::problem::Problem;
use rekey::mail::compose::{Language, Support};
use rekey::mail::slip::Slip;
use rekey::platform::clock::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

/// A page to be printed. It is shown once.
#[derive(Serialize, ToSchema)]
#[schema(as = PrintedSlip)]
pub struct PrintedSlip {
    /// The text of the page, in the account's language: the practice, what to do, the link in characters that can be typed, its
    /// end, and whom to ask. It has no postal address and no email address of the account's owner.
    pub text: String,
    /// The link as a QR code: an SVG image.
    pub qr_svg: String,
}

impl PrintedSlip {
    /// The page with a link for an account.
    pub(crate) fn of(
        practice: &Practice,
        account: &Account,
        url: &str,
        valid_until: Timestamp,
    ) -> Result<Self, Problem> {
        let locales = account.locale.as_deref().into_iter().chain([practice.locale.as_str()]);
        let slip = Slip {
            language: Language::nearest(locales),
            practice_name: &practice.name,
            support: Support::from(&practice.support),
            // A username that is an address is left out, as every address of the owner is. The page that the link opens shows it.
            username: Some(account.username.as_str()).filter(|_| !account.username.is_address()),
            url,
            time_zone: &practice.time_zone,
            valid_until: valid_until.to_jiff(),
        };
        let qr_svg = slip.qr().map_err(|error| Problem::internal("drawing a link", error))?;
        Ok(Self { text: slip.text(), qr_svg })
    }
}
