//! The facts of a file that the rules need: imports, calls, names, visible fields and doc comments.

use proc_macro2::{Delimiter, Ident, TokenStream, TokenTree};
use syn::ext::IdentExt;
use syn::visit::{self, Visit};
use syn::{
    Attribute, Expr, ExprCall, ExprMethodCall, ExprPath, Field, Item, ItemMod, ItemUse, Macro, Meta, Path,
    UseTree, Visibility,
};

use super::tree::{File, Module, Tree, is_of_tests, text_of};

/// The facts of a file, tests left out.
#[derive(Default)]
pub struct Facts {
    pub imports: Vec<Import>,
    /// Functions and methods, called or named through a path.
    pub calls: Vec<Word>,
    /// Identifiers.
    pub names: Vec<Word>,
    /// Fields of structs, visible outside the module of the struct.
    pub open_fields: Vec<Word>,
    /// Lines of the documentation.
    pub docs: Vec<Word>,
}

/// A path from a file into a further file of the crate.
pub struct Import {
    pub line: usize,
    /// The path as written.
    pub path: String,
    /// The index of the imported file in the tree.
    pub to: usize,
}

pub struct Word {
    pub line: usize,
    pub text: String,
}

impl Facts {
    /// Collects the facts of the file with this index in the tree.
    pub fn of(tree: &Tree, index: usize) -> Self {
        let file: &File = &tree.files[index];
        let mut visitor = Visitor { tree, index, module: file.module.clone(), facts: Self::default() };
        visitor.visit_file(&file.syntax);
        visitor.facts
    }
}

struct Visitor<'a> {
    tree: &'a Tree,
    index: usize,
    /// The module at hand: the module of the file, or an inline module.
    module: Module,
    facts: Facts,
}

impl Visitor<'_> {
    fn import(&mut self, path: &[Ident]) {
        let segments: Vec<_> = path.iter().map(|ident| ident.unraw().to_string()).collect();
        if let Some(to) = self.tree.file_of(&self.module, &segments)
            && to != self.index
        {
            self.facts.imports.push(Import { line: line(&path[0]), path: segments.join("::"), to });
        }
    }

    /// Adds a path of an expression or a type. A single name is local.
    fn path(&mut self, path: &[Ident]) {
        if path.len() > 1 {
            self.import(path);
        }
    }

    fn call(&mut self, function: &Ident) {
        self.facts.calls.push(word(function));
    }

    fn use_tree(&mut self, tree: &UseTree, before: &[Ident]) {
        let with = |ident: &Ident| before.iter().chain([ident]).cloned().collect::<Vec<_>>();
        match tree {
            UseTree::Path(path) => self.use_tree(&path.tree, &with(&path.ident)),
            UseTree::Group(group) => group.items.iter().for_each(|tree| self.use_tree(tree, before)),
            UseTree::Glob(_) => self.import(before),
            UseTree::Name(name) if name.ident == "self" => self.import(before),
            UseTree::Name(name) => self.import(&with(&name.ident)),
            UseTree::Rename(name) if name.ident == "self" => self.import(before),
            UseTree::Rename(name) => self.import(&with(&name.ident)),
        }
    }

    /// Looks for paths and calls in the arguments of a macro, which are tokens and not syntax.
    ///
    /// A path from `$crate` is no import: a macro writes the path into a crate of a user, where only the root is
    /// visible.
    fn tokens(&mut self, tokens: TokenStream) {
        let tokens: Vec<_> = tokens.into_iter().collect();
        let mut at = 0;
        while at < tokens.len() {
            match &tokens[at] {
                TokenTree::Group(group) => self.tokens(group.stream()),
                TokenTree::Ident(first) => {
                    let is_written =
                        at > 0 && matches!(&tokens[at - 1], TokenTree::Punct(sign) if sign.as_char() == '$');
                    let mut path = vec![first.clone()];
                    while let Some(next) = after_colons(&tokens[at + 1..]) {
                        path.push(next.clone());
                        at += 3;
                    }
                    self.facts.names.extend(path.iter().map(word));
                    if !is_written {
                        self.path(&path);
                    }
                    if path.len() > 1 || is_called(&tokens[at + 1..]) {
                        self.call(&path[path.len() - 1]);
                    }
                }
                _ => {}
            }
            at += 1;
        }
    }
}

