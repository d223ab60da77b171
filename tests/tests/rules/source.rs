//! One source file: the paths that it names, read with `syn`.

use proc_macro2::{TokenStream, TokenTree};
use std::collections::BTreeSet;
use syn::visit::{self, Visit};

/// The segments of a path, such as `["crate", "forest", "Forest"]`.
pub type Segments = Vec<String>;

/// What a source file names.
#[derive(Debug, Default)]
pub struct Source {
    /// Every path, with the inline module that names it. Single names, which a `use` must have brought in, are left out.
    pub paths: BTreeSet<Named>,
    /// The names that `use` declarations of the file itself bring in, with what they stand for.
    pub bindings: Vec<(String, Segments)>,
    /// Modules that exist for tests only.
    pub test_modules: BTreeSet<String>,
}

/// A path and where it stands.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Named {
    /// The inline modules around it, outermost first.
    pub within: Segments,
    /// The path as it is written, `use` trees expanded.
    pub path: Segments,
    /// Whether it stands in code for tests only.
    pub in_test: bool,
}

impl Source {
    /// Reads a source text.
    ///
    /// # Panics
    /// If it is not Rust.
    pub fn parse(text: &str) -> Self {
        let file = syn::parse_file(text).unwrap_or_else(|error| panic!("not Rust: {error}: {text:.200}"));
        let mut reader = Reader::default();
        reader.visit_file(&file);
        reader.source
    }
}

#[derive(Default)]
struct Reader {
    source: Source,
    within: Segments,
    tests_around: usize,
}

impl Reader {
    fn name(&mut self, path: Segments) {
        let named = Named { within: self.within.clone(), path, in_test: self.tests_around > 0 };
        self.source.paths.insert(named);
    }

    fn use_tree(&mut self, before: &[String], tree: &syn::UseTree) {
        let with = |name: &syn::Ident| [before, &[name.to_string()]].concat();
        match tree {
            syn::UseTree::Path(path) => self.use_tree(&with(&path.ident), &path.tree),
            syn::UseTree::Group(group) => group.items.iter().for_each(|tree| self.use_tree(before, tree)),
            syn::UseTree::Glob(_) => self.name([before, &["*".to_owned()]].concat()),
            syn::UseTree::Name(name) if name.ident == "self" => self.bring_in(before.last(), before.to_vec()),
            syn::UseTree::Name(name) => self.bring_in(Some(&name.ident.to_string()), with(&name.ident)),
            syn::UseTree::Rename(rename) => {
                self.bring_in(Some(&rename.rename.to_string()), with(&rename.ident));
            }
        }
    }

    fn bring_in(&mut self, name: Option<&String>, path: Segments) {
        if let Some(name) = name.filter(|_| self.within.is_empty() && self.tests_around == 0) {
            self.source.bindings.push((name.clone(), path.clone()));
        }
        self.name(path);
    }

    /// Paths among tokens that are not parsed: the arguments of macros and attributes.
    fn tokens(&mut self, tokens: TokenStream) {
        let mut path: Segments = Vec::new();
        let mut colons = 0;
        for token in tokens {
            match token {
                TokenTree::Ident(name) if colons == 2 || path.is_empty() => path.push(name.to_string()),
                TokenTree::Punct(sign) if sign.as_char() == ':' => {
                    colons += 1;
                    continue;
                }
                other => {
                    self.end_of_path(&mut path);
                    match other {
                        TokenTree::Ident(name) => path.push(name.to_string()),
                        TokenTree::Group(group) => self.tokens(group.stream()),
                        _ => {}
                    }
                }
            }
            colons = 0;
        }
        self.end_of_path(&mut path);
    }

    fn end_of_path(&mut self, path: &mut Segments) {
        let path = std::mem::take(path);
        if path.len() > 1 {
            self.name(path);
        }
    }
}

