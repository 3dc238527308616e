//! A page of a log: events between two times, the newest first, after a cursor.

use rekey::domain::event::Event;
use rekey::http::page::{Size, cursor};
use rekey::http::problem::Problem;
use rekey::platform::clock::Timestamp;
use rekey::platform::ids::EventId;
use rekey::store::events::LogPart;
use rekey::store::keys::Log;
use rekey::store::transact::Store;

/// The largest number of reads for a page that few events fit. A caller who filters for rare events goes on with the cursor.
const MOST_READS: usize = 10;
/// The number of events in one read, when not all of them fit.
const READ: usize = 100;

/// The time span of the events: the members `from` and `to`, as they were sent.
#[derive(Default)]
pub(crate) struct Span<'a> {
    pub(crate) from: Option<&'a str>,
    pub(crate) to: Option<&'a str>,
}

/// The part of a log that a page covers.
pub(crate) struct Page {
    low: EventId,
    high: EventId,
    limit: usize,
}

/// The events of a page, and the cursor of the next one.
pub(crate) struct Found {
    /// The events, the newest first.
    pub(crate) events: Vec<Event>,
    /// The cursor of the next page, or `None` at the end of the log.
    pub(crate) next_cursor: Option<EventId>,
}

impl Page {
    /// Reads the members `limit`, `cursor`, `from` and `to`.
    ///
    /// # Errors
    /// Answers 400 and names the member that is wrong.
    pub(crate) fn parse(
        (size, limit): (Size, Option<&str>),
        after: Option<&str>,
        span: &Span<'_>,
    ) -> Result<Self, Problem> {
        let limit = size.parse(limit)?;
        let low = moment("from", span.from)?.map_or(EventId::FIRST, EventId::first_at);
        let until = moment("to", span.to)?.map_or(EventId::LAST, |to| EventId::first_at(to).before());
        let high = cursor::<EventId>(after)?.map_or(until, |after| until.min(after.before()));
        Ok(Self { low, high, limit })
    }

    /// Reads the events that fit, the newest first, and the cursor of the next page. When all fit, it reads one event more than
    /// it returns.
    pub(crate) async fn read(
        &self,
        store: &Store,
        log: &Log,
        fits: Option<&(dyn Fn(&Event) -> bool + Sync)>,
    ) -> Result<Found, Problem> {
        let (mut found, mut high) = (Vec::new(), self.high);
        let read = if fits.is_some() { READ } else { self.limit + 1 };
        let limit = Some(i32::try_from(read).unwrap_or(i32::MAX));
        for _ in 0..MOST_READS {
            // DynamoDB refuses a range whose end comes before its beginning.
            if high < self.low {
                return Ok(Found { events: found, next_cursor: None });
            }
            let page = store.read_log(log, LogPart { low: self.low, high, limit }).await?;
            for event in page.events {
                high = event.id.before();
                if fits.is_some_and(|fits| !fits(&event)) {
                    continue;
                }
                if found.len() == self.limit {
                    let next_cursor = found.last().map(|event: &Event| event.id);
                    return Ok(Found { events: found, next_cursor });
                }
                found.push(event);
            }
            if !page.more {
                return Ok(Found { events: found, next_cursor: None });
            }
        }
        // The next page begins after the last event that was looked at, whether or not that event fits.
        Ok(Found { events: found, next_cursor: Some(high.after()) })
    }
}

fn moment(member: &str, text: Option<&str>) -> Result<Option<Timestamp>, Problem> {
    let parse =
        |text| Timestamp::parse(text).ok_or_else(|| Problem::invalid(member, "must be an RFC 3339 time"));
    text.map(parse).transpose()
}
