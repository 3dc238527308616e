//! A DynamoDB in this process, and Rekey's table in it.
//!
//! [`front`] tells of its writes. [`records`] deletes what nobody needs of its streams.
//!
//! This module owns the shape of the table on laptops and in tests. It must be the same as the table that
//! `infra/template.yaml` creates in AWS.

use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use aws_credential_types::Credentials;
use aws_sdk_dynamodb::config::{BehaviorVersion, Region};
use aws_sdk_dynamodb::error::BuildError;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, GlobalSecondaryIndex, KeySchemaElement, KeyType, Projection,
    ProjectionType, ScalarAttributeType, StreamSpecification, StreamViewType, TableStatus,
    TimeToLiveSpecification, TimeToLiveStatus,
};
use dynoxide::Database;

use crate::ambient;
use crate::error::Error;
use crate::server::{Server, listen};

pub mod front;
pub mod records;

use records::Records;

/// The region that local clients name.
pub const REGION: &str = "us-east-1";
/// The attribute by which items expire.
const TTL_ATTRIBUTE: &str = "expires_at";
/// The interval at which the state of a table is asked for until the table is active, and the number of times.
const ACTIVE_INTERVAL: Duration = Duration::from_millis(100);
const ACTIVE_TRIES: u32 = 300;

/// A running DynamoDB. When it is dropped it stops too, without waiting.
pub struct Dynamodb {
    server: Server,
    records: Records,
}

impl Dynamodb {
    /// The address of the server: `http://127.0.0.1:PORT`, without a slash at the end.
    pub fn url(&self) -> &str {
        self.server.url()
    }

    /// The records of its streams.
    pub fn records(&self) -> Records {
        self.records.clone()
    }

    /// Stops the server, and waits for requests that are still running.
    pub async fn stop(self) {
        self.server.stop().await;
    }
}

/// Starts a DynamoDB that speaks HTTP on `address`. Port 0 stands for any free port. It keeps its items in memory, or
/// in the `SQLite` file `path`, which it creates if there is none.
///
/// # Errors
/// The port is in use, or the file cannot be used.
pub async fn start(address: SocketAddr, path: Option<&Path>) -> io::Result<Dynamodb> {
    let path = path.map_or_else(in_memory, |path| Ok(path.to_string_lossy().into_owned()))?;
    let engine = Database::new(&path).map_err(|error| io::Error::other(error.to_string()))?;
    let records = Records::open(engine.clone(), &path)?;
    let server = Server::spawn(listen(address).await?, |listener, stopped| async move {
        // Serving fails only when the listener fails, and callers notice that by their own calls.
        let _: Result<(), String> =
            dynoxide::server::serve_with_shutdown(listener, engine, stopped.wait()).await;
    })?;
    Ok(Dynamodb { server, records })
}

/// The name of a new database that is in memory and can be opened twice in this process; that of `Database::memory` can
/// be opened only once. It takes up to 1 GiB.
fn in_memory() -> io::Result<String> {
    Ok(format!("file:/rekey-{}?vfs=memdb", ambient::ulid()?))
}

/// The credentials of every local client. DynamoDB requires some, and none are checked.
pub fn credentials() -> Credentials {
    Credentials::new("local", "local", None, None, "local")
}

/// A client of the DynamoDB at `url`.
pub fn client(url: &str) -> aws_sdk_dynamodb::Client {
    let config = aws_sdk_dynamodb::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(REGION))
        .credentials_provider(credentials())
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .endpoint_url(url);
    aws_sdk_dynamodb::Client::from_conf(config.build())
}

/// A client of the streams of the DynamoDB at `url`.
pub fn streams_client(url: &str) -> aws_sdk_dynamodbstreams::Client {
    let config = aws_sdk_dynamodbstreams::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(REGION))
        .credentials_provider(credentials())
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .endpoint_url(url);
    aws_sdk_dynamodbstreams::Client::from_conf(config.build())
}

