//! One page of a log: between two moments, from the newest on, after a cursor.

use rekey::clock::Timestamp;
use rekey::event::Event;
use rekey::http::problem::Problem;
use rekey::ids::EventId;
use rekey::store::Store;
use rekey::store::keys::Log;

/// How often a log is read for one page that few of its events fit: whoever filters by what is rare goes on with the cursor.
const MOST_READS: usize = 10;
/// Events read at a time, when not all of them fit.
const READ: usize = 100;

/// Which part of a log.
pub(crate) struct Page {
    low: EventId,
    high: EventId,
    limit: usize,
}

impl Page {
    /// Reads the members `limit`, `cursor`, `from` and `to`.
    ///
    /// # Errors
    /// 400 naming the one that is wrong.
    pub(crate) fn parse(
        (limit, usual, most): (Option<&str>, usize, usize),
        cursor: Option<&str>,
        from: Option<&str>,
        to: Option<&str>,
    ) -> Result<Self, Problem> {
        let limit = match limit {
            None => usual,
            Some(text) => text
                .parse()
                .ok()
                .filter(|limit| (1..=most).contains(limit))
                .ok_or_else(|| Problem::invalid("limit", &format!("must be 1 to {most}")))?,
        };
        let moment = |member: &str, text: Option<&str>| {
            let parse = |text| {
                Timestamp::parse(text).ok_or_else(|| Problem::invalid(member, "must be an RFC 3339 time"))
            };
            text.map(parse).transpose()
        };
        let low = moment("from", from)?.map_or(EventId::FIRST, EventId::first_at);
        let until = moment("to", to)?.map_or(EventId::LAST, |to| EventId::first_at(to).before());
        let after = cursor.map(str::parse::<EventId>).transpose();
        let after = after.map_err(|_| Problem::invalid("cursor", "must be the one of the page before"))?;
        let high = after.map_or(until, |after| until.min(after.before()));
        Ok(Self { low, high, limit })
    }

    /// The page's events that fit, newest first, and where the next page begins. Where all fit, reads one more than it answers.
    pub(crate) async fn read(
        &self,
        store: &Store,
        log: &Log,
        fits: Option<&(dyn Fn(&Event) -> bool + Sync)>,
    ) -> Result<(Vec<Event>, Option<EventId>), Problem> {
        let (mut found, mut high) = (Vec::new(), self.high);
        let read = if fits.is_some() { READ } else { self.limit + 1 };
        for _ in 0..MOST_READS {
            // DynamoDB refuses a range whose ends are the wrong way round.
            if high < self.low {
                return Ok((found, None));
            }
            let (events, more) =
                store.read_log(log, (self.low, high), Some(i32::try_from(read).unwrap_or(i32::MAX))).await?;
            for event in events {
                high = event.id.before();
                if fits.is_some_and(|fits| !fits(&event)) {
                    continue;
                }
                if found.len() == self.limit {
                    return Ok((found.clone(), found.last().map(|event: &Event| event.id)));
                }
                found.push(event);
            }
            if !more {
                return Ok((found, None));
            }
        }
        // The last that was looked at, whether or not it fits.
        Ok((found, Some(high.after())))
    }
}
