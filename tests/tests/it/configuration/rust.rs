//! Finds the variables that Rust code reads through `Env`, and their defaults where these are literals.

use crate::pattern::pattern;
use std::collections::{BTreeMap, BTreeSet};

use regex::Regex;

/// One place that reads a variable.
#[derive(Debug, PartialEq, Eq)]
pub struct Read {
    pub variable: String,
    /// As it is written in `.env`; None where it is worked out.
    pub default: Option<String>,
    pub file: String,
}

/// A file without comments and tests.
#[derive(Debug)]
pub struct Source {
    pub file: String,
    code: String,
}

impl Source {
    pub fn new(file: String, text: &str) -> Self {
        Self { file, code: without_tests(without_comments(text)) }
    }
}

/// A function or closure that reads the variable whose name it is given.
struct Reader {
    name: String,
    /// Of the parameters, the variable and the default.
    variable: usize,
    default: Option<usize>,
}

/// Everything that is read, and the places that read what cannot be told.
pub fn reads(sources: &[Source]) -> (Vec<Read>, BTreeSet<String>) {
    let constants = constants(sources);
    let (mut reads, mut unclear) = (Vec::new(), BTreeSet::new());
    let mut readers = Vec::new();
    let accessor = pattern!(r"(?:\benv|\bEnv::load\(\)\?)\s*\.\s*([a-z_]+)(?:::<[^>]*>)?\(");
    for source in sources {
        for call in accessor.find_iter(&source.code) {
            let arguments = arguments(&source.code, call.end());
            let (Some(first), second) = (arguments.first(), arguments.get(1)) else { continue };
            let file = &source.file;
            let read = |variable| Read {
                variable,
                default: second.and_then(|text| literal(text, file, &constants)),
                file: file.clone(),
            };
            let before = &source.code[..call.start()];
            if let Some(variable) = variable(first, file, &constants) {
                reads.push(read(variable));
            } else if let Some(each) = each_of(before, first, file, &constants) {
                reads.extend(each.iter().filter_map(|name| variable(name, file, &constants)).map(read));
            } else if is_name(first) {
                match reader(before, first, second.map(String::as_str)) {
                    Some((reader, Scope::File)) => reads.extend(reads_through(&reader, source, &constants)),
                    Some((reader, Scope::Workspace)) => readers.push(reader),
                    None => drop(unclear.insert(format!("{file}: {}{first}", call.as_str()))),
                }
            }
        }
    }
    for reader in &readers {
        reads.extend(sources.iter().flat_map(|source| reads_through(reader, source, &constants)));
    }
    (reads, unclear)
}

#[derive(Clone, Copy)]
enum Scope {
    File,
    Workspace,
}

/// Who encloses this call: the nearest function or named closure before it that has a parameter of this name.
fn reader(before: &str, variable: &str, default: Option<&str>) -> Option<(Reader, Scope)> {
    let opening = pattern!(r"(?:\bfn (\w+)(?:<[^>]*>)?\(([^)]*)\)|\blet (\w+) = (?:move )?\|([^|]*)\|)");
    let found = opening.captures_iter(before).last()?;
    let whole = found.get(0)?;
    let is_parameter = |parameters: &str| parameters.split([',', ':']).any(|part| part.trim() == variable);
    // A closure without a name in between has a parameter of this name.
    if pattern!(r"\|([^|]*)\|").captures_iter(&before[whole.end()..]).any(|closure| is_parameter(&closure[1]))
    {
        return None;
    }
    let (name, parameters, scope) = match found.get(1) {
        Some(name) => (name, found.get(2)?, Scope::Workspace),
        None => (found.get(3)?, found.get(4)?, Scope::File),
    };
    let names: Vec<&str> =
        parameters.as_str().split(',').map(|p| p.split(':').next().unwrap_or(p).trim()).collect();
    let place = |name: &str| names.iter().position(|parameter| *parameter == name);
    let reader = Reader {
        name: name.as_str().to_owned(),
        variable: place(variable)?,
        default: default.and_then(place),
    };
    Some((reader, scope))
}

