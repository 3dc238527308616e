//! AWS's list prices of us-east-1, and what they make of a thousand journeys.

use crate::cost::{Journey, Step};
use crate::support::template::{FUNCTIONS, template};

/// The most that a thousand recoveries may cost, with logs.
const BUDGET: f64 = 0.25;

/// How long an invocation of a function that has started takes, in seconds. Assumed, and rather too long: Lambda's own time cannot
/// be measured here. DynamoDB answers in milliseconds, SES in a tenth of a second, and a hash takes 23 ms of one processor.
const SECONDS: [(&str, f64); 7] = [
    ("POST forgot", 0.02),
    ("POST verify-code", 0.02),
    ("POST preview", 0.01),
    ("POST reset", 0.1),
    ("POST sign-in", 0.06),
    ("mailer", 0.2),
    ("mail-events", 0.02),
];

/// What Lambda writes of each invocation at the level of the template, with ids and figures of their usual length.
const LINES_OF_LAMBDA: [&str; 2] = [
    r#"{"time":"2026-11-27T21:06:35.123Z","type":"platform.start","record":{"requestId":"6d68ca91-49c9-448d-89b8-7ca3e6dc66aa","version":"42"}}"#,
    r#"{"time":"2026-11-27T21:06:35.143Z","type":"platform.report","record":{"requestId":"6d68ca91-49c9-448d-89b8-7ca3e6dc66aa","metrics":{"durationMs":20.123,"billedDurationMs":21,"memorySizeMB":1769,"maxMemoryUsedMB":33},"status":"success"}}"#,
];

/// What stands in a line of the access log for each variable of its format.
const ACCESS: [(&str, &str); 12] = [
    ("$context.requestId", "JKJaXmPLvHcESHA="),
    ("$context.requestTime", "27/Nov/2026:21:06:35 +0000"),
    ("$context.identity.sourceIp", "198.51.100.107"),
    ("$context.httpMethod", "POST"),
    ("$context.routeKey", "POST /v1/password/reset/preview"),
    ("$context.status", "200"),
    ("$context.responseLength", "512"),
    ("$context.responseLatency", "24"),
    ("$context.integrationStatus", "200"),
    ("$context.integrationLatency", "22"),
    ("$context.integrationErrorMessage", "-"),
    ("$context.error.responseType", "-"),
];

/// A part of the bill: its price for one, and how much of it a journey has.
struct Part {
    name: &'static str,
    price: &'static str,
    dollars: f64,
    of: Box<dyn Fn(&Journey) -> f64>,
}

fn part(name: &'static str, price: &'static str, dollars: f64, of: impl Fn(&Step) -> f64 + 'static) -> Part {
    Part { name, price, dollars, of: Box::new(move |journey| journey.steps.iter().map(&of).sum()) }
}

fn parts() -> [Part; 8] {
    let memory = memory();
    let gigabytes = move |function: &str| memory.iter().find(|(name, _)| *name == function).unwrap().1;
    let access = access_line();
    let requests = |step: &Step| f64::from(u8::from(step.is_request()));
    let of_lambda: usize = LINES_OF_LAMBDA.iter().map(|line| line.len() + 1).sum();
    let beside = move |step: &Step| bytes(of_lambda) + requests(step) * access;
    [
        part("Mails", "$0.10 a thousand", 0.10e-3, |step| step.mails),
        part("Calls of the API", "$1.00 a million", 1e-6, requests),
        part("Invocations", "$0.20 a million", 0.20e-6, |_| 1.0),
        part("GB-seconds, assumed", "$0.0000133334", 13.3334e-6, move |step| {
            gigabytes(step.function) * seconds(step)
        }),
        part("Write units", "$0.625 a million", 0.625e-6, Step::all_write_units),
        part("Read units", "$0.125 a million", 0.125e-6, |step| step.read_units),
        part("Bytes of the functions' lines", "$0.50 a GB", 0.50e-9, |step| step.bytes),
        part("Bytes of Lambda's lines and the access log", "$0.50 a GB", 0.50e-9, beside),
    ]
}

fn bytes(length: usize) -> f64 {
    f64::from(u32::try_from(length).unwrap())
}

fn seconds(step: &Step) -> f64 {
    let of = |name: &str| step.name == name || step.function == name;
    SECONDS.iter().find(|(name, _)| of(name)).unwrap().1
}

/// The memory of each function in GB, by the template.
fn memory() -> Vec<(&'static str, f64)> {
    let template = template();
    let megabytes = |name: &str| {
        let own = &template["Resources"][format!("{name}Function")]["Properties"]["MemorySize"];
        own.as_f64().or_else(|| template["Globals"]["Function"]["MemorySize"].as_f64()).unwrap()
    };
    FUNCTIONS.iter().map(|(function, name)| (*function, megabytes(name) / 1024.0)).collect()
}

/// The bytes of a line of the access log.
fn access_line() -> f64 {
    let template = template();
    let format = &template["Resources"]["Api"]["Properties"]["AccessLogSettings"]["Format"];
    let mut line = format.as_str().unwrap().to_owned();
    for (variable, value) in ACCESS {
        line = line.replace(variable, value);
    }
    assert!(!line.contains("$context"), "{line}");
    bytes(line.len() + 1)
}

/// The dollars of a thousand journeys.
fn dollars(journey: &Journey) -> f64 {
    parts().iter().map(|part| 1000.0 * part.dollars * (part.of)(journey)).sum()
}

/// The bill of a thousand of each journey, as a table.
pub fn table(journeys: &[Journey]) -> String {
    let row = |name: &str, price: &str, of: &dyn Fn(&Journey) -> [String; 2]| {
        let figures: Vec<String> = journeys.iter().map(|journey| of(journey).join(" | ")).collect();
        format!("| {name} | {price} | {} |", figures.join(" | "))
    };
    let of_part = |part: Part| {
        row(part.name, part.price, &|journey| {
            let much = 1000.0 * (part.of)(journey);
            [grouped(much), format!("{:.4}", much * part.dollars)]
        })
    };
    let sum = row("**Sum**", "", &|journey| [String::new(), format!("{:.4}", dollars(journey))]);
    let share = row("of the most that a recovery may cost", "$0.25", &|journey| {
        let share = || format!("{:.2}", dollars(journey) / BUDGET);
        [String::new(), if journey.name.starts_with("Recovery") { share() } else { String::new() }]
    });
    let head = row("A thousand", "Price", &|journey| [journey.name.to_owned(), "$".to_owned()]);
    let line = format!("|---|---|{}", "---|---|".repeat(journeys.len()));
    let rows = parts().into_iter().map(of_part);
    [head, line].into_iter().chain(rows).chain([sum, share]).collect::<Vec<_>>().join("\n")
}

/// A number without its decimals, with its thousands apart.
fn grouped(number: f64) -> String {
    let digits = format!("{number:.0}");
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
