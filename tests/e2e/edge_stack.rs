//! The stack of the edge compared with the code and with the template.

use rekey::http::problem::ErrorCode;
use rekey::http::route::Caller;
use serde_json::{Value, json};

use crate::support::event::HttpEvent;
use crate::support::template::{root, stack, template};
use crate::support::{TestApp, routes};

fn edge() -> Value {
    stack("infra/edge.yaml")
}

fn distribution(edge: &Value) -> Value {
    edge["Resources"]["Distribution"]["Properties"]["DistributionConfig"].clone()
}

/// The headers that the function of the edge sets, of the address and of the host, from the code of it that is known to be right.
fn viewer_headers(edge: &Value) -> [String; 2] {
    let code = edge["Resources"]["Viewer"]["Properties"]["FunctionCode"].as_str().unwrap();
    let [address, host] = [1, 3].map(|place| code.split('\'').nth(place).unwrap().to_owned());
    let expected = format!(
        "function handler(event) {{\n  event.request.headers['{address}'] = {{ value: event.viewer.ip }};\n  \
         event.request.headers['{host}'] = {{ value: event.request.headers.host.value }};\n  return event.request;\n}}\n"
    );
    assert_eq!(code, expected);
    [address, host]
}

#[tokio::test]
async fn the_functions_believe_what_the_edge_sends() {
    let edge = edge();
    let header = &distribution(&edge)["Origins"][0]["OriginCustomHeaders"];
    assert_eq!(header.as_array().unwrap().len(), 1);
    assert_eq!(header[0]["HeaderValue"], "OriginSecret");
    let digest = "2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b";
    let app = TestApp::start_with(&[("REKEY_EDGE_SECRET_DIGESTS", digest)]).await;
    let call = HttpEvent::new("GET", "/v1/account");
    let with_secret = call.header(header[0]["HeaderName"].as_str().unwrap(), "secret");
    assert_eq!(
        app.send(with_secret.clone()).await.status,
        503,
        "the secret is right, and there is no address"
    );
    let [address, host] = viewer_headers(&edge);
    let with_address = with_secret.header(&address, "2001:db8::1");
    assert_eq!(app.send(with_address).await.status, 401, "the call has arrived");
    app.create_practice("agency", json!({})).await;
    let page = HttpEvent::new("GET", "/.well-known/change-password")
        .header(header[0]["HeaderName"].as_str().unwrap(), "secret")
        .header(&address, "2001:db8::1");
    assert_eq!(app.send(page.clone()).await.status, 200, "the page that asks for the practice");
    let bound = app.send(page.header(&host, "portal.agency.test")).await;
    assert_eq!(bound.headers["location"], "https://portal.agency.test", "the host is a practice's own");
}

#[test]
fn every_function_with_routes_learns_the_digests_and_no_secret() {
    let (template, edge) = (template(), edge());
    let parameter = &template["Parameters"]["EdgeSecretDigests"];
    assert_eq!(parameter["Default"], "", "without an edge");
    assert_eq!(parameter["AllowedPattern"], "^([0-9a-f]{64}(,[0-9a-f]{64})?)?$");
    let rule = template["Rules"]["ProdHasDomainNameAndTopic"]["Assertions"][0]["Assert"].to_string();
    assert!(rule.contains("DomainName") && rule.contains("EdgeSecretDigests"), "{rule}");
    let resources = template["Resources"].as_object().unwrap();
    let functions = resources.values().filter(|one| one["Type"] == "AWS::Serverless::Function");
    let mut with_routes = 0;
    for function in functions.map(|function| &function["Properties"]) {
        let mut events = function["Events"].as_object().into_iter().flat_map(|events| events.values());
        let has_routes = events.any(|event| event["Type"] == "HttpApi");
        let digests = &function["Environment"]["Variables"]["REKEY_EDGE_SECRET_DIGESTS"];
        assert_eq!(*digests, if has_routes { json!("EdgeSecretDigests") } else { Value::Null });
        with_routes += usize::from(has_routes);
    }
    assert_eq!(with_routes, 10);
    let secret = &edge["Parameters"]["OriginSecret"];
    assert_eq!((&secret["NoEcho"], &secret["Default"]), (&json!(true), &Value::Null));
    assert_eq!(
        secret["AllowedPattern"], "^[A-Za-z0-9_-]{43,128}$",
        "32 bytes in base64url or in hexadecimal"
    );
}

