//! The members of a query that choose a page of a list.

use std::str::FromStr;

use crate::http::problem::Problem;

/// The number of entries of a page.
#[derive(Clone, Copy, Debug)]
pub struct Size {
    /// The number when none is asked for.
    pub usual: usize,
    /// The largest number that may be asked for.
    pub most: usize,
}

impl Size {
    /// Reads the member `limit`.
    ///
    /// # Errors
    /// 400 when it is not a number from 1 to the largest.
    pub fn parse(self, asked: Option<&str>) -> Result<usize, Problem> {
        let Some(text) = asked else { return Ok(self.usual) };
        let limit = text.parse().ok().filter(|limit| (1..=self.most).contains(limit));
        limit.ok_or_else(|| Problem::invalid("limit", &format!("must be 1 to {}", self.most)))
    }
}

/// Reads the member `cursor`: the id of the last entry of the page before.
///
/// # Errors
/// 400 when it is no id.
pub fn cursor<Id: FromStr>(asked: Option<&str>) -> Result<Option<Id>, Problem> {
    let parsed = asked.map(str::parse).transpose();
    parsed.map_err(|_| Problem::invalid("cursor", "must be an answer's next_cursor"))
}
