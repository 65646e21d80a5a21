//! Public functions and their examples.
//!
//! An item is public if a user of the crate can name the item: public items of public modules, and public re-exports of
//! items in private modules. Functions from macros are not found.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use proc_macro2::Ident;
use syn::ext::IdentExt;
use syn::{
    Attribute, Expr, ImplItem, ImplItemFn, Item, ItemImpl, ItemMod, ItemTrait, LitStr, Meta, TraitItem, Type,
    UseTree, Visibility,
};

use crate::check::tiers::tree::{Module, Read, Tree, is_of_tests, text_of};
use crate::problems::Problems;

/// Returns a line for every public function without an example.
pub fn missing(tree: &Tree, read: Read<'_>, shown: &dyn Fn(&Path) -> String) -> Problems {
    let mut library = Library { modules: BTreeMap::new(), public: BTreeSet::new(), entered: BTreeSet::new() };
    for file in &tree.files {
        library.add(&file.path, file.module.clone(), &file.syntax.attrs, &file.syntax.items);
    }
    library.export(&Module::new());
    let mut found = Vec::new();
    for (path, part) in &library.modules {
        for item in part.items.iter().filter(|item| !is_hidden(attributes(item))) {
            let search = Search { library: &library, module: path, part, read };
            found.extend(search.functions(item).into_iter().map(|function| (part.file, function)));
        }
    }
    found.sort_by_key(|(file, function)| (*file, function.line));
    let line = |(file, Missing { line, name, right }): (&Path, Missing)| {
        format!(
            "{}:{line}: `{name}` has no example: add `# Examples`, or call it in the example of {right}",
            shown(file)
        )
    };
    found.into_iter().map(line).collect()
}

/// The modules of a library, and the public items.
struct Library<'a> {
    modules: BTreeMap<Module, Part<'a>>,
    /// Public items by the modules of their definitions.
    public: BTreeSet<(Module, String)>,
    /// Modules whose public items are public.
    entered: BTreeSet<Module>,
}

/// A module.
struct Part<'a> {
    file: &'a Path,
    attributes: &'a [Attribute],
    items: &'a [Item],
}

impl<'a> Library<'a> {
    fn add(&mut self, file: &'a Path, module: Module, attributes: &'a [Attribute], items: &'a [Item]) {
        for item in items {
            if let Item::Mod(ItemMod { attrs, ident, content: Some((_, items)), .. }) = item
                && !is_of_tests(attrs)
            {
                self.add(file, below(&module, ident), attrs, items);
            }
        }
        self.modules.insert(module, Part { file, attributes, items });
    }

    /// Makes the public items of a module public, and the items of public re-exports.
    fn export(&mut self, module: &Module) {
        let Some(items) = self.modules.get(module).map(|part| part.items) else { return };
        if !self.entered.insert(module.clone()) {
            return;
        }
        for item in items.iter().filter(|item| is_public(item) && !is_hidden(attributes(item))) {
            if let Item::Use(of) = item {
                for Import { path, name } in imports(&of.tree) {
                    self.export_path(module, &path, name.is_none());
                }
            } else if let Item::Mod(of) = item {
                self.export(&below(module, &of.ident));
            } else if let Some(name) = name_of(item) {
                self.public.insert((module.clone(), name));
            }
        }
    }

    fn export_path(&mut self, from: &Module, path: &[String], all: bool) {
        if all {
            if let Some(module) = self.module_at(from, path) {
                self.export(&module);
            }
        } else if let Some((module, name)) = self.resolve(from, path, 0) {
            let inner = module.iter().chain([&name]).cloned().collect();
            self.export(&inner);
            self.public.insert((module, name));
        }
    }

    /// Returns the module of a path, or `None` outside the crate.
    fn module_at(&self, from: &Module, path: &[String]) -> Option<Module> {
        let mut module = from.clone();
        for (nth, segment) in path.iter().enumerate() {
            match segment.as_str() {
                "crate" => module.clear(),
                "self" => {}
                "super" => {
                    module.pop()?;
                }
                name => {
                    module.push(name.to_owned());
                    if nth == 0 && !self.modules.contains_key(&module) {
                        return None;
                    }
                }
            }
        }
        self.modules.contains_key(&module).then_some(module)
    }

    /// Returns the module and the name of the definition. A name without a definition stays where it is: a macro may
    /// define it.
    fn resolve(&self, from: &Module, path: &[String], depth: usize) -> Option<(Module, String)> {
        let (name, before) = path.split_last()?;
        let module = self.module_at(from, before)?;
        let items = self.modules.get(&module)?.items;
        let is_defined = items.iter().any(|item| name_of(item).as_ref() == Some(name));
        // Long chains of re-exports do not exist, and circles must end.
        if !is_defined && depth < 8 {
            for of in items.iter().filter_map(|item| if let Item::Use(of) = item { Some(of) } else { None }) {
                for import in
                    imports(&of.tree).into_iter().filter(|import| import.name.as_ref() == Some(name))
                {
                    if let Some(found) = self.resolve(&module, &import.path, depth + 1) {
                        return Some(found);
                    }
                }
            }
        }
        Some((module, name.clone()))
    }

