//! The contract document: what stands beside the handlers, and what utoipa has no attribute for.
//!
//! utoipa makes the first draft of what the operations say. [`complete`] adds, in this order:
//!
//! 1. request bodies, parameters and headers are never null: what is optional is left out;
//! 2. answers always have their members that can be null, and those that have a default;
//! 3. a settings patch has the members of the settings, all optional (RFC 7396);
//! 4. a success or a parameter without a description has that of its schema;
//! 5. a member of a problem that has one value only is a constant;
//! 6. the examples, which the journey of `document.rs` has sent and received.
//!
//! The draft is worked on as YAML values, because their mappings keep the order of the members.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::OnceLock;

use serde_json::Value;
use serde_yaml_ng::{Mapping, Value as Node};
use utoipa::OpenApi;

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Rekey",
        version = "1",
        description = include_str!("document/description.md"),
        license(name = "Apache-2.0", identifier = "Apache-2.0"),
        contact(name = "The maintainers of this deployment"),
    ),
    servers((
        url = "{origin}",
        description = "A deployment of Rekey: `origin` is where its API is, by default that of `cargo dev`.",
        variables(("origin" = (default = "http://localhost:9000")))
    )),
    tags(
        (name = "recovery", description = "Recover an account by a mailed link or code, and report a change of the password that the owner did not make."),
        (name = "practices", description = "Public facts of a practice."),
        (name = "pages", description = "The pages of portals that have no front end of their own."),
        (name = "sessions", description = "Sign in, list sessions and end them."),
        (name = "account", description = "The account of the person who is signed in."),
        (name = "staff", description = "The work of staff: accounts, help, logs and the practice's settings."),
    ),
    security(("bearer" = []), ("cookie" = [])),
)]
struct Draft;

/// The contract document without its examples.
pub fn api() -> &'static Value {
    static API: OnceLock<Value> = OnceLock::new();
    API.get_or_init(|| serde_json::to_value(complete(&Examples::default())).unwrap())
}

/// The examples of an operation, by its id.
pub type Examples = BTreeMap<String, OperationExamples>;

/// What was sent to an operation, and what it answered.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct OperationExamples {
    /// Path, query and header parameters by name.
    pub parameters: BTreeMap<String, String>,
    /// Request bodies by name.
    pub requests: BTreeMap<String, Value>,
    /// Answers by name, each with its status and its content type.
    pub answers: BTreeMap<String, (u16, String, Value)>,
}

/// The contract document.
pub fn complete(examples: &Examples) -> Node {
    let mut api = draft();
    let answered = reachable(&api, "responses");
    for operation in operations_mut(&mut api) {
        never_null(operation);
    }
    for name in reachable(&api, "requestBody") {
        without_null_default(&mut api["components"]["schemas"][name.as_str()]);
    }
    patch_of_settings(&mut api);
    for name in &answered {
        always_sent(&mut api["components"]["schemas"][name.as_str()]);
    }
    describe_what_is_undescribed(&mut api);
    constants_of_problems(&mut api);
    for operation in operations_mut(&mut api) {
        let id = operation["operationId"].as_str().unwrap().to_owned();
        if let Some(examples) = examples.get(&id) {
            show(operation, examples);
        }
    }
    api
}

/// As it is checked in.
pub fn text_of(document: &Node) -> String {
    serde_json::to_string_pretty(document).unwrap() + "\n"
}

fn draft() -> Node {
    let mut api = Draft::openapi();
    forgot_password::describe(&mut api);
    verify_code::describe(&mut api);
    reset_password::describe(&mut api);
    sessions::describe(&mut api);
    change_password::describe(&mut api);
    activity::describe(&mut api);
    accounts::describe(&mut api);
    admin_link::describe(&mut api);
    pages::describe(&mut api);
    settings::describe(&mut api);
    let mut api: Node = serde_yaml_ng::from_str(&api.to_json().unwrap()).unwrap();
    api["components"]["securitySchemes"] = node(&serde_json::json!({
        "bearer": {"type": "http", "scheme": "bearer", "description": "The `token` from the answer of `POST /v1/sessions`."},
        "cookie": {"type": "apiKey", "in": "cookie", "name": "__Host-rekey-{practice}-{portal}",
            "description": "The cookie that `POST /v1/sessions` sets with `\"transport\": \"cookie\"`. Its name has the practice and the portal of the session, as in `__Host-rekey-agency-client`. The browser sends it by itself; every call but a read must come from the portal's own origin. A browser that has several of them says by the header `Rekey-Portal` which it means, as in `agency/client`."},
    }));
    api
}

fn node(value: &Value) -> Node {
    serde_yaml_ng::to_value(value).unwrap()
}

