//! This module serves `GET`, `PUT` and `DELETE /v1/admin/practice/logo`: the logo of the caller's own practice.

use rekey::domain::event::{Action, Change};
use rekey::domain::permission::Staff;
use rekey::domain::practice::SettingError;
use rekey::http::call::Call;
use rekey::http::document::Png;
use rekey::http::problem::{ErrorCode, Problem};
use rekey::http::reply::Reply;
use rekey::http::route::{Caller, Operation};
use rekey::store::logos::StoredLogo;
use rekey::store::practices::PracticeUpdate;
use rekey::store::race::until_written;

use crate::Deps;
use crate::image::{self, Image};
use crate::settings::{current, mails};

/// The largest logo that is accepted, in bytes.
const LARGEST: usize = 64 * 1024;
/// The name of the setting.
const MEMBER: &str = "brand.logo";

/// The operation `GET /v1/admin/practice/logo`.
pub struct GetLogo;

impl Operation for GetLogo {
    const CALLER: Caller = Caller::Staff;
    const ERRORS: &'static [&'static [ErrorCode]] = &[&[ErrorCode::NotFound]];
}

/// Shows the practice's logo
///
/// Every member of staff may see it. The answer has the logo as it is now; 404 when there is none.
#[utoipa::path(get, path = "/v1/admin/practice/logo", impl_for = GetLogo, operation_id = "getLogo", tag = "staff",
    responses(
        (status = 200, description = "The logo", body = Png, content_type = "image/png")))]
pub async fn get_logo(deps: &Deps, call: &Call) -> Result<Reply, Problem> {
    let staff = deps.staff(call).await?;
    let logo = deps.store.find_logo(&staff.practice.slug).await?;
    let logo = logo.ok_or_else(|| Problem::new(ErrorCode::NotFound))?;
    Ok(Reply::bytes("image/png", logo.png()?))
}

/// The operation `PUT /v1/admin/practice/logo`.
pub struct PutLogo;

impl Operation for PutLogo {
    const CALLER: Caller = Caller::Staff;
    const ERRORS: &'static [&'static [ErrorCode]] = &[&[
        ErrorCode::InvalidRequest,
        ErrorCode::BodyTooLarge,
        ErrorCode::UnsupportedMediaType,
        ErrorCode::InvalidSetting,
        ErrorCode::ConfirmationRequired,
    ]];
}

/// Gives the practice a logo
///
/// Only an administrator may make this call. The body is a PNG of at most 64 KiB, with 16 to 1024 pixels across and 16 to 512 down,
/// that is not animated. It is decoded whole, and what is kept is the image alone, without remarks such as who made it. The call needs
/// a session that is confirmed, by the sign-in or since, and the other administrators are mailed, unless the logo is the same as before.
/// Other calls follow within a minute.
#[utoipa::path(put, path = "/v1/admin/practice/logo", impl_for = PutLogo, operation_id = "putLogo", tag = "staff",
    request_body(content = Png, content_type = "image/png", description = "The bytes of the PNG"),
    responses(
        (status = 204, description = "The practice has this logo now")))]
pub async fn put_logo(deps: &Deps, call: &Call) -> Result<Reply, Problem> {
    until_written("setting a logo", || async {
        let staff = deps.staff(call).await?;
        staff.must_be_admin()?;
        let bytes = call.bytes("image/png", LARGEST)?;
        let image = image::read(bytes).map_err(|rule| {
            Problem::setting(&SettingError { member: MEMBER.to_owned(), rule: rule.to_owned() })
        })?;
        set(deps, call, &staff, Some(image)).await
    })
    .await
}

/// The operation `DELETE /v1/admin/practice/logo`.
pub struct DeleteLogo;

impl Operation for DeleteLogo {
    const CALLER: Caller = Caller::Staff;
    const ERRORS: &'static [&'static [ErrorCode]] = &[&[ErrorCode::ConfirmationRequired]];
}

/// Takes the practice's logo away
///
/// Only an administrator may make this call. It needs a session that is confirmed, by the sign-in or since, and the other administrators
/// are mailed, unless there is no logo. Copies that browsers and mail programs have kept stay where they are.
#[utoipa::path(delete, path = "/v1/admin/practice/logo", impl_for = DeleteLogo, operation_id = "deleteLogo", tag = "staff",
    responses(
        (status = 204, description = "The practice has no logo now")))]
pub async fn delete_logo(deps: &Deps, call: &Call) -> Result<Reply, Problem> {
    until_written("taking a logo away", || async {
        let staff = deps.staff(call).await?;
        staff.must_be_admin()?;
        set(deps, call, &staff, None).await
    })
    .await
}

/// Gives the practice this logo, or none. `None` when the settings have been replaced meanwhile.
async fn set(
    deps: &Deps,
    call: &Call,
    staff: &Staff,
    image: Option<Image>,
) -> Result<Option<Reply>, Problem> {
    let was = current(deps, &staff.practice).await?;
    let mut becomes = was.practice.clone();
    becomes.brand.logo = image.as_ref().map(|image| image.logo.clone());
    if becomes == was.practice {
        return Ok(Some(Reply::empty()));
    }
    staff.must_be_confirmed(deps.ambient.now())?;
    let mails = mails(deps, call, staff, &[MEMBER.to_owned()]).await?;
    let [from, to] = [&was.practice, &becomes].map(|practice| practice.brand.logo.as_ref());
    let [from, to] = [from, to].map(|logo| logo.map(|logo| logo.digest.clone()));
    let change = Change { member: MEMBER.to_owned(), from, to };
    let event = deps.event(staff, call, Action::PracticeUpdated)?.with_changes(vec![change]);
    let update = PracticeUpdate { was: &was, becomes: &becomes, event: &event, mails: &mails };
    let logo = image.map(|image| StoredLogo::new(&image.logo, &image.png));
    let outcome = deps.store.set_logo(&staff.account, &update, logo.as_ref()).await?;
    Ok(outcome.is_written().then(Reply::empty))
}