impl<'ast> Visit<'ast> for Reader {
    fn visit_item(&mut self, item: &'ast syn::Item) {
        let is_test = attributes(item).iter().any(is_for_tests);
        self.tests_around += usize::from(is_test);
        visit::visit_item(self, item);
        self.tests_around -= usize::from(is_test);
    }

    fn visit_item_mod(&mut self, module: &'ast syn::ItemMod) {
        if self.tests_around > 0 && self.within.is_empty() {
            self.source.test_modules.insert(module.ident.to_string());
        }
        self.within.push(module.ident.to_string());
        visit::visit_item_mod(self, module);
        self.within.pop();
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        self.use_tree(&[], &item.tree);
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let segments: Segments = path.segments.iter().map(|segment| segment.ident.to_string()).collect();
        if segments.len() > 1 {
            self.name(segments);
        }
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, call: &'ast syn::Macro) {
        visit::visit_macro(self, call);
        self.tokens(call.tokens.clone());
    }

    fn visit_meta_list(&mut self, attribute: &'ast syn::MetaList) {
        visit::visit_meta_list(self, attribute);
        self.tokens(attribute.tokens.clone());
    }
}

/// The attributes of an item; those of items that hold no paths are left out.
fn attributes(item: &syn::Item) -> &[syn::Attribute] {
    match item {
        syn::Item::Const(item) => &item.attrs,
        syn::Item::Enum(item) => &item.attrs,
        syn::Item::Fn(item) => &item.attrs,
        syn::Item::Impl(item) => &item.attrs,
        syn::Item::Macro(item) => &item.attrs,
        syn::Item::Mod(item) => &item.attrs,
        syn::Item::Static(item) => &item.attrs,
        syn::Item::Struct(item) => &item.attrs,
        syn::Item::Trait(item) => &item.attrs,
        syn::Item::Type(item) => &item.attrs,
        syn::Item::Use(item) => &item.attrs,
        _ => &[],
    }
}

/// `#[cfg(test)]`, `#[cfg(all(test, …))]` and `#[test]`.
fn is_for_tests(attribute: &syn::Attribute) -> bool {
    if attribute.path().is_ident("test") {
        return true;
    }
    let condition = attribute.meta.require_list().ok().filter(|list| list.path.is_ident("cfg"));
    condition.is_some_and(|list| {
        let text: String = list.tokens.to_string().split_whitespace().collect();
        text == "test" || text.starts_with("all(test,")
    })
}

#[test]
fn paths_are_found_however_they_are_written() {
    let text = r##"
        //! use axum::Router;
        use a::{b::{self, C as D}, e::*, f};
        pub(crate) use ::std::fs;
        #[derive(serde::Serialize)]
        struct S<T: k::K>(l::L<m::M>, T);
        fn g<'a>(x: &'a str) -> std::io::Result<()> { "csv::Reader"; r#"std::fs " "#; '"'; '\''; h::i::<n::N>(x) /* j::k */ }
        fn o() { assert!(p::q(1) == 2, "{}", (r::s, one)); }
        #[cfg(test)]
        mod tests { use super::*; fn t() { u::v(); } }
        #[cfg(all(test, unix))]
        mod more;
    "##;
    let source = Source::parse(text);
    let named = |in_test| {
        let paths = source.paths.iter().filter(move |named| named.in_test == in_test);
        paths.map(|named| named.path.join("::")).collect::<Vec<_>>()
    };
    let expected = [
        "a::b",
        "a::b::C",
        "a::e::*",
        "a::f",
        "h::i",
        "k::K",
        "l::L",
        "m::M",
        "n::N",
        "p::q",
        "r::s",
        "serde::Serialize",
        "std::fs",
        "std::io::Result",
    ];
    assert_eq!(named(false), expected);
    assert_eq!(named(true), ["super::*", "u::v"]);
    let brought_in: Vec<&str> = source.bindings.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(brought_in, ["b", "D", "f", "fs"]);
    assert_eq!(source.test_modules.into_iter().collect::<Vec<_>>(), ["more", "tests"]);
}