    fn is_public(&self, from: &Module, path: &[String]) -> bool {
        self.resolve(from, path, 0).is_some_and(|found| self.public.contains(&found))
    }
}

/// A name in a `use`. A glob has no name.
struct Import {
    path: Vec<String>,
    name: Option<String>,
}

fn imports(tree: &UseTree) -> Vec<Import> {
    fn collect(tree: &UseTree, before: &[String], all: &mut Vec<Import>) {
        let with =
            |ident: &Ident| before.iter().cloned().chain([ident.unraw().to_string()]).collect::<Vec<_>>();
        match tree {
            UseTree::Path(of) => collect(&of.tree, &with(&of.ident), all),
            UseTree::Name(of) => {
                all.push(Import { path: with(&of.ident), name: Some(of.ident.unraw().to_string()) });
            }
            UseTree::Rename(of) => {
                all.push(Import { path: with(&of.ident), name: Some(of.rename.unraw().to_string()) });
            }
            UseTree::Glob(_) => all.push(Import { path: before.to_vec(), name: None }),
            UseTree::Group(of) => of.items.iter().for_each(|tree| collect(tree, before, all)),
        }
    }
    let mut all = Vec::new();
    collect(tree, &[], &mut all);
    all
}

/// A function without an example.
struct Missing {
    line: usize,
    name: String,
    /// The item that may have the example instead.
    right: String,
}

/// The search for functions in an item of a module.
struct Search<'a> {
    library: &'a Library<'a>,
    module: &'a Module,
    part: &'a Part<'a>,
    read: Read<'a>,
}

impl Search<'_> {
    fn functions(&self, item: &Item) -> Vec<Missing> {
        match item {
            Item::Fn(of) => self.free(&of.sig.ident, &of.attrs),
            Item::Trait(of) => self.of_trait(of),
            Item::Impl(of) if of.trait_.is_none() => self.of_impl(of),
            _ => Vec::new(),
        }
    }

    /// A free function may be shown by its module, or by the crate.
    fn free(&self, ident: &Ident, own: &[Attribute]) -> Vec<Missing> {
        let name = ident.unraw().to_string();
        let (library, root) = (self.library, Module::new());
        if !library.public.contains(&(self.module.clone(), name.clone())) {
            return Vec::new();
        }
        let around = [Some(self.part), library.modules.get(&root)].into_iter().flatten();
        let mut around = around.map(|part| docs(part.file, part.attributes, self.read));
        let is_shown = around.any(|docs| shows(&docs, None, &name)) || self.has_examples(own);
        let right = if self.module.is_empty() { "the crate" } else { "its module" }.to_owned();
        let line = ident.span().start().line;
        if is_shown { Vec::new() } else { vec![Missing { line, name, right }] }
    }

    fn of_trait(&self, of: &ItemTrait) -> Vec<Missing> {
        let owner = of.ident.unraw().to_string();
        if !self.library.public.contains(&(self.module.clone(), owner.clone())) {
            return Vec::new();
        }
        let around = docs(self.part.file, &of.attrs, self.read);
        let functions = of.items.iter().filter_map(|item| match item {
            TraitItem::Fn(of) => Some((&of.sig.ident, &of.attrs)),
            _ => None,
        });
        functions.filter_map(|(ident, own)| self.method(&owner, &around, ident, own)).collect()
    }

    fn of_impl(&self, of: &ItemImpl) -> Vec<Missing> {
        let Type::Path(path) = &*of.self_ty else { return Vec::new() };
        let path: Vec<_> =
            path.path.segments.iter().map(|segment| segment.ident.unraw().to_string()).collect();
        let Some((module, owner)) = self.library.resolve(self.module, &path, 0) else { return Vec::new() };
        if !self.library.is_public(self.module, &path) {
            return Vec::new();
        }
        let definition = self.library.modules.get(&module).and_then(|part| {
            let item = part.items.iter().find(|item| name_of(item).as_ref() == Some(&owner))?;
            Some((part.file, attributes(item)))
        });
        if definition.is_some_and(|(_, attributes)| is_hidden(attributes)) {
            return Vec::new();
        }
        let mut around = docs(self.part.file, &of.attrs, self.read);
        around
            .extend(definition.into_iter().flat_map(|(file, attributes)| docs(file, attributes, self.read)));
        let functions = of.items.iter().filter_map(|item| match item {
            ImplItem::Fn(ImplItemFn { vis: Visibility::Public(_), sig, attrs, .. }) => {
                Some((&sig.ident, attrs))
            }
            _ => None,
        });
        functions.filter_map(|(ident, own)| self.method(&owner, &around, ident, own)).collect()
    }

    fn method(&self, owner: &str, around: &[String], ident: &Ident, own: &[Attribute]) -> Option<Missing> {
        let name = ident.unraw().to_string();
        if is_hidden(own) || self.has_examples(own) || shows(around, Some(owner), &name) {
            return None;
        }
        let line = ident.span().start().line;
        Some(Missing { line, name: format!("{owner}::{name}"), right: format!("`{owner}`") })
    }

    /// Returns whether the docs have a section with code.
    fn has_examples(&self, attributes: &[Attribute]) -> bool {
        let docs = docs(self.part.file, attributes, self.read);
        let section = docs.iter().skip_while(|line| line.trim() != "# Examples");
        section.skip(1).any(|line| line.trim_start().starts_with("```"))
    }
}