/// The elements of a list that a closure in this statement is given one by one as `name`; none when it is no such
/// name.
fn each_of(before: &str, name: &str, file: &str, constants: &Constants) -> Option<Vec<String>> {
    let statement = before.rsplit(';').next()?;
    let closure = pattern!(r"(\[[^\]]*\]|[A-Z][A-Z0-9_]*)\s*\.\s*into_iter\(\)\s*\.\s*\w+\(\s*\|(\w+)\|");
    let found = closure.captures_iter(statement).last().filter(|found| &found[2] == name)?;
    let here = constants.get(&(file.to_owned(), found[1].to_owned()));
    let list = here.map_or(&found[1], String::as_str).trim_matches(['[', ']']);
    Some(list.split(',').map(|element| element.trim().to_owned()).collect())
}

fn reads_through(reader: &Reader, source: &Source, constants: &Constants) -> Vec<Read> {
    let call = Regex::new(&format!(r"\b{}\(", reader.name)).unwrap();
    let calls = call.find_iter(&source.code).map(|call| arguments(&source.code, call.end()));
    let reads = calls.filter_map(|arguments| {
        let default = reader.default.and_then(|place| arguments.get(place));
        Some(Read {
            variable: variable(arguments.get(reader.variable)?, &source.file, constants)?,
            default: default.and_then(|text| literal(text, &source.file, constants)),
            file: source.file.clone(),
        })
    });
    reads.collect()
}

/// Values of constants by file and name, and by name alone where it is the only one.
type Constants = BTreeMap<(String, String), String>;

fn constants(sources: &[Source]) -> Constants {
    let constant = pattern!(r"\bconst ([A-Z][A-Z0-9_]*): (?:\[[^\]]*\]|[^=;\[]+) =\s*([^;]+);");
    let mut constants = Constants::new();
    let mut ambiguous = BTreeSet::new();
    for source in sources {
        for found in constant.captures_iter(&source.code) {
            let (name, value) = (found[1].to_owned(), found[2].trim().to_owned());
            constants.insert((source.file.clone(), name.clone()), value.clone());
            if constants
                .insert((String::new(), name.clone()), value.clone())
                .is_some_and(|other| other != value)
            {
                ambiguous.insert(name);
            }
        }
    }
    constants.retain(|(file, name), _| !file.is_empty() || !ambiguous.contains(name));
    constants
}

/// A default as `.env` would say it.
fn literal(text: &str, file: &str, constants: &Constants) -> Option<String> {
    let text = text.trim().trim_start_matches('&');
    let ip = pattern!(r"^(?:IpAddr::from\(Ipv4Addr::LOCALHOST\)|Ipv4Addr::LOCALHOST)$");
    let address = pattern!(r"^(?:local\((\w+)\)|.*(?:Ipv4Addr::LOCALHOST|\[127, 0, 0, 1\]), (\w+)\).*)$");
    let number = pattern!(r"^(-?\d[\d_]*(?:\.\d+)?)(?:_?[iuf]\d+)?$");
    let non_zero = pattern!(r"^NonZero\w+::new\((\d+)\)");
    let variant = pattern!(r"^[A-Z][a-z]\w*::([A-Z][a-z]+)$");
    let constant = pattern!(r"^(?:\w+::)*([A-Z][A-Z0-9_]*)$");
    if let Some(quoted) = text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) {
        return Some(quoted.to_owned());
    }
    if ip.is_match(text) {
        return Some("127.0.0.1".to_owned());
    }
    if let Some(found) = address.captures(text) {
        let port = found.get(1).or(found.get(2))?.as_str();
        return Some(format!("127.0.0.1:{}", literal(port, file, constants)?));
    }
    if let Some(found) = number.captures(text) {
        return Some(found[1].replace('_', ""));
    }
    if let Some(found) = non_zero.captures(text).or(variant.captures(text)) {
        return Some(found[1].to_lowercase());
    }
    let name = constant.captures(text)?[1].to_owned();
    let here = constants.get(&(file.to_owned(), name.clone()));
    let value = here.or_else(|| constants.get(&(String::new(), name)))?;
    literal(value, file, constants)
}

/// The name of a variable, or a constant that is one.
fn variable(argument: &str, file: &str, constants: &Constants) -> Option<String> {
    let name = literal(argument, file, constants)?;
    let fits = name.starts_with(|c: char| c.is_ascii_uppercase())
        && name.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_');
    fits.then_some(name)
}

fn is_name(argument: &str) -> bool {
    !argument.is_empty() && argument.chars().all(|c| c.is_ascii_lowercase() || c == '_')
}