fn operations_mut(api: &mut Node) -> impl Iterator<Item = &mut Node> {
    let paths = api["paths"].as_mapping_mut().unwrap().values_mut();
    paths.flat_map(|path| path.as_mapping_mut().unwrap().values_mut())
}

/// The schemas that one part of the operations refers to, directly or not.
fn reachable(api: &Node, part: &str) -> BTreeSet<String> {
    let paths = api["paths"].as_mapping().unwrap().values();
    let operations = paths.flat_map(|path| path.as_mapping().unwrap().values());
    let mut waiting: Vec<String> = operations.flat_map(|operation| references(&operation[part])).collect();
    let mut found = BTreeSet::new();
    while let Some(name) = waiting.pop() {
        waiting.extend(references(&api["components"]["schemas"][name.as_str()]));
        if !found.insert(name) {
            waiting.retain(|name| !found.contains(name));
        }
    }
    found
}

/// The schemas that a part of the document refers to directly.
pub fn references(part: &Node) -> Vec<String> {
    match part {
        Node::Mapping(members) => {
            let own = members.get("$ref").and_then(Node::as_str);
            let own = own.and_then(|place| place.strip_prefix("#/components/schemas/")).map(str::to_owned);
            own.into_iter().chain(members.values().flat_map(references)).collect()
        }
        Node::Sequence(items) => items.iter().flat_map(references).collect(),
        _ => Vec::new(),
    }
}

/// Step 1.
fn never_null(operation: &mut Node) {
    if let Some(Node::Sequence(parameters)) = operation.get_mut("parameters") {
        for parameter in parameters {
            without_null(&mut parameter["schema"]);
        }
    }
    if let Some(Node::Mapping(contents)) =
        operation.get_mut("requestBody").and_then(|body| body.get_mut("content"))
    {
        for content in contents.values_mut() {
            without_null(&mut content["schema"]);
        }
    }
    for response in operation["responses"].as_mapping_mut().unwrap().values_mut() {
        if let Some(Node::Mapping(headers)) = response.get_mut("headers") {
            for header in headers.values_mut() {
                without_null(&mut header["schema"]);
            }
        }
    }
}

fn without_null(schema: &mut Node) {
    let is_null = |other: &Node| other.get("type").and_then(Node::as_str) == Some("null");
    if let Some(Node::Sequence(types)) = schema.get_mut("type") {
        types.retain(|name| name.as_str() != Some("null"));
        if let [only] = types.as_slice() {
            schema["type"] = only.clone();
        }
    }
    if let Some(Node::Sequence(others)) = schema.get_mut("oneOf") {
        others.retain(|other| !is_null(other));
        if let [only] = others.as_slice() {
            *schema = only.clone();
        }
    }
}

/// A member that is left out of a request is not null, whatever Rust's default is.
fn without_null_default(schema: &mut Node) {
    let Some(members) = schema.get_mut("properties").and_then(Node::as_mapping_mut) else { return };
    for member in members.values_mut().filter_map(Node::as_mapping_mut) {
        if member.get("default").is_some_and(Node::is_null) {
            member.remove("default");
        }
    }
}

/// Whether a member of a schema takes null.
fn takes_null(schema: &Node) -> bool {
    let is_null = |name: &Node| name.as_str() == Some("null");
    let types = schema.get("type").and_then(Node::as_sequence);
    types.is_some_and(|types| types.iter().any(is_null))
        || ["oneOf", "anyOf"].iter().any(|word| {
            let others = schema.get(word).and_then(Node::as_sequence);
            others.is_some_and(|others| others.iter().any(|other| other.get("type").is_some_and(is_null)))
        })
}

/// Step 2.
fn always_sent(schema: &mut Node) {
    let Some(members) = schema.get("properties").and_then(Node::as_mapping) else { return };
    let known = schema.get("required").and_then(Node::as_sequence).cloned().unwrap_or_default();
    let sent = |(name, member): (&Node, &Node)| {
        (known.contains(name) || takes_null(member) || member.get("default").is_some()).then(|| name.clone())
    };
    let required: Vec<Node> = members.iter().filter_map(sent).collect();
    if !required.is_empty() {
        schema["required"] = Node::Sequence(required);
    }
}

