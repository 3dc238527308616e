//! A function that makes calls of the SDK and nothing else: what a function's calls cost by themselves.
//!
//! An event that has `calls`, as they were recorded of a function, is remembered: `[{"target": "DynamoDB_20120810.GetItem", "body":
//! {…}}]`. Any other event makes those calls, one after another. So reading them is no part of what they cost. An event that
//! has `hashes` makes so many of Argon2id, with the parameters and the working memory of a function.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use aws_credential_types::Credentials;
use aws_sdk_dynamodb::config::{BehaviorVersion, Region};
use aws_sdk_dynamodb::types::{
    AttributeValue, ConditionCheck, Delete, KeysAndAttributes, Put, ReturnValue,
    ReturnValuesOnConditionCheckFailure, TransactWriteItem, Update,
};
use aws_sdk_sesv2::types::{
    Body, ConfigurationOverrides, Content, Destination, EmailContent, FeatureStatus, Message, MessageHeader,
    MessageTag, TrackingConfigurationOverrides,
};
use bare::Hasher;
use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use serde::Deserialize;
use serde_json::Value;

type Attributes = HashMap<String, serde_dynamo::AttributeValue>;
type Names = HashMap<String, String>;

#[derive(Deserialize)]
struct Recorded {
    target: String,
    body: Value,
}

/// The members of the calls to DynamoDB that functions make. One that is not among them is an error.
#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields, default)]
struct Input {
    table_name: Option<String>,
    index_name: Option<String>,
    key: Option<Attributes>,
    item: Option<Attributes>,
    key_condition_expression: Option<String>,
    condition_expression: Option<String>,
    filter_expression: Option<String>,
    projection_expression: Option<String>,
    update_expression: Option<String>,
    expression_attribute_names: Option<Names>,
    expression_attribute_values: Option<Attributes>,
    exclusive_start_key: Option<Attributes>,
    consistent_read: Option<bool>,
    scan_index_forward: Option<bool>,
    limit: Option<i32>,
    return_values: Option<ReturnValueName>,
    return_values_on_condition_check_failure: Option<ReturnValueName>,
    client_request_token: Option<String>,
    request_items: Option<HashMap<String, Wanted>>,
    transact_items: Option<Vec<Write>>,
}

/// A name such as `ALL_OLD`.
type ReturnValueName = String;

/// What a batch reads of a table.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Wanted {
    keys: Vec<Attributes>,
    consistent_read: Option<bool>,
    projection_expression: Option<String>,
    expression_attribute_names: Option<Names>,
}

/// A write of a transaction.
#[derive(Deserialize)]
enum Write {
    Put(Input),
    Update(Input),
    Delete(Input),
    ConditionCheck(Input),
}

