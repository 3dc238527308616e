//! The contract document's part of an error: what a problem of each code looks like, and with which headers it comes.
//!
//! Each code has a schema of its own, so that a client generator makes one type of it. An operation's error response of a
//! status is the union of its codes.

use std::collections::BTreeMap;

use serde_json::json;
use utoipa::openapi::header::HeaderBuilder;
use utoipa::openapi::schema::{
    ArrayBuilder, KnownFormat, Object, ObjectBuilder, SchemaFormat, SchemaType, Type,
};
use utoipa::openapi::{Content, Header, OneOfBuilder, Ref, RefOr, Response, ResponseBuilder, Schema};
use utoipa::{PartialSchema as _, ToSchema};

use crate::domain::practice::Support;
use crate::http::problem::{ErrorCode, Member};
use crate::secrets::password::{Weakness, WeaknessCode};

/// A picture in the format PNG.
#[derive(ToSchema)]
#[schema(value_type = String, format = Binary)]
pub struct Png(());

/// The error responses of an operation, by status. Those of a page may be pages.
pub(super) fn error_responses(errors: &[ErrorCode], is_page: bool) -> BTreeMap<String, RefOr<Response>> {
    let mut by_status: BTreeMap<String, Vec<ErrorCode>> = BTreeMap::new();
    for error in errors {
        by_status.entry(error.status().as_str().to_owned()).or_default().push(*error);
    }
    by_status.into_iter().map(|(status, errors)| (status, response(&errors, is_page).into())).collect()
}

/// The schemas that the error responses of an operation refer to.
pub(super) fn problem_schemas(errors: &[ErrorCode]) -> Vec<(String, RefOr<Schema>)> {
    let problems = errors.iter().map(|error| (schema_name(*error), problem(*error).into()));
    let parts = [
        ("Support", Support::schema()),
        ("Weakness", Weakness::schema()),
        ("WeaknessCode", WeaknessCode::schema()),
    ];
    problems.chain(parts.map(|(name, schema)| (name.to_owned(), schema))).collect()
}

fn response(errors: &[ErrorCode], is_page: bool) -> Response {
    let lines = errors.iter().map(|error| format!("- `{}`: {}", error.name(), error.title()));
    let references = errors.iter().map(|error| Ref::from_schema_name(schema_name(*error)));
    let schema: RefOr<Schema> = match errors {
        [only] => Ref::from_schema_name(schema_name(*only)).into(),
        _ => references.fold(OneOfBuilder::new(), OneOfBuilder::item).into(),
    };
    let mut response = ResponseBuilder::new()
        .description(lines.collect::<Vec<_>>().join("\n"))
        .content("application/problem+json", Content::new(Some(schema)));
    if is_page {
        let page = ObjectBuilder::new().schema_type(Type::String);
        response = response.content("text/html", Content::new(Some(page)));
    }
    for (name, header) in errors.iter().filter_map(|error| header(*error)) {
        response = response.header(name, header);
    }
    response.build()
}

/// The header that a problem of a code comes with.
fn header(error: ErrorCode) -> Option<(&'static str, Header)> {
    let text = || ObjectBuilder::new().schema_type(Type::String);
    let seconds = || ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(1));
    let (name, schema, description) = match error {
        ErrorCode::TooManyRequests | ErrorCode::Unavailable => {
            ("Retry-After", seconds(), "The number of seconds after which a repeat can succeed.")
        }
        ErrorCode::MethodNotAllowed => ("Allow", text(), "The methods of the path."),
        ErrorCode::InvalidSession => {
            ("WWW-Authenticate", text().enum_values(Some(["Bearer"])), "The scheme to authenticate with.")
        }
        _ => return None,
    };
    Some((name, HeaderBuilder::new().schema(Some(schema)).description(Some(description)).build()))
}

fn schema_name(error: ErrorCode) -> String {
    format!("{error:?}Problem")
}

/// RFC 9457, with the members that this code carries.
fn problem(error: ErrorCode) -> Object {
    let text = || ObjectBuilder::new().schema_type(Type::String);
    let name = error.name();
    let base = ObjectBuilder::new()
        .schema_type(Type::Object)
        .description(Some(error.title()))
        .property("type", text().enum_values(Some([format!("urn:rekey:problem:{name}")])))
        .property(
            "title",
            text().description(Some("A sentence for a person.")).examples([json!(error.title())]),
        )
        .property(
            "status",
            ObjectBuilder::new().schema_type(Type::Integer).enum_values(Some([error.status().as_u16()])),
        )
        .property("code", text().enum_values(Some([name])));
    let base = ["type", "title", "status", "code"].into_iter().fold(base, ObjectBuilder::required);
    let with_members = error.members().iter().fold(base, |object, member| {
        object.property(member.name(), member_schema(*member)).required(member.name())
    });
    with_members.build()
}

fn member_schema(member: Member) -> RefOr<Schema> {
    match member {
        Member::Account => ObjectBuilder::new()
            .schema_type(SchemaType::from_iter([Type::String, Type::Null]))
            .pattern(Some("^[0-7][0-9A-HJKMNP-TV-Z]{25}$"))
            .description(Some("The id of the other account, or null when the caller may not see it."))
            .into(),
        Member::AttemptsLeft => ObjectBuilder::new()
            .schema_type(Type::Integer)
            .format(Some(SchemaFormat::KnownFormat(KnownFormat::Int32)))
            .minimum(Some(0))
            .description(Some("The number of attempts that are left."))
            .into(),
        Member::Detail => ObjectBuilder::new()
            .schema_type(Type::String)
            .description(Some("The member or header that is wrong, and its rule."))
            .into(),
        Member::Reasons => ArrayBuilder::new()
            .items(Ref::from_schema_name("Weakness"))
            .min_items(Some(1))
            .description(Some("The reasons why the password is refused."))
            .into(),
        Member::Support => Ref::from_schema_name("Support").into(),
    }
}