/// Step 3. What the settings need, a patch may leave out; what they do not need, it may also take away with null.
fn patch_of_settings(api: &mut Node) {
    const WHOLE: [&str; 6] = ["Practice", "Policy", "Support", "Portals", "PortalUrls", "Brand"];
    for name in WHOLE {
        let mut schema = api["components"]["schemas"][name].clone();
        let required = schema.get("required").and_then(Node::as_sequence).cloned().unwrap_or_default();
        let object = schema.as_mapping_mut().unwrap();
        object.remove("required");
        object.insert("additionalProperties".into(), false.into());
        object.insert(
            "description".into(),
            format!("A change of a `{name}`. A member that is left out stays as it is.").into(),
        );
        for (member, of) in schema["properties"].as_mapping_mut().unwrap().iter_mut() {
            of.as_mapping_mut().unwrap().remove("default");
            refer_to_patches(of, &WHOLE);
            if !required.contains(member) {
                or_null(of);
            }
        }
        api["components"]["schemas"][format!("{name}Patch").as_str()] = schema;
    }
    let body = &mut api["paths"]["/v1/admin/practice"]["patch"]["requestBody"]["content"]["application/json"];
    body["schema"] = node(&serde_json::json!({"$ref": "#/components/schemas/PracticePatch"}));
}

fn refer_to_patches(part: &mut Node, names: &[&str]) {
    let place = part.get("$ref").and_then(Node::as_str).and_then(|place| place.rsplit('/').next());
    if let Some(name) = place.filter(|name| names.contains(name)) {
        part["$ref"] = format!("#/components/schemas/{name}Patch").into();
    }
}

fn or_null(schema: &mut Node) {
    match schema.get("type").cloned() {
        Some(Node::String(name)) => schema["type"] = Node::Sequence(vec![name.into(), "null".into()]),
        Some(_) => {}
        None => {
            let other = std::mem::replace(schema, Node::Mapping(Mapping::new()));
            schema["oneOf"] = Node::Sequence(vec![other, node(&serde_json::json!({"type": "null"}))]);
        }
    }
}

/// Step 4.
fn describe_what_is_undescribed(api: &mut Node) {
    let schemas = api["components"]["schemas"].clone();
    for operation in operations_mut(api) {
        if let Some(Node::Sequence(parameters)) = operation.get_mut("parameters") {
            for parameter in parameters.iter_mut().filter(|parameter| parameter.get("description").is_none())
            {
                let schema = parameter["schema"].as_mapping_mut().unwrap();
                let description = schema.remove("description").unwrap();
                parameter.as_mapping_mut().unwrap().insert("description".into(), description);
            }
        }
        for response in operation["responses"].as_mapping_mut().unwrap().values_mut() {
            if response.get("description").and_then(Node::as_str).is_some_and(|text| !text.is_empty()) {
                continue;
            }
            let name = references(response).into_iter().next().unwrap();
            let mut described = Mapping::new();
            described.insert("description".into(), schemas[name.as_str()]["description"].clone());
            described.extend(
                response.as_mapping().unwrap().clone().into_iter().filter(|(key, _)| key != "description"),
            );
            *response = Node::Mapping(described);
        }
    }
}

/// Step 5.
fn constants_of_problems(api: &mut Node) {
    let schemas = api["components"]["schemas"].as_mapping_mut().unwrap().iter_mut();
    let problems = schemas.filter(|(name, _)| name.as_str().is_some_and(|name| name.ends_with("Problem")));
    for (_, problem) in problems {
        for member in problem["properties"].as_mapping_mut().unwrap().values_mut() {
            let member = member.as_mapping_mut().unwrap();
            if let Some(Node::Sequence(values)) = member.remove("enum") {
                member.insert("const".into(), values[0].clone());
            }
        }
    }
}

/// Step 6.
fn show(operation: &mut Node, examples: &OperationExamples) {
    if let Some(Node::Sequence(parameters)) = operation.get_mut("parameters") {
        for parameter in parameters {
            let name = parameter["name"].as_str().unwrap();
            if let Some(value) = examples.parameters.get(name) {
                let is_number = parameter["schema"].get("type").and_then(Node::as_str) == Some("integer");
                parameter["example"] =
                    if is_number { serde_yaml_ng::from_str(value).unwrap() } else { value.as_str().into() };
            }
        }
    }
    for (name, body) in &examples.requests {
        let contents = operation["requestBody"]["content"].as_mapping_mut().unwrap();
        let (_, content) = contents.iter_mut().next().unwrap();
        content["examples"][name.as_str()]["value"] = node(body);
    }
    for (name, (status, media_type, body)) in &examples.answers {
        let response = &mut operation["responses"][status.to_string().as_str()];
        response["content"][media_type.as_str()]["examples"][name.as_str()]["value"] = node(body);
    }
}

/// The id of an operation.
pub fn operation_id(method: &str, pattern: &str) -> String {
    let id = &api()["paths"][pattern][method.to_lowercase()]["operationId"];
    id.as_str().unwrap_or_else(|| panic!("{method} {pattern} is no operation")).to_owned()
}
