//! The place that the pump has reached in a stream, kept in a file.

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::error::Error;

#[derive(Debug)]
pub(super) struct Checkpoint {
    path: PathBuf,
    places: Places,
}

#[derive(Debug, Default, Deserialize, Serialize)]
struct Places {
    stream: String,
    /// For each shard, the last sequence number that is done with.
    shards: BTreeMap<String, String>,
}

impl Checkpoint {
    /// Reads the file `path`. If it does not exist, the pump starts at the beginning.
    pub(super) fn load(path: PathBuf) -> Result<Self, Error> {
        let places = match std::fs::read(&path) {
            Ok(bytes) => serde_json::from_slice(&bytes).map_err(io::Error::other),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Places::default()),
            Err(error) => Err(error),
        };
        match places {
            Ok(places) => Ok(Self { path, places }),
            Err(source) => Err(Error::Checkpoint { path: path.display().to_string(), source }),
        }
    }

    /// The place that was reached in each shard of `stream`. The places of another stream do not count.
    pub(super) fn places(&self, stream: &str) -> BTreeMap<String, String> {
        if self.places.stream == stream { self.places.shards.clone() } else { BTreeMap::new() }
    }

    /// Stores the place of a shard. The file is replaced as a whole, so that it is never half written.
    pub(super) async fn keep_place(&mut self, stream: &str, shard: &str, place: &str) -> Result<(), Error> {
        if self.places.stream != stream {
            self.places = Places { stream: stream.to_owned(), shards: BTreeMap::new() };
        }
        if self.places.shards.get(shard).is_some_and(|kept| kept == place) {
            return Ok(());
        }
        self.places.shards.insert(shard.to_owned(), place.to_owned());
        let written = self.write().await;
        written.map_err(|source| Error::Checkpoint { path: self.path.display().to_string(), source })
    }

    async fn write(&self) -> io::Result<()> {
        let fresh = self.path.with_extension("new");
        tokio::fs::write(&fresh, serde_json::to_vec_pretty(&self.places)?).await?;
        tokio::fs::rename(&fresh, &self.path).await
    }
}