/// A call to be made.
enum Call {
    Dynamodb(&'static str, Box<Input>),
    Send(Box<Value>),
    Secret(Option<String>),
}

struct Clients {
    dynamodb: aws_sdk_dynamodb::Client,
    ses: aws_sdk_sesv2::Client,
    secrets: aws_sdk_secretsmanager::Client,
}

fn sdk(attributes: Option<Attributes>) -> Option<HashMap<String, AttributeValue>> {
    attributes.map(|all| all.into_iter().map(|(name, value)| (name, value.into())).collect())
}

fn when_refused(name: Option<&str>) -> Option<ReturnValuesOnConditionCheckFailure> {
    name.map(ReturnValuesOnConditionCheckFailure::from)
}

/// Gives a builder what all writes have: the table, a condition, and the placeholders.
macro_rules! written {
    ($builder:expr, $input:expr) => {
        $builder
            .set_table_name($input.table_name)
            .set_condition_expression($input.condition_expression)
            .set_expression_attribute_names($input.expression_attribute_names)
            .set_expression_attribute_values(sdk($input.expression_attribute_values))
    };
}

impl Write {
    fn build(self) -> Result<TransactWriteItem, Error> {
        let write = TransactWriteItem::builder();
        Ok(match self {
            Self::Put(input) => {
                let old = when_refused(input.return_values_on_condition_check_failure.as_deref());
                let put = Put::builder().set_item(sdk(input.item));
                let put = put.set_return_values_on_condition_check_failure(old);
                write.put(written!(put, input).build()?)
            }
            Self::Update(input) => {
                let old = when_refused(input.return_values_on_condition_check_failure.as_deref());
                let update = Update::builder().set_key(sdk(input.key));
                let update = update.set_update_expression(input.update_expression);
                let update = update.set_return_values_on_condition_check_failure(old);
                write.update(written!(update, input).build()?)
            }
            Self::Delete(input) => {
                let delete = Delete::builder().set_key(sdk(input.key));
                write.delete(written!(delete, input).build()?)
            }
            Self::ConditionCheck(input) => {
                let check = ConditionCheck::builder().set_key(sdk(input.key));
                write.condition_check(written!(check, input).build()?)
            }
        }
        .build())
    }
}

impl Call {
    fn read(recorded: Recorded) -> Result<Self, Error> {
        let known = ["GetItem", "Query", "BatchGetItem", "PutItem", "UpdateItem", "TransactWriteItems"];
        let operation = recorded.target.rsplit('.').next().unwrap_or_default();
        if let Some(known) = known.into_iter().find(|known| *known == operation) {
            return Ok(Self::Dynamodb(known, serde_json::from_value(recorded.body)?));
        }
        if operation.ends_with("outbound-emails") {
            return Ok(Self::Send(Box::new(recorded.body)));
        }
        if operation == "GetSecretValue" {
            return Ok(Self::Secret(text(&recorded.body["SecretId"])));
        }
        Err(format!("{operation} is not a call that can be made again").into())
    }

