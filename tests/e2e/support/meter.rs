//! What DynamoDB says that a call consumes.
//!
//! The seam asks for it with each call while it measures, and passes the answer on. The embedded engine counts by AWS's rules, as
//! they were captured from DynamoDB: an item of a transaction twice, the larger of the old item and the new one, each index by
//! what it holds, and half a unit where a read may be a little behind. It says nothing of a call that it refuses.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex};

use aws_smithy_runtime_api::client::http::{HttpConnector as _, HttpConnectorFuture, SharedHttpConnector};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::byte_stream::ByteStream;
use serde_json::{Value, json};

/// The beginning of each target of DynamoDB.
const DYNAMODB: &str = "DynamoDB_";

/// A call to DynamoDB, and what it has consumed.
#[derive(Clone, Debug)]
pub struct Call {
    pub function: &'static str,
    pub operation: String,
    /// Whether the function waited for no other call when it made this one. Of calls that go out together, the first does.
    pub is_first: bool,
    /// Whether DynamoDB has carried it out. If not, it says nothing of units.
    pub is_taken: bool,
    pub read_units: f64,
    /// The units for writing to the table.
    pub write_units: f64,
    /// The units for writing to each index.
    pub index_units: BTreeMap<String, f64>,
}

/// The calls since it was last read. Clones are the same meter.
#[derive(Clone, Default)]
pub struct Meter(Arc<Mutex<Measuring>>);

#[derive(Default)]
struct Measuring {
    is_on: bool,
    /// The calls of each function that have no answer yet.
    waiting: HashMap<&'static str, usize>,
    calls: Vec<Call>,
}

impl Meter {
    /// Begins or ends to measure.
    pub fn turn(&self, is_on: bool) {
        self.0.lock().unwrap().is_on = is_on;
    }

    /// The calls that were made since the last time, in the order of their answers.
    pub fn take(&self) -> Vec<Call> {
        std::mem::take(&mut self.0.lock().unwrap().calls)
    }

    /// Makes a call, and measures it if it is one to DynamoDB.
    pub(super) fn pass(
        &self,
        function: &'static str,
        request: HttpRequest,
        inner: &SharedHttpConnector,
    ) -> HttpConnectorFuture {
        let target = request.headers().get("x-amz-target").unwrap_or_default();
        if !target.starts_with(DYNAMODB) || !self.0.lock().unwrap().is_on {
            return inner.call(request);
        }
        let operation = super::seam::operation(target).to_owned();
        let (is_first, meter) = (self.begin(function), self.clone());
        let call = inner.call(asking(request));
        HttpConnectorFuture::new(async move {
            let answered = call.await;
            meter.end(function);
            let mut answer = answered?;
            let body = ByteStream::new(answer.take_body()).collect().await;
            let body = body.map_err(|error| ConnectorError::io(error.into()))?.into_bytes();
            let consumed: Value = serde_json::from_slice(&body).unwrap_or_default();
            let call =
                Call { is_taken: answer.status().is_success(), ..Call::new(function, operation, is_first) };
            meter.0.lock().unwrap().calls.push(call.consuming(&consumed["ConsumedCapacity"]));
            *answer.body_mut() = SdkBody::from(body.to_vec());
            Ok(answer)
        })
    }

    fn begin(&self, function: &'static str) -> bool {
        let mut measuring = self.0.lock().unwrap();
        let waiting = measuring.waiting.entry(function).or_default();
        *waiting += 1;
        *waiting == 1
    }

    fn end(&self, function: &'static str) {
        *self.0.lock().unwrap().waiting.get_mut(function).unwrap() -= 1;
    }
}

/// The request, with the question what it consumes. The engine checks no signature.
fn asking(mut request: HttpRequest) -> HttpRequest {
    let mut body: Value = serde_json::from_slice(request.body().bytes().unwrap()).unwrap();
    body["ReturnConsumedCapacity"] = json!("INDEXES");
    let body = body.to_string();
    request.headers_mut().insert("content-length", body.len().to_string());
    *request.body_mut() = SdkBody::from(body);
    request
}

impl Call {
    fn new(function: &'static str, operation: String, is_first: bool) -> Self {
        let (read_units, write_units) = (0.0, 0.0);
        Self {
            function,
            operation,
            is_first,
            is_taken: true,
            read_units,
            write_units,
            index_units: BTreeMap::new(),
        }
    }

    /// The call, with what an answer says: one object, or a list of one where a call can concern several tables.
    fn consuming(mut self, consumed: &Value) -> Self {
        let of_table = consumed.get(0).unwrap_or(consumed);
        let units = |of: &Value| of["CapacityUnits"].as_f64().unwrap_or_default();
        if ["GetItem", "Query", "Scan", "BatchGetItem", "TransactGetItems"].contains(&self.operation.as_str())
        {
            self.read_units = units(of_table);
            return self;
        }
        self.write_units = units(&of_table["Table"]);
        let indexes = of_table["GlobalSecondaryIndexes"].as_object().into_iter().flatten();
        self.index_units = indexes.map(|(name, consumed)| (name.clone(), units(consumed))).collect();
        assert!(!self.is_taken || self.write_units > 0.0, "DynamoDB has not said what {self:?} consumes");
        self
    }
}

/// A figure with two decimals at the most.
pub fn short(figure: f64) -> String {
    let text = format!("{figure:.2}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}
