//! A time in words, in both languages.

use jiff::Zoned;
use jiff::civil::Weekday;

use super::Language;

/// Writes a time as people say it, to the minute. Seconds are cut off and not rounded, so that an end never looks later
/// than it is.
pub(super) fn write_moment(moment: &Zoned, language: Language) -> String {
    let day_and_time = match language {
        Language::English => moment.strftime("%A, %B %-d, %Y at %-I:%M %p").to_string(),
        Language::Spanish => write_spanish(moment),
    };
    format!("{day_and_time} {}", zone_abbreviation(moment))
}

/// Writes a time in a form such as `sábado 21 de noviembre de 2026 a las 6:35 p. m.`, which can follow `el`.
fn write_spanish(moment: &Zoned) -> String {
    let (weekday, month) = (spanish_weekday(moment.weekday()), spanish_month(moment.month()));
    let (day, year) = (moment.day(), moment.year());
    let hour = if moment.hour() % 12 == 0 { 12 } else { moment.hour() % 12 };
    let article = if hour == 1 { "la" } else { "las" };
    let half = if moment.hour() < 12 { "a. m." } else { "p. m." };
    format!("{weekday} {day} de {month} de {year} a {article} {hour}:{:02} {half}", moment.minute())
}

fn spanish_weekday(weekday: Weekday) -> &'static str {
    match weekday {
        Weekday::Monday => "lunes",
        Weekday::Tuesday => "martes",
        Weekday::Wednesday => "miércoles",
        Weekday::Thursday => "jueves",
        Weekday::Friday => "viernes",
        Weekday::Saturday => "sábado",
        Weekday::Sunday => "domingo",
    }
}

fn spanish_month(month: i8) -> &'static str {
    match month {
        1 => "enero",
        2 => "febrero",
        3 => "marzo",
        4 => "abril",
        5 => "mayo",
        6 => "junio",
        7 => "julio",
        8 => "agosto",
        9 => "septiembre",
        10 => "octubre",
        11 => "noviembre",
        _ => "diciembre",
    }
}

/// The abbreviation of the time zone, such as `EST`. Many zones have only a bare offset, which nobody would recognize;
/// theirs is written as `UTC-03`.
fn zone_abbreviation(moment: &Zoned) -> String {
    let info = moment.time_zone().to_offset_info(moment.timestamp());
    let abbreviation = info.abbreviation();
    if abbreviation.starts_with(['+', '-']) { format!("UTC{abbreviation}") } else { abbreviation.to_owned() }
}