/// Returns whether the code in the docs calls the function: by `name(` or `name::<`. If a type is in front of the name,
/// the type is the owner.
fn shows(docs: &[String], owner: Option<&str>, name: &str) -> bool {
    let mut in_code = false;
    docs.iter().any(|line| {
        if line.trim_start().starts_with("```") {
            in_code = !in_code;
            return false;
        }
        in_code
            && line.match_indices(name).any(|(start, _)| {
                let (before, after) = (&line[..start], &line[start + name.len()..]);
                is_call(after) && !before.ends_with(is_of_name) && is_of(before, owner)
            })
    })
}

fn is_call(after: &str) -> bool {
    after.starts_with('(') || after.starts_with("::<")
}

/// Returns whether a path that ends with `before` leads to the owner, as far as the path has a type.
fn is_of(before: &str, owner: Option<&str>) -> bool {
    let Some(path) = before.strip_suffix("::") else { return true };
    let path = path.trim_end_matches('>');
    let path = path.rsplit_once("::<").map_or(path, |(path, _)| path);
    let last = path.rsplit(|c| !is_of_name(c)).next().unwrap_or_default();
    let is_type = last.starts_with(char::is_uppercase);
    !is_type || owner == Some(last)
}

fn is_of_name(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// Returns the lines of the documentation, the included files among them.
fn docs(file: &Path, attributes: &[Attribute], read: Read<'_>) -> Vec<String> {
    let mut lines = Vec::new();
    for attribute in attributes.iter().filter(|attribute| attribute.path().is_ident("doc")) {
        let Meta::NameValue(meta) = &attribute.meta else { continue };
        if let Some(text) = text_of(&meta.value) {
            lines.extend(text.split('\n').map(str::to_owned));
        } else if let Expr::Macro(of) = &meta.value
            && of.mac.path.is_ident("include_str")
            && let Ok(path) = syn::parse2::<LitStr>(of.mac.tokens.clone())
            && let Ok(text) = read(&file.parent().unwrap_or(Path::new("")).join(path.value()))
        {
            lines.extend(text.split('\n').map(str::to_owned));
        }
    }
    lines
}

fn is_hidden(attributes: &[Attribute]) -> bool {
    is_of_tests(attributes)
        || attributes.iter().any(|attribute| {
            let Meta::List(list) = &attribute.meta else { return false };
            list.path.is_ident("doc") && list.tokens.to_string() == "hidden"
        })
}

fn below(module: &Module, ident: &Ident) -> Module {
    module.iter().cloned().chain([ident.unraw().to_string()]).collect()
}

/// Returns the name of a definition.
fn name_of(item: &Item) -> Option<String> {
    let ident = match item {
        Item::Enum(of) => &of.ident,
        Item::Fn(of) => &of.sig.ident,
        Item::Struct(of) => &of.ident,
        Item::Trait(of) => &of.ident,
        Item::Type(of) => &of.ident,
        Item::Union(of) => &of.ident,
        _ => return None,
    };
    Some(ident.unraw().to_string())
}

fn is_public(item: &Item) -> bool {
    let visibility = match item {
        Item::Enum(of) => &of.vis,
        Item::Fn(of) => &of.vis,
        Item::Mod(of) => &of.vis,
        Item::Struct(of) => &of.vis,
        Item::Trait(of) => &of.vis,
        Item::Type(of) => &of.vis,
        Item::Union(of) => &of.vis,
        Item::Use(of) => &of.vis,
        _ => return false,
    };
    matches!(visibility, Visibility::Public(_))
}

fn attributes(item: &Item) -> &[Attribute] {
    match item {
        Item::Enum(of) => &of.attrs,
        Item::Fn(of) => &of.attrs,
        Item::Impl(of) => &of.attrs,
        Item::Mod(of) => &of.attrs,
        Item::Struct(of) => &of.attrs,
        Item::Trait(of) => &of.attrs,
        Item::Type(of) => &of.attrs,
        Item::Union(of) => &of.attrs,
        Item::Use(of) => &of.attrs,
        _ => &[],
    }
}
