use super::*;

fn queue(records: usize) -> Queue {
    let mut queue = Queue::default();
    for number in 1..=records {
        queue.push(number.to_string(), json!(number));
    }
    queue
}

fn batch(queue: &Queue) -> Vec<u64> {
    let batch = queue.batch().unwrap_or_else(|| json!({"Records": []}));
    batch["Records"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|record| record.as_u64().expect("a number"))
        .collect()
}

#[expect(clippy::unnecessary_wraps, reason = "it is an answer, and answers can be errors")]
fn failed(sequences: &[&str]) -> Result<Value, String> {
    let items: Vec<Value> = sequences.iter().map(|sequence| json!({"itemIdentifier": sequence})).collect();
    Ok(json!({"batchItemFailures": items}))
}

#[test]
fn batches_have_ten_records_at_most() {
    let mut queue = queue(12);
    assert_eq!(batch(&queue), (1..=10).collect::<Vec<_>>());
    assert_eq!(queue.record_answer(failed(&[]), 3).delivered, 10);
    assert_eq!(batch(&queue), [11, 12]);
    assert_eq!(queue.last_done().map(String::as_str), Some("10"));
}

#[test]
fn everything_from_the_first_failure_on_comes_again() {
    let mut queue = queue(5);
    let settled = queue.record_answer(failed(&["4", "2"]), 3);
    assert_eq!(settled.delivered, 1);
    assert_eq!(batch(&queue), [2, 3, 4, 5]);
    assert!(queue.last_error().is_some());
    assert_eq!(queue.record_answer(failed(&[]), 3).delivered, 4);
    assert_eq!(queue.last_error(), None);
}

#[test]
fn only_a_named_record_is_blamed() {
    let mut queue = queue(3);
    for _ in 0..2 {
        assert_eq!(queue.record_answer(failed(&["1"]), 3), Settled::default());
    }
    let settled = queue.record_answer(failed(&["1"]), 3);
    assert_eq!(
        settled.dead.iter().map(|letter| (&letter.record, letter.attempts)).collect::<Vec<_>>(),
        [(&json!(1), 3)]
    );
    assert_eq!(batch(&queue), [2, 3]);
    assert_eq!(queue.record_answer(failed(&["2"]), 3), Settled::default(), "its neighbours have not failed");
}

#[test]
fn an_error_brings_everything_again_in_halves() {
    let mut queue = queue(10);
    let mut sizes = Vec::new();
    for _ in 0..5 {
        sizes.push(batch(&queue).len());
        assert_eq!(queue.record_answer(Err("down".to_owned()), 9).delivered, 0);
    }
    assert_eq!(sizes, [10, 5, 3, 2, 1]);
    assert_eq!(queue.failures(), 5);
    queue.record_answer(failed(&[]), 9);
    assert_eq!((queue.failures(), batch(&queue).len()), (0, 9), "one success, and batches are whole again");
}

#[test]
fn an_error_condemns_a_record_that_is_alone() {
    let mut queue = queue(2);
    let mut dead = Vec::new();
    while dead.is_empty() {
        let poisoned = batch(&queue).contains(&1);
        assert!(poisoned, "the first is delivered until it is given up");
        dead = queue.record_answer(Err("crash".to_owned()), 2).dead;
    }
    assert_eq!(
        (dead.len(), &dead[0].record, dead[0].attempts, dead[0].error.as_str()),
        (1, &json!(1), 2, "crash")
    );
    assert_eq!(batch(&queue), [2]);
    assert_eq!(queue.record_answer(failed(&[]), 2).delivered, 1);
    assert!(queue.is_empty());
}

#[test]
fn an_answer_that_names_nothing_is_success() {
    for answer in
        [json!(null), json!({}), json!({"batchItemFailures": null}), json!({"batchItemFailures": []})]
    {
        assert_eq!(queue(3).record_answer(Ok(answer.clone()), 3).delivered, 3, "{answer}");
    }
}

#[test]
fn an_answer_that_cannot_be_read_is_failure() {
    for answer in [
        json!("ok"),
        json!({"batchItemFailures": "1"}),
        json!({"batchItemFailures": [{"itemIdentifier": ""}]}),
        json!({"batchItemFailures": [{"itemIdentifier": null}]}),
        json!({"batchItemFailures": [{"identifier": "1"}]}),
        json!({"batchItemFailures": [{"itemIdentifier": "99"}]}),
    ] {
        let mut queue = queue(1);
        assert_eq!(queue.record_answer(Ok(answer.clone()), 3).delivered, 0, "{answer}");
        assert!(queue.last_error().is_some(), "{answer}");
    }
}
