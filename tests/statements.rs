//! Every statement is one that a database spread over machines can run, and runs well: it names one tenant for each table of
//! tenants; a migration changes placed tables in `DO` blocks only; no `UPDATE` sets a column to an element of an array; no
//! function keeps plans that a cluster cannot make.
//!
//! What is otherwise stands in `tests/facts/statement_exceptions.txt`, each with its reason. That list may only shrink: a line
//! that nothing needs any more fails as well.

mod sources;
mod sql;

use crate::files::{File, files};
use sources::{Function, Schema};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

const EXCEPTIONS: &str = include_str!("facts/statement_exceptions.txt");
/// Migrations before this one had landed before the rule for their DDL.
const FIRST_WITHOUT_BARE_DDL: &str = "migrations/0079";

/// A rule, in the list of exceptions.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Rule {
    Tenant,
    Ddl,
    Element,
    Plans,
}

impl Rule {
    fn parse(text: &str) -> Option<Self> {
        match text {
            "tenant" => Some(Self::Tenant),
            "ddl" => Some(Self::Ddl),
            "element" => Some(Self::Element),
            "plans" => Some(Self::Plans),
            _ => None,
        }
    }
}

/// What breaks a rule, by where it stands: a query's sum, a function's name, a file.
type Findings = BTreeMap<(String, Rule), BTreeSet<String>>;

fn note(findings: &mut Findings, place: &str, rule: Rule, finding: String) {
    findings.entry((place.to_owned(), rule)).or_default().insert(finding);
}

fn judge_statement(
    findings: &mut Findings,
    place: &str,
    statement: &[String],
    tables: &BTreeSet<String>,
    in_function: bool,
) {
    for table in sql::without_tenant(statement, tables, in_function) {
        note(findings, place, Rule::Tenant, format!("names no tenant for {table}: {}", statement.join(" ")));
    }
    for column in sql::set_to_elements(statement) {
        note(
            findings,
            place,
            Rule::Element,
            format!("sets {column} to an element of an array: name it in a sub-select"),
        );
    }
}

fn judge_function(findings: &mut Findings, name: &str, function: &Function, tables: &BTreeSet<String>) {
    for statement in sql::statements(&function.body) {
        judge_statement(findings, name, &statement, tables, true);
        let has = |word: &str| statement.iter().any(|it| it == word);
        if function.keeps_plans && (has("lateral") || has("insert") && has("select")) {
            let call = format!("keeps plans that a cluster cannot make: use select keep_plans('{name}')");
            note(findings, name, Rule::Plans, call);
        }
    }
}

/// The texts of a file that the compiler does not check as queries. What a `QueryBuilder` puts together is judged as one.
fn judge_code(findings: &mut Findings, file: &File, tables: &BTreeSet<String>, checked: &BTreeSet<String>) {
    let is_query = |text: &str| ["select", "insert", "update", "delete", "with"].contains(&text);
    let texts = sources::texts(&file.text).into_iter().map(|text| sql::words(&text));
    let texts: Vec<Vec<String>> = texts.filter(|words| !checked.contains(&words.join(" "))).collect();
    if file.text.contains("QueryBuilder") {
        let names = |alias: &str| {
            let ends = [format!("{alias}.tenant_id"), "=".to_owned()];
            texts.iter().any(|words| words.ends_with(&ends))
        };
        let uses = texts.iter().flat_map(|words| sql::parts(words)).flat_map(|part| sql::uses(&part, tables));
        for used in uses.filter(|used| !names(&used.alias)) {
            note(findings, &file.path, Rule::Tenant, format!("its builder names no tenant for {}", used.table));
        }
    } else {
        for words in texts.iter().filter(|words| words.first().is_some_and(|word| is_query(word)) && words.len() > 3) {
            judge_statement(findings, &file.path, words, tables, false);
        }
    }
}

fn findings() -> Findings {
    let mut findings = Findings::new();
    let schema = Schema::of(&files("migrations", ".sql"));
    for (path, statement) in schema.bare.iter().filter(|(path, _)| path.as_str() >= FIRST_WITHOUT_BARE_DDL) {
        note(&mut findings, path, Rule::Ddl, format!("has to stand in DO $$ BEGIN … END $$: {statement}"));
    }
    let sandbox = Schema::of(&files("src/sandbox", ".sql"));
    for (name, function) in schema.functions.iter().chain(&sandbox.functions) {
        judge_function(&mut findings, name, function, &schema.tenant_tables);
    }
    let queries = sources::checked_queries();
    for (sum, query) in &queries {
        judge_statement(&mut findings, sum, &sql::words(query), &schema.tenant_tables, false);
    }
    let checked = queries.values().map(|query| sql::words(query).join(" ")).collect();
    for file in files("src", ".rs") {
        let is_test =
            file.path.starts_with("src/testing/") || file.path.contains("/tests/") || file.path.ends_with("/tests.rs");
        if !is_test {
            judge_code(&mut findings, &file, &schema.tenant_tables, &checked);
        }
    }
    findings
}

