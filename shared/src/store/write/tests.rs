//! The form of writes and conditions when they are sent.

use serde_json::json;

use super::*;

fn key() -> Key {
    Key { pk: "KIND#1".to_owned(), sk: "KIND".to_owned() }
}

/// The expressions of an update, with every placeholder replaced by its name or value.
fn spelled(write: Write) -> (String, String) {
    let item = write.into_item("table").expect("a write");
    let update = item.update().expect("an update");
    let spell = |text: &str| {
        let mut text = text.to_owned();
        let names = update.expression_attribute_names().into_iter().flatten();
        for (placeholder, name) in names {
            text = replace(&text, placeholder, name);
        }
        for (placeholder, value) in update.expression_attribute_values().into_iter().flatten() {
            let plain = value.as_s().or(value.as_n()).cloned().unwrap_or_else(|_| format!("{value:?}"));
            text = replace(&text, placeholder, &plain);
        }
        text
    };
    (spell(update.update_expression()), spell(update.condition_expression().unwrap_or_default()))
}

fn replace(text: &str, placeholder: &str, by: &str) -> String {
    let mut parts = text.split(placeholder);
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| {
        let longer = part.starts_with(|c: char| c.is_ascii_digit());
        text + if longer { placeholder } else { by } + part
    })
}

#[test]
fn an_update_says_everything_in_one_expression() {
    let write = Write::update(&key())
        .set("state", "used")
        .add("answers", 1)
        .copy("t1", "t0")
        .set_sum("idle_until", "idle_millis", 5)
        .remove("ticket");
    assert_eq!(
        spelled(write).0,
        "SET state = used, answers = if_not_exists(answers, 0) + 1, t1 = if_not_exists(t0, 0), \
         idle_until = idle_millis + 5 REMOVE ticket"
    );
}

#[test]
fn conditions_compose_as_they_are_read() {
    let write = |condition| spelled(Write::update(&key()).set("a", 1).only_if(condition)).1;
    assert_eq!(write(absent()), "attribute_not_exists(pk)");
    assert_eq!(
        write(equals("a", 1).and(above("b", 2)).and(has("c"))),
        "a = 1 AND b > 2 AND attribute_exists(c)"
    );
    assert_eq!(
        write(one_of("state", ["issued", "sent"]).and(lacks("x").or(at_most("x", 3)))),
        "state IN (issued, sent) AND (attribute_not_exists(x) OR x <= 3)"
    );
    assert_eq!(
        write(has_size("challenge.mailed", 2).or(differs("d", "e"))),
        "size(challenge.mailed) = 2 OR d <> e"
    );
    assert_eq!(write(at_least("f", 5).and(below("f", 9))), "f >= 5 AND f < 9");
    assert_eq!(write(present()), "attribute_exists(pk)");
}

#[test]
fn each_name_and_value_has_one_placeholder() {
    let write = Write::update(&key())
        .set("open", true)
        .set("until", 7)
        .only_if(equals("open", true).and(below("at", 7)));
    let item = write.into_item("table").expect("a write");
    let update = item.update().expect("an update");
    assert_eq!(update.update_expression(), "SET #n0 = :v0, #n2 = :v1");
    assert_eq!(update.condition_expression(), Some("#n0 = :v0 AND #n1 < :v1"));
    assert_eq!(update.expression_attribute_names().map(std::collections::HashMap::len), Some(3));
    assert_eq!(update.expression_attribute_values().map(std::collections::HashMap::len), Some(2));
}

#[test]
fn a_difference_is_what_differs_and_holds_its_condition_where_nothing_does() {
    let old = json!({"name": "a", "gone": 1, "same": 2});
    let new = json!({"name": "b", "same": 2, "come": 3});
    assert_eq!(spelled(Write::difference(&key(), &old, &new)).0, "SET come = 3, name = b REMOVE gone");
    let held = Write::difference(&key(), &old, &old).only_if(equals("same", 2));
    assert_eq!(spelled(held), ("SET gone = 1".to_owned(), "same = 2".to_owned()));
}

#[test]
fn what_cannot_be_stored_is_an_error_of_the_write() {
    assert!(Write::put(&key(), &"no item", None).into_item("table").is_err());
    assert!(Write::difference(&key(), &1, &2).into_item("table").is_err());
    assert!(Write::create(&key(), &json!({"a": 1}), None).into_item("table").is_ok());
}