/// The arguments of a call whose parenthesis has just been opened.
fn arguments(code: &str, from: usize) -> Vec<String> {
    let (mut depth, mut in_text, mut arguments) = (1_usize, false, vec![String::new()]);
    let mut characters = code[from..].chars();
    while let Some(c) = characters.next() {
        match c {
            '\\' if in_text => {
                arguments.last_mut().unwrap().extend([Some(c), characters.next()].into_iter().flatten());
                continue;
            }
            '"' => in_text = !in_text,
            '(' | '[' | '{' if !in_text => depth += 1,
            ')' | ']' | '}' if !in_text => depth -= 1,
            ',' if !in_text && depth == 1 => {
                arguments.push(String::new());
                continue;
            }
            _ => {}
        }
        if depth == 0 {
            break;
        }
        arguments.last_mut().unwrap().push(c);
    }
    arguments
        .iter()
        .map(|argument| argument.trim().to_owned())
        .filter(|argument| !argument.is_empty())
        .collect()
}

fn without_comments(text: &str) -> String {
    let token = pattern!(r#"(?s)("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)')|//[^\n]*|/\*.*?\*/"#);
    token.replace_all(text, "$1").into_owned()
}

/// Without what only a build of the tests has: modules of tests, and failpoints.
fn without_tests(mut code: String) -> String {
    let opening = pattern!(
        r#"#\[cfg\((?:test|feature = "[^"]*")\)\]\s*(?:#\[[^\n]*\]\s*)*(?:pub(?:\([a-z]+\))? )?mod \w+ \{"#
    );
    while let Some(found) = opening.find(&code).map(|found| found.range()) {
        let body = length_of_block(&code[found.end..]);
        code.replace_range(found.start..found.end + body, "");
    }
    code
}

/// Up to and with the brace that closes what is open.
fn length_of_block(code: &str) -> usize {
    let token = pattern!(r##"(?s)r#".*?"#|"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)'|[{}]"##);
    let mut depth = 1_usize;
    for found in token.find_iter(code) {
        match found.as_str() {
            "{" => depth += 1,
            "}" => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return found.end();
        }
    }
    code.len()
}

#[test]
fn variables_are_found_where_they_are_read_through_others_too() {
    let text = r#"
        const PORT: u16 = 50_051; // env.text("NOT_READ", "")
        const FIRST: &str = "IN_A_CONSTANT";
        const NAMES: [&str; 2] =
            ["THIRD", FIRST];
        const LONG: &str = "a, b";
        pub fn from_env(env: &Env, variable: &'static str) { env.optional(variable) }
        fn config(env: &Env) {
            let own = |name, default: &'static str| { let text = env.text(name, default); };
            own("OWN", "x");
            env.value("ADDRESS", SocketAddr::from(([127, 0, 0, 1], PORT)))?;
            env.text("LIST", LONG);
            self.env.seconds("PAUSE", 5_u64)?;
            Config::from_env(env, "THROUGH");
            somewhere.map(|it| env.optional(it.name));
            for word in words { env.optional(word); }
            words.map(|variable| env.optional(variable));
            NAMES.into_iter().find_map(|each| env.optional(each));
            [FIRST, "SECOND"].into_iter().find_map(|name| Some((name, env.optional(name)?)));
        }
        #[cfg(test)]
        mod tests { fn f() { env.text("OF_A_TEST", "{"); } }
        fn after(env: &Env) { Env::load()?.value("AFTER", Format::Pretty) }
    "#;
    let (reads, unclear) = reads(&[Source::new("f.rs".into(), text)]);
    let found: BTreeSet<(&str, Option<&str>)> =
        reads.iter().map(|read| (read.variable.as_str(), read.default.as_deref())).collect();
    let wanted = [
        ("ADDRESS", Some("127.0.0.1:50051")),
        ("AFTER", Some("pretty")),
        ("IN_A_CONSTANT", None),
        ("LIST", Some("a, b")),
        ("OWN", Some("x")),
        ("PAUSE", Some("5")),
        ("SECOND", None),
        ("THIRD", None),
        ("THROUGH", None),
    ];
    assert_eq!(found, wanted.into());
    let wanted = ["variable", "word"].map(|name| format!("f.rs: env.optional({name}"));
    assert_eq!(unclear, wanted.into());
}