#[test]
fn the_distribution_keeps_nothing_and_hands_everything_over() {
    let distribution = distribution(&edge());
    assert_eq!(distribution["HttpVersion"], "http2and3");
    assert_eq!(distribution["WebACLId"], "WebAcl.Arn");
    assert_eq!(
        distribution["ViewerCertificate"],
        json!([
            "HasDomainName",
            {
                "AcmCertificateArn": "CertificateArn",
                "MinimumProtocolVersion": "TLSv1.2_2021",
                "SslSupportMethod": "sni-only"
            },
            {"CloudFrontDefaultCertificate": true}
        ])
    );
    assert_eq!(
        distribution["Origins"][0]["CustomOriginConfig"],
        json!({"OriginProtocolPolicy": "https-only", "OriginSSLProtocols": ["TLSv1.2"]})
    );
    let behavior = &distribution["DefaultCacheBehavior"];
    assert_eq!(behavior["ViewerProtocolPolicy"], "https-only");
    assert_eq!(behavior["CachePolicyId"], "4135ea2d-6df8-44a3-9df3-4b5a84be39ad", "CachingDisabled");
    assert_eq!(
        behavior["OriginRequestPolicyId"], "b689b0a8-53d0-40ab-baf2-68738e2966ac",
        "AllViewerExceptHostHeader"
    );
    assert_eq!(
        behavior["FunctionAssociations"],
        json!([{"EventType": "viewer-request", "FunctionARN": "Viewer.FunctionMetadata.FunctionARN"}])
    );
    assert!(distribution["CacheBehaviors"].is_null(), "no path has another way");
    let methods = behavior["AllowedMethods"].as_array().unwrap();
    for known in routes::all() {
        assert!(methods.contains(&json!(known.method)), "{}", known.method);
    }
    assert!(methods.contains(&json!("OPTIONS")) && methods.contains(&json!("HEAD")));
}

/// The rules of the web ACL, the one by parameter included.
fn rules(edge: &Value) -> Vec<Value> {
    let rules = edge["Resources"]["WebAcl"]["Properties"]["Rules"].as_array().unwrap();
    rules.iter().map(|rule| if rule.is_array() { rule[1].clone() } else { rule.clone() }).collect()
}

#[test]
fn the_web_acl_limits_each_address_and_shows_nobodys_token() {
    let edge = edge();
    let acl = &edge["Resources"]["WebAcl"]["Properties"];
    assert_eq!((&acl["Scope"], &acl["DefaultAction"]), (&json!("CLOUDFRONT"), &json!({"Allow": {}})));
    for (place, condition, parameter, without) in
        [(3, "HasBotControl", "BotControl", "false"), (4, "HasFloodedPractice", "FloodedPractice", "")]
    {
        assert_eq!(
            (&acl["Rules"][place][0], &acl["Rules"][place][2]),
            (&json!(condition), &json!("AWS::NoValue"))
        );
        assert_eq!(edge["Parameters"][parameter]["Default"], without);
    }
    let rules = rules(&edge);
    assert_eq!(
        rules.iter().map(|rule| rule["Name"].as_str().unwrap()).collect::<Vec<_>>(),
        ["requests", "public-requests", "reputation", "bots", "flooded-practice"]
    );
    for visible in rules.iter().chain([acl]).map(|rule| &rule["VisibilityConfig"]) {
        assert_eq!(visible["SampledRequestsEnabled"], false, "a sample shows cookies and tokens");
    }
    for (rule, limit) in rules.iter().zip(["RequestsPerAddress", "PublicRequestsPerAddress"]) {
        let statement = &rule["Statement"]["RateBasedStatement"];
        assert_eq!((&statement["AggregateKeyType"], &statement["Limit"]), (&json!("IP"), &json!(limit)));
        // What AWS WAF takes.
        let parameter = &edge["Parameters"][limit];
        assert_eq!((&parameter["MinValue"], &parameter["MaxValue"]), (&json!(10), &json!(2_000_000_000)));
        assert_eq!(rule["Action"]["Block"]["CustomResponse"]["ResponseCode"], 429);
    }
    let groups = rules[2..4].iter().map(|rule| &rule["Statement"]["ManagedRuleGroupStatement"]["Name"]);
    assert_eq!(
        groups.collect::<Vec<_>>(),
        ["AWSManagedRulesAmazonIpReputationList", "AWSManagedRulesBotControlRuleSet"]
    );
}

/// Whether a rule's paths have this one.
fn has_path(paths: &Value, path: &str) -> bool {
    paths["OrStatement"]["Statements"].as_array().unwrap().iter().any(|known| {
        let known = &known["ByteMatchStatement"];
        assert_eq!(known["FieldToMatch"], json!({"UriPath": {}}));
        let text = known["SearchString"].as_str().unwrap();
        if known["PositionalConstraint"] == "EXACTLY" { path == text } else { path.starts_with(text) }
    })
}

/// The parts of what a limited request is.
fn scope(rule: &Value) -> &[Value] {
    let scope = &rule["Statement"]["RateBasedStatement"]["ScopeDownStatement"]["AndStatement"]["Statements"];
    assert_eq!(scope[0]["ByteMatchStatement"]["SearchString"], "POST");
    assert_eq!(scope[0]["ByteMatchStatement"]["FieldToMatch"], json!({"Method": {}}));
    scope.as_array().unwrap()
}