    /// Makes the call. An answer that is an error is an answer too.
    async fn make(self, clients: &Clients) -> Result<(), Error> {
        match self {
            Self::Send(body) => send(&clients.ses, &body).await,
            Self::Secret(id) => {
                drop(clients.secrets.get_secret_value().set_secret_id(id).send().await);
                Ok(())
            }
            Self::Dynamodb(operation, input) => dynamodb(&clients.dynamodb, operation, *input).await,
        }
    }
}

async fn dynamodb(client: &aws_sdk_dynamodb::Client, operation: &str, input: Input) -> Result<(), Error> {
    match operation {
        "GetItem" => {
            let call = client
                .get_item()
                .set_table_name(input.table_name)
                .set_key(sdk(input.key))
                .set_consistent_read(input.consistent_read)
                .set_projection_expression(input.projection_expression)
                .set_expression_attribute_names(input.expression_attribute_names);
            drop(call.send().await);
        }
        "Query" => {
            let call = client
                .query()
                .set_table_name(input.table_name)
                .set_index_name(input.index_name)
                .set_key_condition_expression(input.key_condition_expression)
                .set_filter_expression(input.filter_expression)
                .set_projection_expression(input.projection_expression)
                .set_expression_attribute_names(input.expression_attribute_names)
                .set_expression_attribute_values(sdk(input.expression_attribute_values))
                .set_exclusive_start_key(sdk(input.exclusive_start_key))
                .set_consistent_read(input.consistent_read)
                .set_scan_index_forward(input.scan_index_forward)
                .set_limit(input.limit);
            drop(call.send().await);
        }
        "BatchGetItem" => {
            let mut call = client.batch_get_item();
            for (table, wanted) in input.request_items.unwrap_or_default() {
                let keys = wanted.keys.into_iter().filter_map(|key| sdk(Some(key))).collect();
                let wanted = KeysAndAttributes::builder()
                    .set_keys(Some(keys))
                    .set_consistent_read(wanted.consistent_read)
                    .set_projection_expression(wanted.projection_expression)
                    .set_expression_attribute_names(wanted.expression_attribute_names);
                call = call.request_items(table, wanted.build()?);
            }
            drop(call.send().await);
        }
        "PutItem" => {
            let call = client.put_item().set_item(sdk(input.item));
            drop(written!(call, input).send().await);
        }
        "UpdateItem" => {
            let old = when_refused(input.return_values_on_condition_check_failure.as_deref());
            let call = client
                .update_item()
                .set_key(sdk(input.key))
                .set_update_expression(input.update_expression)
                .set_return_values(input.return_values.as_deref().map(ReturnValue::from))
                .set_return_values_on_condition_check_failure(old);
            drop(written!(call, input).send().await);
        }
        _ => {
            let writes = input.transact_items.unwrap_or_default().into_iter().map(Write::build);
            let call = client
                .transact_write_items()
                .set_transact_items(Some(writes.collect::<Result<_, _>>()?))
                .set_client_request_token(input.client_request_token);
            drop(call.send().await);
        }
    }
    Ok(())
}

fn text(value: &Value) -> Option<String> {
    value.as_str().map(str::to_owned)
}

fn content(value: &Value) -> Result<Content, Error> {
    Ok(Content::builder().set_data(text(&value["Data"])).set_charset(text(&value["Charset"])).build()?)
}

async fn send(client: &aws_sdk_sesv2::Client, body: &Value) -> Result<(), Error> {
    let each = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let simple = &body["Content"]["Simple"];
    let mut message = Message::builder().subject(content(&simple["Subject"])?).body(
        Body::builder()
            .text(content(&simple["Body"]["Text"])?)
            .html(content(&simple["Body"]["Html"])?)
            .build(),
    );
    for header in each(&simple["Headers"]) {
        let header = MessageHeader::builder()
            .set_name(text(&header["Name"]))
            .set_value(text(&header["Value"]))
            .build()?;
        message = message.headers(header);
    }
    let to = each(&body["Destination"]["ToAddresses"]);
    let off = FeatureStatus::Disabled;
    let tracking = TrackingConfigurationOverrides::builder()
        .open_tracking_enabled(off.clone())
        .click_tracking_enabled(off);
    let mut call = client
        .send_email()
        .set_from_email_address(text(&body["FromEmailAddress"]))
        .set_configuration_set_name(text(&body["ConfigurationSetName"]))
        .configuration_overrides(ConfigurationOverrides::builder().tracking(tracking.build()).build())
        .destination(Destination::builder().set_to_addresses(to.iter().map(text).collect()).build())
        .content(EmailContent::builder().simple(message.build()).build());
    for tag in each(&body["EmailTags"]) {
        let tag =
            MessageTag::builder().set_name(text(&tag["Name"])).set_value(text(&tag["Value"])).build()?;
        call = call.email_tags(tag);
    }
    drop(call.send().await);
    Ok(())
}

/// The clients, of services that this machine runs without TLS.
fn clients() -> Clients {
    macro_rules! client {
        ($sdk:ident) => {
            $sdk::Client::from_conf(
                $sdk::Config::builder()
                    .behavior_version(BehaviorVersion::latest())
                    .region(Region::new("us-east-1"))
                    .credentials_provider(Credentials::new("local", "local", None, None, "local"))
                    .http_client(aws_smithy_http_client::Builder::new().build_http())
                    .endpoint_url(std::env::var("AWS_ENDPOINT_URL").unwrap_or_default())
                    .build(),
            )
        };
    }
    Clients {
        dynamodb: client!(aws_sdk_dynamodb),
        ses: client!(aws_sdk_sesv2),
        secrets: client!(aws_sdk_secretsmanager),
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let (clients, remembered) = (clients(), Mutex::new(Vec::new()));
    let hasher = Mutex::new(None);
    run(service_fn(async |event: LambdaEvent<Value>| {
        let mut event = event.payload;
        if let Some(hashes) = event["hashes"].as_u64() {
            let mut hasher = hasher.lock().unwrap_or_else(PoisonError::into_inner);
            let hasher = match &mut *hasher {
                Some(hasher) => hasher,
                none => none.insert(Hasher::new()?),
            };
            (0..hashes).try_for_each(|_| hasher.hash())?;
        } else if event["calls"].is_array() {
            let recorded: Vec<Recorded> = serde_json::from_value(event["calls"].take())?;
            let calls = recorded.into_iter().map(Call::read).collect::<Result<Vec<_>, _>>()?;
            *remembered.lock().unwrap_or_else(PoisonError::into_inner) = calls;
        } else {
            let calls = std::mem::take(&mut *remembered.lock().unwrap_or_else(PoisonError::into_inner));
            for call in calls {
                call.make(&clients).await?;
            }
        }
        Ok::<_, Error>(Value::Null)
    }))
    .await
}
