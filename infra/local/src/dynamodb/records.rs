//! The records of the streams, where the embedded DynamoDB stores them.
//!
//! The engine never deletes a record, and it has no index on them: each write looks at all records there are for the
//! last number, and each read for those that it asks for. This module therefore opens the engine's `SQLite` database a
//! second time. It adds the index, which the engine's own statements then use, and deletes records that have been
//! delivered. Those that nobody needs, which are nearly all of an import's, a trigger deletes within the engine's own
//! transactions. It never writes anything else.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use dynoxide::Database;
use dynoxide::actions::get_shard_iterator::{GetShardIteratorRequest, decode_shard_iterator};
use rusqlite::{Connection, params};

use crate::error::Error;

/// The index for the engine's three questions: the last number of a table, the records of a shard after a number, and
/// the first and last number of a shard.
const INDEX: &str = "CREATE INDEX IF NOT EXISTS rekey_stream_records \
     ON _stream_records (table_name, CAST(sequence_number AS INTEGER), shard_id)";
/// Deletes the oldest records of a shard up to a number, but never the newest record of the table, because the engine
/// counts on from there.
const TRIM: &str = "DELETE FROM _stream_records WHERE id IN (
    SELECT id FROM _stream_records
    WHERE table_name = ?1 AND shard_id = ?2 AND CAST(sequence_number AS INTEGER) <= ?3
        AND CAST(sequence_number AS INTEGER) <
            (SELECT MAX(CAST(sequence_number AS INTEGER)) FROM _stream_records WHERE table_name = ?1)
    ORDER BY CAST(sequence_number AS INTEGER) LIMIT ?4)";
/// The record before the one that is being inserted.
const BEFORE: &str = "SELECT id FROM _stream_records
    WHERE table_name = NEW.table_name
        AND CAST(sequence_number AS INTEGER) < CAST(NEW.sequence_number AS INTEGER)
    ORDER BY CAST(sequence_number AS INTEGER) DESC LIMIT 1";
/// The largest number of records that are deleted at once, so that no request waits long for the database.
const BATCH: usize = 500;
/// The time to wait for the database while the engine writes.
const PATIENCE: Duration = Duration::from_secs(5);

/// The records of all streams of one embedded DynamoDB. Its clones are the same.
#[derive(Clone)]
pub struct Records(Arc<Shared>);

struct Shared {
    engine: Database,
    connection: Mutex<Connection>,
}

/// The records of a shard up to one of them.
struct Delivered {
    table: String,
    shard: String,
    /// The number of the last of them, as the engine stores it.
    last: i64,
}

impl Records {
    /// Opens the database at `path` beside the engine that has opened it already.
    pub(super) fn open(engine: Database, path: &str) -> io::Result<Self> {
        let open = || {
            let connection = Connection::open(path)?;
            connection.busy_timeout(PATIENCE)?;
            // If the machine loses its power, a deletion may be lost. The record is then deleted another time.
            connection.pragma_update(None, "synchronous", "NORMAL")?;
            connection.execute_batch(INDEX)?;
            Ok(Self(Arc::new(Shared { engine, connection: Mutex::new(connection) })))
        };
        open().map_err(|error: rusqlite::Error| io::Error::other(error))
    }

    /// Deletes the records of a shard up to the sequence number `last`, oldest first. The newest record of the table
    /// stays in any case. Returns the number of records that were deleted.
    ///
    /// # Errors
    /// [`Error::Records`]: the number is not the shard's, or the database does not answer.
    pub async fn trim(&self, stream: &str, shard: &str, last: &str) -> Result<usize, Error> {
        let delivered = self.delivered(stream, shard, last)?;
        let database = self.0.clone();
        let deleted = tokio::task::spawn_blocking(move || database.delete(&delivered)).await;
        deleted.map_err(Error::records)?.map_err(Error::records)
    }

    /// From now on the stream of a table keeps records only of inserted items whose `pk` begins with one of `prefixes`,
    /// of which there is at least one. Every other record is deleted when the next one is written, because the engine
    /// counts on from the newest. The last call for a table counts.
    ///
    /// # Errors
    /// [`Error::Records`]: the database does not answer.
    pub(crate) fn keep_only_inserts_of(&self, table: &str, prefixes: &[&str]) -> Result<(), Error> {
        let connection = self.0.connection.lock().unwrap_or_else(PoisonError::into_inner);
        connection.execute_batch(&trigger(table, prefixes)).map_err(Error::records)
    }

    /// The number of records of a table that are stored.
    ///
    /// # Errors
    /// [`Error::Records`]: the database does not answer.
    pub fn count(&self, table: &str) -> Result<usize, Error> {
        let sql = "SELECT COUNT(*) FROM _stream_records WHERE table_name = ?1";
        let connection = self.0.connection.lock().unwrap_or_else(PoisonError::into_inner);
        connection.query_row(sql, [table], |row| row.get(0)).map_err(Error::records)
    }

    /// Reads a place in a shard. Only the engine knows how it stores a sequence number, and an iterator of it says so.
    fn delivered(&self, stream: &str, shard: &str, last: &str) -> Result<Delivered, Error> {
        let request = GetShardIteratorRequest {
            stream_arn: stream.to_owned(),
            shard_id: shard.to_owned(),
            shard_iterator_type: "AFTER_SEQUENCE_NUMBER".to_owned(),
            sequence_number: Some(last.to_owned()),
        };
        let answer = self.0.engine.get_shard_iterator(request).map_err(Error::records)?;
        let place = answer.shard_iterator.as_deref().and_then(decode_shard_iterator);
        let (table, shard, last) = place.ok_or_else(|| Error::records("an iterator cannot be read"))?;
        Ok(Delivered { table, shard, last })
    }
}

/// The statements that set the trigger of a table. A trigger has no parameters.
fn trigger(table: &str, prefixes: &[&str]) -> String {
    let starts = prefixes.iter().map(|prefix| {
        let length = prefix.chars().count();
        format!("substr(json_extract(keys_json, '$.pk.S'), 1, {length}) = {}", literal(prefix))
    });
    let is_kept = starts.collect::<Vec<_>>().join(" OR ");
    let of_the_table = literal(table);
    format!(
        "DROP TRIGGER IF EXISTS \"rekey_unread_{table}\";
         CREATE TRIGGER \"rekey_unread_{table}\" AFTER INSERT ON _stream_records
         WHEN NEW.table_name = {of_the_table} BEGIN
             DELETE FROM _stream_records
             WHERE id = ({BEFORE}) AND NOT (event_name = 'INSERT' AND ({is_kept}));
         END;"
    )
}

fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

impl Shared {
    fn delete(&self, delivered: &Delivered) -> rusqlite::Result<usize> {
        let Delivered { table, shard, last } = delivered;
        let mut deleted = 0;
        loop {
            let connection = self.connection.lock().unwrap_or_else(PoisonError::into_inner);
            let batch = connection.execute(TRIM, params![table, shard, last, BATCH])?;
            deleted += batch;
            if batch < BATCH {
                return Ok(deleted);
            }
        }
    }
}

#[cfg(test)]
mod tests;