/// What costs a mail, a hash or a guess, and what a caller without a session can ask for, is under the tighter limit.
#[test]
fn every_public_post_is_under_the_tighter_limit() {
    let rules = rules(&edge());
    let [_, paths] = scope(&rules[1]) else { panic!("method and path") };
    let mut public = 0;
    for known in routes::all().iter().filter(|known| known.method == "POST") {
        let is_limited = has_path(paths, known.pattern);
        assert_eq!(is_limited, !known.pattern.starts_with("/v1/admin"), "{}", known.pattern);
        assert!(is_limited || known.caller != Caller::Anyone, "{}", known.pattern);
        public += usize::from(known.caller == Caller::Anyone);
    }
    assert!(public >= 6, "{public}");
}

#[test]
fn a_flooded_practice_is_limited_by_every_call_that_names_it_and_by_no_other() {
    let edge = edge();
    let rule = rules(&edge)[4].clone();
    let limit = &rule["Statement"]["RateBasedStatement"];
    assert_eq!(
        (&limit["AggregateKeyType"], &limit["Limit"]),
        (&json!("CONSTANT"), &json!("FloodedPracticeRequests")),
        "all callers together"
    );
    let [_, paths, practice] = scope(&rule) else { panic!("method, path and practice") };
    let contract = std::fs::read_to_string(root().join("infra/openapi.json")).unwrap();
    let contract: Value = serde_json::from_str(&contract).unwrap();
    for known in routes::all().iter().filter(|known| known.method == "POST") {
        let body = &contract["paths"][known.pattern]["post"]["requestBody"]["content"]["application/json"];
        let schema = body["schema"]["$ref"].as_str().unwrap_or_default().rsplit('/').next().unwrap();
        let names_it = !contract["components"]["schemas"][schema]["properties"]["practice"].is_null();
        assert_eq!(has_path(paths, known.pattern), names_it, "{}", known.pattern);
    }
    let practice = &practice["ByteMatchStatement"];
    assert_eq!(
        (&practice["SearchString"], &practice["PositionalConstraint"]),
        (&json!("FloodedPractice"), &json!("EXACTLY"))
    );
    let body = &practice["FieldToMatch"]["JsonBody"];
    assert_eq!(
        (&body["MatchPattern"], &body["MatchScope"]),
        (&json!({"IncludedPaths": ["/practice"]}), &json!("VALUE"))
    );
    // A body that cannot be read counts too.
    assert_eq!(
        (&body["InvalidFallbackBehavior"], &body["OversizeHandling"]),
        (&json!("MATCH"), &json!("MATCH"))
    );
}

#[test]
fn whoever_sends_too_much_gets_the_problem_that_the_functions_answer_with() {
    let edge = edge();
    let body = &edge["Resources"]["WebAcl"]["Properties"]["CustomResponseBodies"]["TooManyRequests"];
    assert_eq!(body["ContentType"], "APPLICATION_JSON");
    let body: Value = serde_json::from_str(body["Content"].as_str().unwrap()).unwrap();
    let code = ErrorCode::TooManyRequests;
    assert_eq!(
        body,
        json!({
            "type": format!("urn:rekey:problem:{}", code.name()),
            "title": code.title(),
            "status": code.status().as_u16(),
            "code": code.name(),
        })
    );
    let rules = rules(&edge);
    for rule in [&rules[0], &rules[1], &rules[4]] {
        let response = &rule["Action"]["Block"]["CustomResponse"];
        assert_eq!(response["CustomResponseBodyKey"], "TooManyRequests");
        let window = rule["Statement"]["RateBasedStatement"]["EvaluationWindowSec"].as_u64().unwrap();
        assert_eq!(
            response["ResponseHeaders"][0],
            json!({"Name": "Retry-After", "Value": window.to_string()})
        );
    }
}

#[test]
fn the_access_log_has_no_path_no_query_and_no_cookie() {
    let edge = edge();
    let fields = edge["Resources"]["AccessLog"]["Properties"]["RecordFields"].as_array().unwrap().clone();
    for field in &fields {
        let field = field.as_str().unwrap();
        assert!(
            !["uri", "Cookie", "Referer", "User-Agent"].iter().any(|part| field.contains(part)),
            "{field}"
        );
    }
    assert!(fields.contains(&json!("c-ip")), "who was it?");
    let group = &edge["Resources"]["AccessLogGroup"];
    assert_eq!(group["Properties"]["KmsKeyId"], "LogKey.Arn");
    assert_eq!(group["DeletionPolicy"], "RetainExceptOnCreate");
}
