//! The modules of a crate and who imports whom among them.

use crate::source::{Named, Segments, Source};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::Path;

/// How many re-exports are followed from a path to its item.
const MAX_RE_EXPORTS: usize = 8;

/// The library of a crate: its source files by module path below the crate, `[]` for `lib.rs`.
pub struct Modules(BTreeMap<Segments, Source>);

impl Modules {
    /// Reads all files of a folder `src`; without a `lib.rs`, `main.rs` is the root. A `main.rs` beside a `lib.rs` is a crate of its own
    /// and left out.
    ///
    /// # Panics
    /// If there is neither root, or a file is not Rust.
    pub fn read(src: &Path) -> Self {
        let root = ["lib.rs", "main.rs"].into_iter().find(|name| src.join(name).is_file());
        let root = root.unwrap_or_else(|| panic!("there is no crate in {}", src.display()));
        let mut modules = BTreeMap::new();
        for path in crate::files_below(src) {
            let below = path.strip_prefix(src).expect("it lies below");
            if root == "lib.rs" && below == Path::new("main.rs") {
                continue;
            }
            let mut module: Segments =
                below.with_extension("").iter().map(|name| name.to_string_lossy().into_owned()).collect();
            let is_folder = module.last().is_some_and(|name| name == "mod");
            if is_folder || below == Path::new(root) {
                module.pop();
            }
            let text = std::fs::read_to_string(&path).expect("a source can be read");
            modules.insert(module, Source::parse(&text));
        }
        Modules(modules)
    }

    /// Every path that modules in the room named, or below it, name outside of it: `crate::…` for modules of this crate.
    /// Code for tests is included.
    ///
    /// # Panics
    /// If there is no such room.
    pub fn named_outside(&self, room: &str) -> BTreeSet<String> {
        let room: Segments = room.split("::").filter(|name| !name.is_empty()).map(str::to_owned).collect();
        assert!(self.0.contains_key(&room), "there is no module crate::{}", room.join("::"));
        let within = self.0.iter().filter(|(module, _)| module.starts_with(&room));
        let named = within.flat_map(|(module, source)| source.paths.iter().map(|named| self.absolute(module, named)));
        let outside = named.filter(|path| path[0] != "crate" || !path[1..].starts_with(&room));
        outside.map(|path| path.join("::")).collect()
    }

    /// The path seen from the crate's root if it belongs to this crate; else as it is.
    fn absolute(&self, module: &[String], named: &Named) -> Segments {
        let mut base = [module, &named.within].concat();
        let mut path = named.path.as_slice();
        match path[0].as_str() {
            "crate" => return path.to_vec(),
            "self" => path = &path[1..],
            "super" => {
                while path.first().is_some_and(|name| name == "super") {
                    base.pop();
                    path = &path[1..];
                }
            }
            first if self.0.contains_key(&[module, &[first.to_owned()]].concat()) => base = module.to_vec(),
            _ => return path.to_vec(),
        }
        [&["crate".to_owned()], &base[..], path].concat()
    }

    /// The modules that hold what a path below the crate stands for: where it points, and where re-exports lead from there.
    fn holders(&self, path: &[String], re_exports: usize) -> Vec<Segments> {
        let length = (0..=path.len()).rev().find(|&length| self.0.contains_key(&path[..length])).unwrap_or(0);
        let (module, rest) = path.split_at(length);
        let mut holders = vec![module.to_vec()];
        let Some((name, rest)) = rest.split_first().filter(|_| re_exports < MAX_RE_EXPORTS) else { return holders };
        let bindings = self.0.get(module).into_iter().flat_map(|source| &source.bindings);
        for (_, target) in bindings.filter(|(bound, _)| bound == name) {
            let named = Named { within: Vec::new(), path: [target, rest].concat(), in_test: false };
            let target = self.absolute(module, &named);
            if target[0] == "crate" {
                holders.extend(self.holders(&target[1..], re_exports + 1));
            }
        }
        holders
    }

    /// Which modules each module imports. Left out are code for tests, and a module's imports from its own submodules, which are
    /// parts of it.
    fn imports(&self) -> BTreeMap<&Segments, BTreeSet<Segments>> {
        let imports = self.0.iter().filter(|(module, _)| !self.is_for_tests(module)).map(|(module, source)| {
            let named = source.paths.iter().filter(|named| !named.in_test);
            let paths = named.map(|named| self.absolute(module, named)).filter(|path| path[0] == "crate");
            let holders = paths.flat_map(|path| self.holders(&path[1..], 0));
            (module, holders.filter(|holder| !holder.starts_with(module)).collect())
        });
        imports.collect()
    }