/// An index of the table.
struct Index {
    name: &'static str,
    /// The attribute that is its partition key, a string.
    leader: &'static str,
    /// The attribute that is its sort key.
    sort: (&'static str, ScalarAttributeType),
    /// Whether it has whole items, and not their keys alone.
    is_whole: bool,
}

const fn log(name: &'static str, leader: &'static str) -> Index {
    Index { name, leader, sort: ("sk", ScalarAttributeType::S), is_whole: true }
}

static INDEXES: [Index; 4] = [
    log("practice-log", "practice_log"),
    log("actor-log", "actor_log"),
    log("action-log", "action_log"),
    Index {
        name: "outbox-queue",
        leader: "outbox_queue",
        sort: ("due_at", ScalarAttributeType::N),
        is_whole: false,
    },
];

/// Creates Rekey's table if there is none, and waits until it can be used. It has the string keys `pk` and `sk`,
/// on-demand capacity, the indexes, a stream of keys, and items that expire at `expires_at`.
///
/// # Errors
/// DynamoDB refuses, the table is one of an earlier release, or it does not become active within half a minute.
pub async fn create_table(client: &aws_sdk_dynamodb::Client, name: &str) -> Result<(), Error> {
    let request = client
        .create_table()
        .table_name(name)
        .billing_mode(BillingMode::PayPerRequest)
        .set_attribute_definitions(Some(definitions()?))
        .set_key_schema(Some(vec![key("pk", KeyType::Hash)?, key("sk", KeyType::Range)?]))
        .set_global_secondary_indexes(Some(INDEXES.iter().map(index).collect::<Result<_, _>>()?))
        .stream_specification(stream()?);
    match request.send().await {
        Ok(_) => {}
        Err(error)
            if error.as_service_error().is_some_and(
                aws_sdk_dynamodb::operation::create_table::CreateTableError::is_resource_in_use_exception,
            ) => {}
        Err(error) => return Err(Error::aws("CreateTable", error)),
    }
    wait_until_active(client, name).await?;
    enable_ttl(client, name).await
}

async fn wait_until_active(client: &aws_sdk_dynamodb::Client, name: &str) -> Result<(), Error> {
    let mut ticks = tokio::time::interval(ACTIVE_INTERVAL);
    for _ in 0..ACTIVE_TRIES {
        ticks.tick().await;
        let answer = client.describe_table().table_name(name).send().await;
        let table = answer.map_err(|error| Error::aws("DescribeTable", error))?.table;
        let Some(table) = table.filter(|table| table.table_status == Some(TableStatus::Active)) else {
            continue;
        };
        let has = |index: &Index| {
            table.global_secondary_indexes().iter().any(|own| own.index_name() == Some(index.name))
        };
        return if INDEXES.iter().all(has) { Ok(()) } else { Err(Error::Outdated(name.to_owned())) };
    }
    Err(Error::NotActive(name.to_owned()))
}

/// Enables expiry, after asking whether it is enabled: AWS refuses to enable it twice.
async fn enable_ttl(client: &aws_sdk_dynamodb::Client, name: &str) -> Result<(), Error> {
    let answer = client.describe_time_to_live().table_name(name).send().await;
    let state = answer.map_err(|error| Error::aws("DescribeTimeToLive", error))?.time_to_live_description;
    let status = state.and_then(|state| state.time_to_live_status);
    if matches!(status, Some(TimeToLiveStatus::Enabled | TimeToLiveStatus::Enabling)) {
        return Ok(());
    }
    let ttl = TimeToLiveSpecification::builder().enabled(true).attribute_name(TTL_ATTRIBUTE).build();
    let request = client.update_time_to_live().table_name(name).time_to_live_specification(built(ttl)?);
    request.send().await.map_err(|error| Error::aws("UpdateTimeToLive", error))?;
    Ok(())
}

fn definitions() -> Result<Vec<AttributeDefinition>, Error> {
    let leaders = ["pk"].into_iter().chain(INDEXES.iter().map(|index| index.leader));
    let mut all: Vec<_> = leaders.map(|name| (name, ScalarAttributeType::S)).collect();
    for index in &INDEXES {
        if !all.contains(&index.sort) {
            all.push(index.sort.clone());
        }
    }
    all.into_iter().map(|(name, kind)| attribute(name, kind)).collect()
}

fn index(index: &Index) -> Result<GlobalSecondaryIndex, Error> {
    let kind = if index.is_whole { ProjectionType::All } else { ProjectionType::KeysOnly };
    let projection = Projection::builder().projection_type(kind).build();
    let keys = vec![key(index.leader, KeyType::Hash)?, key(index.sort.0, KeyType::Range)?];
    let index = GlobalSecondaryIndex::builder().index_name(index.name).set_key_schema(Some(keys));
    built(index.projection(projection).build())
}

fn attribute(name: &str, kind: ScalarAttributeType) -> Result<AttributeDefinition, Error> {
    built(AttributeDefinition::builder().attribute_name(name).attribute_type(kind).build())
}

fn key(name: &str, kind: KeyType) -> Result<KeySchemaElement, Error> {
    built(KeySchemaElement::builder().attribute_name(name).key_type(kind).build())
}

fn stream() -> Result<StreamSpecification, Error> {
    built(
        StreamSpecification::builder()
            .stream_enabled(true)
            .stream_view_type(StreamViewType::KeysOnly)
            .build(),
    )
}

fn built<T>(result: Result<T, BuildError>) -> Result<T, Error> {
    result.map_err(|error| Error::aws("CreateTable", error))
}
