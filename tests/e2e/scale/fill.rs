//! A table that has as many accounts as are wanted, made of what the product has stored of one.
//!
//! The one account goes through its life by the product itself. Its items, and their places in the indexes, are then copied in the
//! embedded engine's `SQLite` file, with other names, ids and times: every account has what an import leaves, and one in nine has a
//! life too. Nobody has written a million accounts by way of the API: that would take hours.

use std::collections::{BTreeSet, HashSet};
use std::path::Path;

use rekey::platform::clock::Timestamp;
use rekey::platform::ids::EventId;
use rusqlite::{Connection, params};

/// One account in this many has had a life.
pub const LIVES: usize = 9;
/// The digits in the names of the account that is copied. They stand nowhere else.
pub const DIGITS: &str = "7777777";
/// The digits of an id and of a shard.
const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
/// The accounts that are written in one transaction of the engine's file.
const AT_ONCE: usize = 50_000;
/// The beginning of the engine's keys that are texts.
const TEXT: &str = "S:";
/// The milliseconds over which the accounts were created.
const YEAR: i64 = 365 * 86_400_000;
const INDEXES: [&str; 4] = ["practice-log", "actor-log", "action-log", "outbox-queue"];

/// A row of the engine's file.
struct Row {
    table: String,
    columns: &'static [&'static str],
    values: Vec<String>,
}

impl Row {
    /// The key of its item.
    fn item(&self) -> (String, String) {
        let at = |name: &str| self.columns.iter().position(|column| column.ends_with(name)).unwrap();
        let place = if self.columns[0] == "pk" { (0, 1) } else { (at("table_pk"), at("table_sk")) };
        (self.values[place.0].clone(), self.values[place.1].clone())
    }

    /// Replaces what is an account's own by signs: its digits, and of each id the time and the end, of which the last digit chooses the
    /// shard of a log. That digit stays apart for each id, so that the events of an account are in many shards.
    fn sign(&mut self) {
        let (pk, sk) = self.item();
        let pk = pk.strip_prefix(TEXT).unwrap_or(&pk);
        // The name of a counter is a hash.
        let is_counter = ["LIMIT#", "COUNT#"].iter().any(|kind| pk.starts_with(kind));
        let hash = is_counter.then(|| pk[..pk.len() - 7].to_owned());
        let shard = sk.bytes().next_back().map_or(0, |last| salt(last));
        for value in &mut self.values {
            *value = value.replace(DIGITS, "<D>");
            if let Some(start) = &hash {
                *value = value.replace(pk, &format!("{start}<D>"));
            }
            for id in ids(value) {
                *value =
                    value.replace(&id, &format!("<T>{}<I><L{:02}>", &id[10..19], salt(id.as_bytes()[25])));
            }
            *value = unsharded(value, shard);
        }
    }
}

/// The number that a digit of an id stands for.
fn salt(digit: u8) -> usize {
    ALPHABET.iter().position(|known| *known == digit).unwrap_or_default()
}

/// The ids in a text: 26 digits each.
fn ids(text: &str) -> BTreeSet<String> {
    let runs = text.split(|c: char| !(c.is_ascii_digit() || c.is_ascii_uppercase()));
    runs.filter(|run| run.len() == 26 && run.parse::<EventId>().is_ok()).map(str::to_owned).collect()
}

/// A text with a sign in the place of each shard of a log.
fn unsharded(text: &str, salt: usize) -> String {
    let shard = |part: &str| {
        let name = part.strip_prefix(TEXT).unwrap_or(part);
        let is_log = ["LOG#", "ACTION#", "ACTOR#"].iter().any(|log| name.starts_with(log));
        let (start, end) = part.split_at(part.len().saturating_sub(3));
        let is_shard = end.starts_with('#') && end[1..].bytes().all(|c| c.is_ascii_digit());
        if is_log && is_shard { format!("{start}#<S{salt:02}>") } else { part.to_owned() }
    };
    text.split('"').map(shard).collect::<Vec<_>>().join("\"")
}

/// The engine's file, and a table in it.
pub struct File {
    connection: Connection,
    table: String,
}

impl File {
    pub fn open(path: &Path, table: &str) -> Self {
        let connection = Connection::open(path).unwrap();
        connection.busy_timeout(std::time::Duration::from_mins(1)).unwrap();
        // What is lost with the machine is made again.
        connection
            .execute_batch(
                "PRAGMA synchronous = OFF; PRAGMA temp_store = MEMORY; PRAGMA cache_size = -500000",
            )
            .unwrap();
        Self { connection, table: table.to_owned() }
    }

    /// The keys of all items.
    pub fn keys(&self) -> HashSet<(String, String)> {
        self.rows().iter().map(Row::item).collect()
    }