    fn is_for_tests(&self, module: &[String]) -> bool {
        (0..module.len()).any(|i| self.0.get(&module[..i]).is_some_and(|it| it.test_modules.contains(&module[i])))
    }

    /// A shortest circle of imports for each module that is part of one, such as `a → b → a`.
    pub fn circles(&self) -> BTreeSet<String> {
        let imports = self.imports();
        let mut found: BTreeMap<BTreeSet<Segments>, String> = BTreeMap::new();
        for start in imports.keys() {
            if let Some(circle) = shortest_way_back(start, &imports) {
                let shown: Vec<String> = circle.iter().map(|module| module.join("::")).collect();
                found.entry(circle.into_iter().collect()).or_insert_with(|| shown.join(" → "));
            }
        }
        found.into_values().collect()
    }
}

fn shortest_way_back(start: &Segments, imports: &BTreeMap<&Segments, BTreeSet<Segments>>) -> Option<Vec<Segments>> {
    let mut ways = VecDeque::from([vec![start.clone()]]);
    let mut seen = BTreeSet::new();
    while let Some(way) = ways.pop_front() {
        let last = way.last().expect("a way has a start");
        for next in imports.get(last).into_iter().flatten() {
            let longer = [&way[..], std::slice::from_ref(next)].concat();
            if next == start {
                return Some(longer);
            }
            if seen.insert(next) {
                ways.push_back(longer);
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A crate of these files.
    fn modules(files: &[(&str, &str)]) -> Modules {
        let folder = tempfile::tempdir().expect("a folder");
        for (name, text) in files {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
            std::fs::write(path, text).expect("a file");
        }
        Modules::read(folder.path())
    }

    fn circles(files: &[(&str, &str)]) -> Vec<String> {
        modules(files).circles().into_iter().collect()
    }

    #[test]
    fn imports_in_one_direction_are_no_circle() {
        let files = [
            ("lib.rs", "mod a; mod b; mod c; pub use a::A;"),
            ("a.rs", "use crate::b::B; pub struct A(B);"),
            // The root's `A` would be a circle, but test code does not count; `main.rs` is a crate of its own.
            ("b.rs", "pub struct B(super::c::C); #[cfg(test)] mod tests { use crate::A; }"),
            // A module may use what its parent holds, and the parent what the module holds.
            ("c/mod.rs", "mod d; pub use d::D; pub struct C; fn f() { d::g() }"),
            ("c/d.rs", "use super::C; pub struct D(C); pub fn g() {}"),
            ("main.rs", "use x::A;"),
        ];
        assert_eq!(circles(&files), [""; 0]);
    }

    #[test]
    fn circles_are_found_however_they_are_closed() {
        let closed_by = [
            // Directly, written out, by `super`, in a macro, by a type, by a glob.
            "use crate::a::A;",
            "fn f() { crate::a::f() }",
            "use super::super::a;",
            "fn f() { println!(\"{}\", crate::a::NUMBER) }",
            "impl From<crate::a::A> for B {}",
            "use crate::a::*;",
            // By re-exports of the root, one behind the other.
            "use crate::A;",
            "use crate::Again;",
        ];
        for way in closed_by {
            let files = [
                ("lib.rs", "mod a; mod b; pub use a::A; pub use crate::A as Again;"),
                ("a.rs", "use crate::b::c::B; pub struct A;"),
                ("b/mod.rs", "pub mod c;"),
                ("b/c.rs", way),
            ];
            assert_eq!(circles(&files), ["a → b::c → a"], "{way}");
        }
    }

    #[test]
    fn a_long_circle_is_shown_once() {
        let files = [
            ("lib.rs", "mod a; mod b; mod c; mod d;"),
            ("a.rs", "use crate::b;"),
            ("b.rs", "use crate::c;"),
            ("c.rs", "use crate::a;"),
            ("d.rs", "use crate::a;"),
        ];
        assert_eq!(circles(&files), ["a → b → c → a"]);
    }

    #[test]
    fn what_a_room_names_is_seen_from_the_root() {
        let files = [
            ("lib.rs", "mod room; mod other;"),
            ("other.rs", ""),
            ("room/mod.rs", "mod inner; use super::other::X; use inner::Y; use csv::Reader;"),
            ("room/inner.rs", "use super::super::other; mod tests { use super::super::super::other::Z; }"),
        ];
        let named: Vec<String> = modules(&files).named_outside("room").into_iter().collect();
        assert_eq!(named, ["crate::other", "crate::other::X", "crate::other::Z", "csv::Reader"]);
    }
}