/// Returns the identifier after `::`, if `::` comes next.
fn after_colons(tokens: &[TokenTree]) -> Option<&Ident> {
    match tokens {
        [TokenTree::Punct(one), TokenTree::Punct(two), TokenTree::Ident(next), ..]
            if one.as_char() == ':' && two.as_char() == ':' =>
        {
            Some(next)
        }
        _ => None,
    }
}

fn is_called(tokens: &[TokenTree]) -> bool {
    matches!(tokens.first(), Some(TokenTree::Group(group)) if group.delimiter() == Delimiter::Parenthesis)
}

fn line(ident: &Ident) -> usize {
    ident.span().start().line
}

fn word(ident: &Ident) -> Word {
    Word { line: line(ident), text: ident.unraw().to_string() }
}

fn idents(path: &Path) -> Vec<Ident> {
    path.segments.iter().map(|segment| segment.ident.clone()).collect()
}

impl<'ast> Visit<'ast> for Visitor<'_> {
    fn visit_item(&mut self, item: &'ast Item) {
        if !is_of_tests(attributes(item)) {
            visit::visit_item(self, item);
        }
    }

    /// A declaration is no import. The items of an inline module belong to the file.
    fn visit_item_mod(&mut self, item: &'ast ItemMod) {
        if item.content.is_some() {
            self.module.push(item.ident.unraw().to_string());
            visit::visit_item_mod(self, item);
            self.module.pop();
        }
    }

    fn visit_item_use(&mut self, item: &'ast ItemUse) {
        if item.leading_colon.is_none() {
            self.use_tree(&item.tree, &[]);
        }
        visit::visit_item_use(self, item);
    }

    fn visit_path(&mut self, path: &'ast Path) {
        if path.leading_colon.is_none() {
            self.path(&idents(path));
        }
        visit::visit_path(self, path);
    }

    fn visit_expr_path(&mut self, path: &'ast ExprPath) {
        let segments = idents(&path.path);
        if segments.len() > 1 {
            self.call(&segments[segments.len() - 1]);
        }
        visit::visit_expr_path(self, path);
    }

    fn visit_expr_call(&mut self, call: &'ast ExprCall) {
        if let Expr::Path(function) = &*call.func
            && let Some(name) = function.path.get_ident()
        {
            self.call(name);
        }
        visit::visit_expr_call(self, call);
    }

    fn visit_expr_method_call(&mut self, call: &'ast ExprMethodCall) {
        self.call(&call.method);
        visit::visit_expr_method_call(self, call);
    }

    fn visit_ident(&mut self, ident: &'ast Ident) {
        self.facts.names.push(word(ident));
    }

    fn visit_field(&mut self, field: &'ast Field) {
        let is_open = match &field.vis {
            Visibility::Inherited => None,
            Visibility::Public(token) => Some(token.span.start().line),
            Visibility::Restricted(to) if to.path.is_ident("self") => None,
            Visibility::Restricted(to) => Some(to.pub_token.span.start().line),
        };
        if let Some(line) = is_open {
            let text = field.ident.as_ref().map_or("a field".to_owned(), |name| format!("`{name}`"));
            self.facts.open_fields.push(Word { line, text });
        }
        visit::visit_field(self, field);
    }

    /// The path of a visibility is no import.
    fn visit_visibility(&mut self, _: &'ast Visibility) {}

    fn visit_attribute(&mut self, attribute: &'ast Attribute) {
        match &attribute.meta {
            Meta::NameValue(meta) if meta.path.is_ident("doc") => {
                if let Some(text) = text_of(&meta.value) {
                    let line = attribute.pound_token.span.start().line;
                    self.facts.docs.push(Word { line, text });
                }
            }
            Meta::List(list) => self.tokens(list.tokens.clone()),
            _ => {}
        }
    }

    /// The arguments of a macro are items, as in `pin_project!`, or any tokens.
    fn visit_macro(&mut self, item: &'ast Macro) {
        self.visit_path(&item.path);
        match item.parse_body::<syn::File>() {
            Ok(items) => Visitor::visit_file(self, &items),
            Err(_) => self.tokens(item.tokens.clone()),
        }
    }
}

fn attributes(item: &Item) -> &[Attribute] {
    match item {
        Item::Const(item) => &item.attrs,
        Item::Enum(item) => &item.attrs,
        Item::Fn(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        Item::Macro(item) => &item.attrs,
        Item::Mod(item) => &item.attrs,
        Item::Static(item) => &item.attrs,
        Item::Struct(item) => &item.attrs,
        Item::Trait(item) => &item.attrs,
        Item::Type(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        _ => &[],
    }
}
