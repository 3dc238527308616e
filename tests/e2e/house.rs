//! The floors of `shared/src`: dependencies lead to lower floors only, and never in a circle. The test reads them from
//! the `use` lines and paths of the code.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use crate::support::template::root;

/// The floors, the lowest first. Two of one number stand side by side and know nothing of each other.
const FLOORS: [(&str, u8); 6] =
    [("platform", 1), ("secrets", 2), ("domain", 3), ("store", 4), ("mail", 4), ("http", 5)];

/// A room is a file of a floor with the folder of its name: `store/write` is `store/write.rs` and `store/write/`.
type Room = (String, String);

/// The rooms that each room uses.
type Arrows = BTreeMap<Room, BTreeSet<Room>>;

fn sources(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let (folders, files): (Vec<_>, Vec<_>) = entries.partition(|path| path.is_dir());
    let inner = folders.iter().flat_map(|folder| sources(folder));
    inner.chain(files.into_iter().filter(|path| path.extension().is_some_and(|name| name == "rs"))).collect()
}

/// The room of a file; none of a floor's own list of rooms and of the crate's.
fn room_of(file: &Path) -> Option<Room> {
    let file = file.with_extension("");
    let mut parts = file.iter().map(|part| part.to_string_lossy().into_owned());
    Some((parts.next()?, parts.next()?))
}

/// The rooms that a source names, by `use crate::…` or in place. What its tests name does not count.
fn named_rooms(source: &str) -> BTreeSet<Room> {
    let code = source.split("#[cfg(test)]").next().unwrap_or_default();
    let code: Vec<&str> = code.lines().filter(|line| !line.trim_start().starts_with("//")).collect();
    let code = code.join("\n");
    let paths = code.split("crate::").skip(1);
    let mut rooms = BTreeSet::new();
    for path in paths {
        let (floor, rest) = path.split_once("::").unwrap_or_default();
        let rest = rest.trim_start_matches('{');
        // `use crate::store::{keys, items};` names each of them.
        let names = if path.contains("::{") && path.find("::{") == path.find("::") {
            rest.split('}').next().unwrap_or_default().split(',').map(str::trim).collect()
        } else {
            vec![rest]
        };
        for name in names {
            let room: String = name.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
            if FLOORS.iter().any(|(known, _)| *known == floor) && !room.is_empty() {
                rooms.insert((floor.to_owned(), room));
            }
        }
    }
    rooms
}

fn arrows() -> Arrows {
    let shared = root().join("shared/src");
    let mut arrows = Arrows::new();
    for path in sources(&shared) {
        let Some(room) = room_of(path.strip_prefix(&shared).unwrap()) else { continue };
        let is_tests =
            path.file_stem().is_some_and(|name| name == "tests") || path.iter().any(|part| part == "tests");
        if is_tests {
            continue;
        }
        let named = named_rooms(&std::fs::read_to_string(&path).unwrap());
        let others = named.into_iter().filter(|other| *other != room);
        arrows.entry(room.clone()).or_default().extend(others);
    }
    arrows
}

fn floor_of(room: &Room) -> u8 {
    let floor = FLOORS.iter().find(|(name, _)| *name == room.0);
    floor.unwrap_or_else(|| panic!("shared/src/{} is no floor", room.0)).1
}

/// Arrows that do not go down: to a higher floor, or to one beside.
fn upward(arrows: &Arrows) -> Vec<(Room, Room)> {
    let all = arrows.iter().flat_map(|(from, to)| to.iter().map(move |to| (from.clone(), to.clone())));
    all.filter(|(from, to)| from.0 != to.0 && floor_of(from) <= floor_of(to)).collect()
}

/// The rooms that can be left and come back to.
fn in_circles(arrows: &Arrows) -> BTreeSet<Room> {
    let reachable = |start: &Room| {
        let mut seen = BTreeSet::new();
        let mut next: Vec<&Room> = arrows[start].iter().collect();
        while let Some(room) = next.pop() {
            if seen.insert(room.clone()) {
                next.extend(arrows.get(room).into_iter().flatten());
            }
        }
        seen
    };
    arrows.keys().filter(|room| reachable(room).contains(room)).cloned().collect()
}

#[test]
fn arrows_only_go_down_and_in_no_circle() {
    let arrows = arrows();
    assert!(arrows.len() > 50 && arrows.values().map(BTreeSet::len).sum::<usize>() > 150, "{}", arrows.len());
    assert_eq!(upward(&arrows), [], "a lower floor must not know a higher one");
    assert_eq!(
        in_circles(&arrows),
        BTreeSet::new(),
        "where two rooms need each other, a third thing wants a name"
    );
}

#[test]
fn an_upward_arrow_and_a_circle_would_be_seen() {
    let room = |floor: &str, name: &str| (floor.to_owned(), name.to_owned());
    let source = "use crate::http::call::Call;\nuse crate::store::{items, keys};\n// crate::mail::tags\nfn f() { crate::domain::text::is_line() }\n#[cfg(test)]\nuse crate::mail::compose;";
    let named = named_rooms(source);
    let expected =
        [room("http", "call"), room("store", "items"), room("store", "keys"), room("domain", "text")];
    assert_eq!(named, expected.into_iter().collect());
    let mut arrows =
        Arrows::from([(room("domain", "outbox"), named), (room("store", "keys"), BTreeSet::new())]);
    assert_eq!(upward(&arrows).len(), 3, "to http, and twice to the store");
    assert!(in_circles(&arrows).is_empty());
    arrows.insert(room("domain", "text"), BTreeSet::from([room("domain", "outbox")]));
    assert_eq!(in_circles(&arrows).len(), 2);
}
