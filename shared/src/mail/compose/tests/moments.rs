//! Tests of how a time is written, in both languages and in many time zones.

use std::collections::BTreeSet;

use super::super::{Facts, Kind, Language, Letter};
use super::letter;

fn written(moment: &str, zone: &str, language: Language) -> String {
    let at = moment.parse().unwrap();
    let letter = Letter { at, time_zone: zone, ..letter(Kind::ResetLink, language) };
    Facts::of(&letter).at
}

#[test]
fn moments_are_written_in_the_mails_language_with_the_zones_abbreviation_of_that_day() {
    let cases = [
        (
            "2026-01-05T05:00:00Z",
            "Monday, January 5, 2026 at 12:00 AM EST",
            "lunes 5 de enero",
            "a las 12:00 a. m. EST",
        ),
        (
            "2026-07-04T17:05:00Z",
            "Saturday, July 4, 2026 at 1:05 PM EDT",
            "sábado 4 de julio",
            "a la 1:05 p. m. EDT",
        ),
        (
            "2026-09-09T16:30:00Z",
            "Wednesday, September 9, 2026 at 12:30 PM EDT",
            "miércoles 9 de septiembre",
            "a las 12:30 p. m. EDT",
        ),
    ];
    for (moment, english, spanish_day, spanish_time) in cases {
        assert_eq!(written(moment, "America/New_York", Language::English), english);
        let spanish = format!("{spanish_day} de 2026 {spanish_time}");
        assert_eq!(written(moment, "America/New_York", Language::Spanish), spanish);
    }
}

#[test]
fn every_weekday_and_month_has_its_spanish_name() {
    let month = |n| written(&format!("2026-{n:02}-01T12:00:00Z"), "UTC", Language::Spanish);
    let months: BTreeSet<_> = (1..=12).map(|n| month(n).split(' ').nth(3).unwrap().to_owned()).collect();
    let day = |n| written(&format!("2026-06-{n:02}T12:00:00Z"), "UTC", Language::Spanish);
    let days: BTreeSet<_> = (1..=7).map(|n| day(n).split(' ').next().unwrap().to_owned()).collect();
    assert_eq!((months.len(), days.len()), (12, 7));
    assert_eq!(day(1), "lunes 1 de junio de 2026 a las 12:00 p. m. UTC");
}

#[test]
fn an_unknown_zone_is_written_as_utc_and_a_nameless_one_as_its_offset() {
    let at = |zone| written("2026-11-21T18:35:00Z", zone, Language::English);
    for unknown in ["Mars/Olympus_Mons", "", "Etc/Unknown"] {
        assert_eq!(at(unknown), "Saturday, November 21, 2026 at 6:35 PM UTC", "{unknown:?}");
    }
    assert_eq!(at("America/Sao_Paulo"), "Saturday, November 21, 2026 at 3:35 PM UTC-03");
    assert_eq!(at("America/Phoenix"), "Saturday, November 21, 2026 at 11:35 AM MST");
}