    fn rows(&self) -> Vec<Row> {
        let own: &[&str] = &["pk", "sk", "item_json", "item_size", "hash_prefix"];
        let of_index: &[&str] = &["gsi_pk", "gsi_sk", "table_pk", "table_sk", "item_json"];
        let tables = INDEXES.map(|index| (format!("{}::gsi::{index}", self.table), of_index));
        let mut rows = Vec::new();
        for (table, columns) in [(self.table.clone(), own)].into_iter().chain(tables) {
            let texts: Vec<String> = columns.iter().map(|name| format!("CAST({name} AS TEXT)")).collect();
            let sql = format!("SELECT {} FROM \"{table}\"", texts.join(", "));
            let mut statement = self.connection.prepare(&sql).unwrap();
            let read = statement.query_map([], |row| (0..columns.len()).map(|n| row.get(n)).collect());
            let values = read.unwrap().map(Result::unwrap);
            rows.extend(values.map(|values| Row { table: table.clone(), columns, values }));
        }
        rows
    }

    /// Copies the items that were not there before: to every account those that were there when it was `imported`, and the others
    /// to one in nine.
    pub fn multiply(
        &self,
        before: &HashSet<(String, String)>,
        imported: &HashSet<(String, String)>,
        accounts: usize,
        now: Timestamp,
    ) {
        self.people(accounts, now);
        let mut rows: Vec<Row> =
            self.rows().into_iter().filter(|row| !before.contains(&row.item())).collect();
        let to_all: Vec<bool> = rows.iter().map(|row| imported.contains(&row.item())).collect();
        rows.iter_mut().for_each(Row::sign);
        let statements: Vec<String> =
            rows.iter().zip(to_all).map(|(row, to_all)| copy(row, to_all)).collect();
        for first in (0..accounts).step_by(AT_ONCE) {
            let last = accounts.min(first + AT_ONCE);
            self.connection.execute_batch("BEGIN IMMEDIATE").unwrap();
            for (row, sql) in rows.iter().zip(&statements) {
                let mut values: Vec<&dyn rusqlite::ToSql> = vec![&first, &last];
                values.extend(row.values.iter().map(|value| value as &dyn rusqlite::ToSql));
                self.connection.prepare_cached(sql).unwrap().execute(values.as_slice()).unwrap();
            }
            self.connection.execute_batch("COMMIT").unwrap();
        }
        self.connection.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)").unwrap();
    }

    /// What each account has instead of the signs.
    fn people(&self, accounts: usize, now: Timestamp) {
        let create = "DROP TABLE IF EXISTS temp.person;
            CREATE TEMP TABLE person (n INTEGER PRIMARY KEY, digits TEXT, time TEXT, id TEXT)";
        self.connection.execute_batch(create).unwrap();
        let transaction = self.connection.unchecked_transaction().unwrap();
        let mut insert = transaction.prepare("INSERT INTO person VALUES (?1, ?2, ?3, ?4)").unwrap();
        for n in 0..accounts {
            let age = i64::try_from(YEAR.unsigned_abs() * (accounts - n) as u64 / accounts as u64).unwrap();
            let time = EventId::first_at(Timestamp::from_millis(now.millis() - age)).to_string();
            insert.execute(params![n, format!("{n:07}"), &time[..10], place(n)]).unwrap();
        }
        drop(insert);
        transaction.commit().unwrap();
    }

    /// The bytes of the file.
    pub fn size(&self) -> u64 {
        let one = |sql: &str| self.connection.query_row(sql, [], |row| row.get::<_, u64>(0)).unwrap();
        one("PRAGMA page_count") * one("PRAGMA page_size")
    }

    /// The number of items of the table.
    pub fn count(&self) -> u64 {
        self.connection
            .query_row(&format!("SELECT COUNT(*) FROM \"{}\"", self.table), [], |row| row.get(0))
            .unwrap()
    }
}

/// A number as six digits of an id.
fn place(n: usize) -> String {
    (0..6).rev().map(|digit| char::from(ALPHABET[n >> (5 * digit) & 31])).collect()
}

/// The statement that copies a row to the accounts from `?1` up to `?2`.
fn copy(row: &Row, to_all: bool) -> String {
    let digits = str::from_utf8(ALPHABET).unwrap();
    let last = |salt: usize| format!("substr('{digits}', (n + {salt}) % 32 + 1, 1)");
    let shard = |salt: usize| format!("printf('%02d', (n + {salt}) % 32)");
    let salted = (0..32)
        .flat_map(|salt| [(format!("<L{salt:02}>"), last(salt)), (format!("<S{salt:02}>"), shard(salt))]);
    let signs = [("<D>", "digits"), ("<T>", "time"), ("<I>", "id")]
        .map(|(sign, by)| (sign.to_owned(), by.to_owned()));
    let signs: Vec<(String, String)> = signs.into_iter().chain(salted).collect();
    let value = |(at, value): (usize, &String)| {
        let own = signs.iter().filter(|(sign, _)| value.contains(sign));
        own.fold(format!("?{}", at + 3), |text, (sign, by)| format!("replace({text}, '{sign}', {by})"))
    };
    let values: Vec<String> = row.values.iter().enumerate().map(value).collect();
    let share = if to_all { String::new() } else { format!(" AND n % {LIVES} = 0") };
    format!(
        "INSERT OR REPLACE INTO \"{}\" ({}) SELECT {} FROM person WHERE n >= ?1 AND n < ?2{share}",
        row.table,
        row.columns.join(", "),
        values.join(", "),
    )
}