#[test]
fn every_statement_is_fit_for_a_database_spread_over_machines_or_says_why_not() {
    let findings = findings();
    let mut exceptions = BTreeSet::new();
    let mut wrong = String::new();
    for line in EXCEPTIONS.lines().filter(|line| !line.starts_with('#') && !line.is_empty()) {
        let mut words = line.splitn(3, ' ');
        let (place, rule) = (words.next().unwrap_or_default(), words.next().and_then(Rule::parse));
        let has_reason = words.next().is_some_and(|reason| !reason.is_empty());
        let exception = rule.filter(|_| has_reason).map(|rule| (place.to_owned(), rule));
        if !exception.is_some_and(|exception| findings.contains_key(&exception) && exceptions.insert(exception)) {
            writeln!(wrong, "names no rule, gives no reason, stands twice or is not needed any more: {line}")
                .expect("text");
        }
    }
    for ((place, _), findings) in findings.iter().filter(|(key, _)| !exceptions.contains(key)) {
        for finding in findings {
            writeln!(wrong, "{place} {finding}").expect("text");
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn what_is_written_down_of_queries_is_of_those_that_the_code_has() {
    let code: Vec<File> = ["src", "tests"].into_iter().flat_map(|folder| files(folder, ".rs")).collect();
    let has = |query: &str| code.iter().any(|file| file.text.contains(query));
    // A macro may put a query together: then it begins with a text of the code that is long enough to be of no other.
    let texts: Vec<String> = code.iter().flat_map(|file| sources::texts(&file.text)).collect();
    let begins = |query: &str| texts.iter().any(|text| text.len() > 60 && query.starts_with(text));
    let asked = |query: &str| has(query) || has(&query.replace('"', "\\\"")) || begins(query);
    let queries = sources::checked_queries();
    let stale: Vec<&String> = queries.values().filter(|query| !asked(query)).collect();
    assert!(stale.is_empty(), "Run make sqlx. Nobody asks these any more: {stale:#?}");
}

#[test]
fn what_breaks_a_rule_is_found() {
    let tables = BTreeSet::from(["accounts", "domains", "tenants"].map(str::to_owned));
    let missing = |text: &str, in_function| {
        sql::without_tenant(&sql::words(text), &tables, in_function).into_iter().collect::<Vec<_>>().join(" ")
    };
    for (text, expected) in [
        ("select name from domains where tenant_id = $1 and domain_id = $2", ""),
        ("select name from domains where domain_id = $1", "domains"),
        ("select 1 from accounts a join domains d on d.tenant_id = a.tenant_id where a.tenant_id = $1", "domains"),
        ("select 1 from prices p, domains d where d.tenant_id = p.tenant_id", "domains"),
        ("select (select 1 from domains) from accounts where tenant_id = $1", "domains"),
        ("select 1 from accounts where tenant_id = $1 union select 1 from domains", "domains"),
        ("insert into accounts (account_id, tenant_id) values ($1, $2)", ""),
        ("insert into accounts (tenant_id) select u.id from unnest($1) u (id)", "accounts"),
        ("insert into accounts (tenant_id) select t.tenant_id from tenants t, unnest($1) where t.tenant_id = $2", ""),
        ("update accounts set balance = 0 where tenant_id = $1 and balance is distinct from accounts", ""),
        ("delete from accounts -- where tenant_id = $1", "accounts"),
    ] {
        assert_eq!(missing(text, false), expected, "{text}");
    }
    assert_eq!(missing("select 1 from accounts a where a.tenant_id = tenant", true), "");
    assert_eq!(missing("select 1 from accounts a where a.tenant_id = tenant", false), "accounts");
    let set = |text: &str| sql::set_to_elements(&sql::words(text)).join(" ");
    assert_eq!(
        set("update t set a = b[i], c = d[i] + 1, e = coalesce(f[i], g[i]), h = j[k[1]] from x where y = z[1]"),
        "a"
    );
    assert_eq!(set("insert into t values (1) on conflict (a) do update set b = c[1]"), "b");
}

#[test]
fn bare_ddl_on_placed_tables_is_found_and_so_are_the_functions_in_force() {
    let file = |text: &str| File { path: "migrations/0099_x.sql".to_owned(), text: text.to_owned() };
    let schema = Schema::of(&[
        file(
            "create table t (a int); create index t_a on t (a); select place_by_tenant('t'); create view v as select a from t;",
        ),
        file(
            "do $$ begin alter table t add b int; end $$; drop index t_a; alter table t add c int; alter table u add d int;",
        ),
        file(
            "create function f() returns void set plan_cache_mode = force_generic_plan as $$ select 1 from t $$;
              create function g() returns void language sql as $$ select 2 $$; drop function g();",
        ),
    ]);
    let bare: Vec<&str> = schema.bare.iter().map(|(_, statement)| statement.as_str()).collect();
    assert_eq!(bare, ["drop index t_a", "alter table t add c int"]);
    assert_eq!(schema.tenant_tables, BTreeSet::from(["t", "v"].map(str::to_owned)));
    assert_eq!(schema.functions.keys().collect::<Vec<_>>(), ["f"]);
    let mut findings = Findings::new();
    judge_function(&mut findings, "f", &schema.functions["f"], &schema.tenant_tables);
    assert!(findings.contains_key(&("f".to_owned(), Rule::Tenant)));
    let paging = Function { body: "select 1 from u, lateral (select 2) as w".to_owned(), keeps_plans: true };
    judge_function(&mut findings, "paging", &paging, &schema.tenant_tables);
    assert!(findings.contains_key(&("paging".to_owned(), Rule::Plans)));
}
