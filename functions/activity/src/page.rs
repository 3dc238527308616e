//! One page of a log: between two moments, from the newest on, after a cursor.

use rekey::domain::event::Event;
use rekey::http::problem::Problem;
use rekey::platform::clock::Timestamp;
use rekey::platform::ids::EventId;
use rekey::store::events::LogPart;
use rekey::store::keys::Log;
use rekey::store::transact::Store;

/// How often a log is read for one page that few of its events fit: whoever filters by what is rare goes on with the cursor.
const MOST_READS: usize = 10;
/// Events read at a time, when not all of them fit.
const READ: usize = 100;

/// How many events a page has.
#[derive(Clone, Copy)]
pub(crate) struct Size<'a> {
    /// The member `limit`, as it was sent.
    pub(crate) asked: Option<&'a str>,
    /// Where nothing was asked for.
    pub(crate) usual: usize,
    /// At most.
    pub(crate) most: usize,
}

/// Between which moments: the members `from` and `to`, as they were sent.
#[derive(Default)]
pub(crate) struct Span<'a> {
    pub(crate) from: Option<&'a str>,
    pub(crate) to: Option<&'a str>,
}

/// Which part of a log.
pub(crate) struct Page {
    low: EventId,
    high: EventId,
    limit: usize,
}

/// What is on a page, and where the next one begins.
pub(crate) struct Found {
    /// The newest first.
    pub(crate) events: Vec<Event>,
    /// `None` at the end of the log.
    pub(crate) next_cursor: Option<EventId>,
}

impl Page {
    /// Reads the members `limit`, `cursor`, `from` and `to`.
    ///
    /// # Errors
    /// 400 naming the one that is wrong.
    pub(crate) fn parse(size: Size<'_>, cursor: Option<&str>, span: &Span<'_>) -> Result<Self, Problem> {
        let Size { asked, usual, most } = size;
        let limit = match asked {
            None => usual,
            Some(text) => text
                .parse()
                .ok()
                .filter(|limit| (1..=most).contains(limit))
                .ok_or_else(|| Problem::invalid("limit", &format!("must be 1 to {most}")))?,
        };
        let low = moment("from", span.from)?.map_or(EventId::FIRST, EventId::first_at);
        let until = moment("to", span.to)?.map_or(EventId::LAST, |to| EventId::first_at(to).before());
        let after = cursor.map(str::parse::<EventId>).transpose();
        let after = after.map_err(|_| Problem::invalid("cursor", "must be the one of the page before"))?;
        let high = after.map_or(until, |after| until.min(after.before()));
        Ok(Self { low, high, limit })
    }

    /// The page's events that fit, newest first, and where the next page begins. Where all fit, reads one more than it returns.
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
            // DynamoDB refuses a range whose ends are the wrong way round.
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
        // The last that was looked at, whether or not it fits.
        Ok(Found { events: found, next_cursor: Some(high.after()) })
    }
}

fn moment(member: &str, text: Option<&str>) -> Result<Option<Timestamp>, Problem> {
    let parse =
        |text| Timestamp::parse(text).ok_or_else(|| Problem::invalid(member, "must be an RFC 3339 time"));
    text.map(parse).transpose()
}
