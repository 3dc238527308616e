//! What the documents say of themselves and of the code: their sizes, their links, the tests and permissions that they name.
//! `tests/local.py documents` runs their commands.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::support::template::root;

const DOCUMENTS: [&str; 13] = [
    "README.md",
    "ARCHITECTURE.md",
    "CONTRIBUTING.md",
    "functions/README.md",
    "infra/README.md",
    "infra/CONFIGURATION.md",
    "infra/INCIDENTS.md",
    "infra/PERMISSIONS.md",
    "infra/RUNBOOK.md",
    "infra/TENANTS.md",
    "shared/README.md",
    "tests/BENCHMARKS.md",
    "tests/README.md",
];

fn read(document: &str) -> String {
    std::fs::read_to_string(root().join(document)).unwrap_or_else(|error| panic!("{document}: {error}"))
}

/// The lines of a document that are not in a fenced block, with their numbers.
fn prose(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut fenced = false;
    text.lines().enumerate().filter_map(move |(number, line)| {
        let fence = line.starts_with("```");
        fenced ^= fence;
        (!fence && !fenced).then_some((number + 1, line))
    })
}

#[test]
fn documents_keep_to_their_size() {
    for (document, most) in [("README.md", 150), ("ARCHITECTURE.md", 220)] {
        assert!(read(document).lines().count() <= most, "{document} has over {most} lines");
    }
    for document in DOCUMENTS {
        for (number, line) in prose(&read(document)) {
            let most = if line.starts_with('|') { 300 } else { 160 };
            assert!(line.chars().count() <= most, "{document}:{number} has over {most} characters");
        }
    }
}

#[test]
fn every_link_of_a_document_leads_somewhere() {
    for document in DOCUMENTS {
        let text = read(document);
        for (number, line) in prose(&text) {
            for target in links(line).filter(|target| !target.contains("://")) {
                let (file, anchor) = target.split_once('#').unwrap_or((target, ""));
                let here = Path::new(document);
                let place = if file.is_empty() { here.to_owned() } else { here.parent().unwrap().join(file) };
                let at = root().join(&place);
                assert!(at.exists(), "{document}:{number}: {target}");
                if !anchor.is_empty() {
                    let headings = headings(&std::fs::read_to_string(at).unwrap());
                    assert!(headings.contains(anchor), "{document}:{number}: {target}");
                }
            }
        }
    }
}

/// The targets of the links in a line.
fn links(line: &str) -> impl Iterator<Item = &str> {
    line.split("](").skip(1).filter_map(|rest| rest.split_once(')')).map(|(target, _)| target)
}

/// The anchors of the headings, as code hosts make them.
fn headings(text: &str) -> BTreeSet<String> {
    let lines = prose(text).filter_map(|(_, line)| line.strip_prefix('#'));
    let anchor = |heading: &str| {
        let words = heading.trim_start_matches('#').trim().to_lowercase();
        let kept = words.chars().filter(|c| c.is_alphanumeric() || [' ', '-', '_'].contains(c));
        kept.map(|c| if c == ' ' { '-' } else { c }).collect::<String>()
    };
    lines.map(anchor).collect()
}

#[test]
fn every_test_that_the_auditors_page_names_is_in_the_module_that_it_links() {
    let text = read("tests/README.md");
    let mut count = 0;
    for (number, line) in prose(&text).filter(|(_, line)| line.starts_with('|')) {
        let Some(shown_by) = line.split(" | ").nth(2) else { continue };
        let names = |part: &str| part.split('`').skip(1).step_by(2).map(str::to_owned).collect::<Vec<_>>();
        assert!(names(shown_by).len() <= 3, "tests/README.md:{number} names over three tests");
        for part in shown_by.split(';') {
            let Some(module) = links(part).next() else { continue };
            let code = std::fs::read_to_string(root().join("tests").join(module)).unwrap_or_default();
            for name in names(part).iter().filter(|name| !name.contains("::")) {
                assert!(
                    code.contains(&format!("fn {name}(")),
                    "tests/README.md:{number}: {module} has no {name}"
                );
                count += 1;
            }
        }
    }
    assert!(count > 150, "the page names {count} tests: it is read wrongly");
}

#[test]
fn every_module_of_tests_is_linked_from_the_auditors_page() {
    let text = read("tests/README.md");
    let linked: BTreeSet<&str> = text.lines().flat_map(links).collect();
    let folder = root().join("tests/e2e");
    for entry in std::fs::read_dir(&folder).unwrap().map(Result::unwrap) {
        let name = PathBuf::from(entry.file_name());
        let is_module = name.extension().is_some_and(|extension| extension == "rs");
        let name = name.to_str().unwrap();
        let others = ["main.rs", "support.rs", "portals.rs"];
        if is_module && !name.starts_with("bench") && !others.contains(&name) {
            assert!(linked.contains(format!("e2e/{name}").as_str()), "tests/README.md does not link {name}");
        }
    }
}
