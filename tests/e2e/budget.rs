//! What recoveries cost is what the documents say.

use crate::cost::{bill, journeys, units};
use crate::support::template::root;

/// The bytes of lines, and so the sums, depend a little on how many digits the milliseconds in them have.
#[tokio::test]
async fn a_thousand_recoveries_consume_what_the_documents_say() {
    let journeys = journeys().await;
    let document = std::fs::read_to_string(root().join("infra/README.md")).unwrap();
    let table = bill::table(&journeys);
    let depends = ["Bytes", "**Sum**", "of the most"];
    for row in table.lines().filter(|row| !depends.iter().any(|name| row.contains(name))) {
        assert!(document.contains(row), "infra/README.md does not have: {row}\n{}", units(&journeys));
    }
}
