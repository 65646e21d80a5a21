//! The parsed files of a crate, and the tree of the modules. Modules of tests are left out.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, bail};
use syn::ext::IdentExt;
use syn::{Attribute, Expr, ExprLit, Item, ItemMod, Lit, Meta};

/// The path of a module from the root of its crate.
pub type Module = Vec<String>;

/// Reads a file of the disk, or of a test.
pub type Read<'a> = &'a dyn Fn(&Path) -> std::io::Result<String>;

/// The modules of one target of a package.
pub struct Tree {
    pub files: Vec<File>,
    /// The files of the modules; a file is an index in `files`.
    modules: BTreeMap<Module, usize>,
    /// The files of the exported macros. The path of an exported macro leads from the root, wherever the macro is
    /// defined.
    macros: BTreeMap<String, usize>,
}

/// A file and its module.
pub struct File {
    pub path: PathBuf,
    pub module: Module,
    pub syntax: syn::File,
}

impl File {
    /// Returns the module in the spelling of the table. The root of a crate has the name of the file.
    pub fn name(&self) -> String {
        let root = || self.path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        if self.module.is_empty() { root() } else { self.module.join("/") }
    }
}

impl Tree {
    /// Parses the file `root` and the files of the modules below the folder `inside`.
    ///
    /// # Errors
    ///
    /// Fails if a file cannot be read or parsed, or if a declared module has no file.
    pub fn load(root: &Path, inside: &Path, read: Read<'_>) -> Result<Self> {
        let mut tree = Self { files: Vec::new(), modules: BTreeMap::new(), macros: BTreeMap::new() };
        let text = read(root).with_context(|| format!("cannot read {}", root.display()))?;
        Loader { inside, read, tree: &mut tree }.file(root, &text, Module::new(), folder_of(root))?;
        Ok(tree)
    }

    /// Returns the file of the last module in `path`, or of the exported macro at `path`.
    ///
    /// `from` is the module around the path. A path out of the crate has no file.
    pub fn file_of(&self, from: &[String], path: &[String]) -> Option<usize> {
        if let [root, name] = path
            && root == "crate"
            && let Some(file) = self.macros.get(name)
        {
            return Some(*file);
        }
        let mut segments = path.iter().peekable();
        let mut module = from.to_vec();
        match segments.peek()?.as_str() {
            "crate" => {
                module.clear();
                segments.next();
            }
            "self" => {
                segments.next();
            }
            "super" => {
                while segments.next_if(|segment| *segment == "super").is_some() {
                    module.pop()?;
                }
            }
            name => {
                module.push(name.to_owned());
                self.modules.get(&module)?;
                segments.next();
            }
        }
        for segment in segments {
            module.push(segment.clone());
            if !self.modules.contains_key(&module) {
                module.pop();
                break;
            }
        }
        self.modules.get(&module).copied()
    }
}

struct Loader<'a> {
    inside: &'a Path,
    read: Read<'a>,
    tree: &'a mut Tree,
}

/// A declared module and its possible files.
struct Declared {
    module: Module,
    candidates: Vec<Candidate>,
}

struct Candidate {
    path: PathBuf,
    /// The folder of the modules below the module.
    folder: PathBuf,
}

impl Loader<'_> {
    /// Adds a file and the files of the modules below; the modules are looked for in `folder`.
    fn file(&mut self, path: &Path, text: &str, module: Module, folder: &Path) -> Result<()> {
        let syntax = syn::parse_file(text).map_err(|error| {
            let line = error.span().start().line;
            anyhow!("{}:{line}: cannot be parsed: {error}", path.display())
        })?;
        let index = self.tree.files.len();
        self.tree.modules.insert(module.clone(), index);
        self.tree.macros.extend(exported_macros(&syntax.items).map(|name| (name, index)));
        let declared = self.declared(&syntax.items, index, &module, folder, folder_of(path));
        self.tree.files.push(File { path: path.to_owned(), module, syntax });
        declared.into_iter().try_for_each(|declared| self.declaration(declared))
    }

    /// Returns the modules that `items` declare, and adds inline modules. A `#[path]` starts from the folder `beside`.
    fn declared(
        &mut self,
        items: &[Item],
        index: usize,
        module: &[String],
        folder: &Path,
        beside: &Path,
    ) -> Vec<Declared> {
        let mut all = Vec::new();
        for item in items {
            let Item::Mod(declared) = item else { continue };
            if is_of_tests(&declared.attrs) {
                continue;
            }
            let name = declared.ident.unraw().to_string();
            let module: Module = module.iter().chain([&name]).cloned().collect();
            let given = path_attribute(declared).map(|path| beside.join(path));
            if let Some((_, items)) = &declared.content {
                let folder = given.unwrap_or_else(|| folder.join(&name));
                self.tree.modules.insert(module.clone(), index);
                all.extend(self.declared(items, index, &module, &folder, &folder));
                continue;
            }
            let own = folder.join(&name);
            let candidates = match given {
                Some(path) => vec![Candidate { folder: folder_of(&path).to_owned(), path }],
                None => [folder.join(format!("{name}.rs")), own.join("mod.rs")]
                    .map(|path| Candidate { path, folder: own.clone() })
                    .into(),
            };
            all.push(Declared { module, candidates });
        }
        all
    }

    /// Adds the first existing file of a module. A file outside the package is left out.
    fn declaration(&mut self, Declared { module, candidates }: Declared) -> Result<()> {
        for Candidate { path, folder } in &candidates {
            if !path.starts_with(self.inside) || path.components().any(|part| part.as_os_str() == "..") {
                return Ok(());
            }
            match (self.read)(path) {
                Ok(text) => return self.file(path, &text, module, folder),
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                Err(error) => bail!("cannot read {}: {error}", path.display()),
            }
        }
        bail!("the module {} has no file: {} is missing", module.join("::"), candidates[0].path.display())
    }
}

fn folder_of(file: &Path) -> &Path {
    file.parent().unwrap_or(Path::new(""))
}

/// Returns whether an item with `attributes` is compiled for tests only.
pub fn is_of_tests(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        let Meta::List(list) = &attribute.meta else { return false };
        list.path.is_ident("cfg") && list.tokens.to_string() == "test"
    })
}

fn exported_macros(items: &[Item]) -> impl Iterator<Item = String> {
    items.iter().filter_map(|item| match item {
        Item::Macro(defined) if defined.attrs.iter().any(|it| it.path().is_ident("macro_export")) => {
            defined.ident.as_ref().map(ToString::to_string)
        }
        _ => None,
    })
}

fn path_attribute(declared: &ItemMod) -> Option<String> {
    declared.attrs.iter().find_map(|attribute| match &attribute.meta {
        Meta::NameValue(meta) if meta.path.is_ident("path") => text_of(&meta.value),
        _ => None,
    })
}

/// Returns the text of a literal.
pub fn text_of(value: &Expr) -> Option<String> {
    match value {
        Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => Some(text.value()),
        _ => None,
    }
}
