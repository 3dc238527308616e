use std::sync::{Arc, Mutex};

use axum::extract::State;
use axum::{Json, Router, routing::post};

use super::*;

/// A function that answers as `operator` does, and fails from a given invocation on.
#[derive(Clone, Default)]
struct Function {
    lines: Arc<Mutex<Vec<String>>>,
    invocations: Arc<Mutex<usize>>,
    fails_from: usize,
}

async fn answer(State(function): State<Function>, Json(payload): Json<Value>) -> Json<Value> {
    let mut invocations = function.invocations.lock().expect("unpoisoned");
    *invocations += 1;
    if *invocations >= function.fails_from {
        return Json(json!({"errorType": "Unavailable", "errorMessage": "the store is unavailable"}));
    }
    let lines = payload["lines"].as_str().expect("lines");
    let results: Vec<Value> = (1..=lines.lines().count())
        .map(|line| json!({"line": line, "status": "created", "notes": if line == 2 { vec!["a note"] } else { Vec::new() }}))
        .collect();
    function.lines.lock().expect("unpoisoned").extend(lines.lines().map(str::to_owned));
    Json(json!({"created": results.len(), "existing": 0, "failed": 0, "results": results}))
}

async fn start(function: &Function) -> Target {
    let app = Router::new()
        .route("/2015-03-31/functions/operator/invocations", post(answer))
        .with_state(function.clone());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    tokio::spawn(async move { axum::serve(listener, app).await });
    Target::Laptop { url }
}

fn import(file: &Path) -> Import {
    Import {
        file: file.to_owned(),
        practice: "agency".to_owned(),
        format: None,
        firebase: None,
        dry_run: false,
        restart: false,
    }
}

#[tokio::test]
async fn a_file_is_sent_in_parts_and_an_interrupted_import_goes_on() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("accounts.jsonl");
    let line = |n: usize| json!({"username": format!("u{n}"), "display_name": "U"}).to_string();
    let text: Vec<String> = (0..2 * PART + 200).map(line).collect();
    std::fs::write(&file, text.join("\n")).expect("a file");
    let failing = Function { fails_from: 3, ..Function::default() };
    let target = start(&failing).await;
    let failure = import(&file).run(&target).await.expect_err("the third part fails");
    assert_eq!(failure.to_string(), "the store is unavailable");
    assert_eq!(failing.lines.lock().expect("unpoisoned").len(), 2 * PART);
    let rest = Function { fails_from: usize::MAX, ..Function::default() };
    let target = start(&rest).await;
    assert_eq!(import(&file).run(&target).await.expect("done"), ExitCode::SUCCESS);
    assert_eq!(*rest.lines.lock().expect("unpoisoned"), text[2 * PART..]);
    assert!(!kept_beside(&file).exists(), "what is done leaves nothing behind");

    // Another file of the same name begins at its beginning, and so does one that is asked to.
    let again = Function { fails_from: 2, ..Function::default() };
    import(&file).run(&start(&again).await).await.expect_err("the second part fails");
    std::fs::write(&file, format!("{}\n{}", text.join("\n"), line(2 * PART + 200))).expect("a file");
    let whole = Function { fails_from: usize::MAX, ..Function::default() };
    import(&file).run(&start(&whole).await).await.expect("done");
    assert_eq!(whole.lines.lock().expect("unpoisoned").len(), 2 * PART + 201);
}

#[test]
fn staff_come_before_those_who_name_them_and_a_shared_address_is_nobodys_name() {
    let record = |line: usize, account: Value| Record { line, account: Ok(account.to_string()) };
    let ordered = in_order(vec![
        record(1, json!({"username": "a", "email": "Home@x.test", "caseload": [{"staff": "s"}]})),
        record(2, json!({"username": "b", "email": "home@x.test "})),
        record(3, json!({"username": "s", "portal": "staff", "email": "home@x.test"})),
        Record { line: 4, account: Err("broken".to_owned()) },
    ]);
    assert_eq!(ordered.iter().map(|record| record.line).collect::<Vec<_>>(), [2, 3, 4, 1]);
    let by_email: Vec<Option<bool>> = ordered
        .iter()
        .map(|record| {
            let account: Value = serde_json::from_str(record.account.as_ref().ok()?).ok()?;
            account.get("signs_in_by_email")?.as_bool()
        })
        .collect();
    assert_eq!(by_email, [Some(false), None, None, Some(false)]);
}

#[test]
fn a_format_has_the_name_that_the_invocation_has() {
    assert_eq!(format("json-lines"), Ok(Format::JsonLines));
    assert_eq!(format("json_lines"), Ok(Format::JsonLines));
    assert_eq!(format("auth0"), Ok(Format::Auth0));
    assert!(format("xml").expect_err("no format").to_string().contains("`keycloak`"));
}

#[test]
fn a_part_is_no_larger_than_an_invocation() {
    let record = |size: usize| Record { line: 1, account: Ok("x".repeat(size)) };
    assert_eq!(part(&vec![record(10); 1_200]).len(), PART);
    assert_eq!(part(&vec![record(900_000); 9]).len(), 2);
    assert_eq!(part(&[record(9_000_000)]).len(), 1);
}
