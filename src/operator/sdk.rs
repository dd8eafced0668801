//! A logged call as Python code with the vendor's SDK.
//!
//! The SDK's names follow from the contract's, which the document of the API repeats: the operation `ListCities` is the
//! method `list_cities` and takes a `ListCitiesRequest`; a model's class has the model's name.

use crate::api::recorder::Entry;
use crate::api::recorder::json::{DEPTH_MAX, Node, quoted};
use crate::api::recorder::mask::MASK;
use crate::identity::directory::TEMPORARY_KEY_PREFIX;
use crate::operator::curl::base;
use anyhow::{Context, bail, ensure};
use serde_json::Value;
use serde_json::value::RawValue;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::net::SocketAddr;
use std::sync::LazyLock;

/// The one header that the SDK's requests have a field for.
const LANGUAGE: &str = "x-language";
/// Headers that change what a call does and that the SDK has no field for.
const UNKNOWN_TO_THE_SDK: [&str; 3] = ["idempotency-key", "x-dry-run", "x-sandbox-fault"];
/// Fields of models on both sites that only the international SDK knows.
const INTERNATIONAL_FIELDS: [&str; 2] = ["email", "domain_area"];

static DOCUMENT: LazyLock<Value> =
    LazyLock::new(|| serde_json::to_value(crate::operations().document()).expect("the document serialises"));

/// The code. Secrets are taken from the environment.
pub fn code(entry: &Entry, listen: SocketAddr) -> anyhow::Result<String> {
    let id = entry.operation.context("there is no operation at this path")?;
    let (path, operation) = find(id).context("there is no such operation")?;
    // Tokens and the like the SDK asks for by itself; our own operations and the forms of older SDKs it does not know.
    let is_known = !path.starts_with("/partner/") && operation["tags"][0] != "legacy";
    let is_the_vendors = operation["x-policy"]["service"] == "bss" && is_known;
    ensure!(is_the_vendors, "the SDK for business has no operation {id}");

    let mut imports = BTreeSet::from([format!("{id}Request")]);
    let mut arguments = Vec::new();
    for (name, values) in parameters(path, operation, entry)? {
        arguments.push(format!("{}={values}", snake_case(&name)));
    }
    let mut is_international = operation["x-policy"]["site"] == "intl";
    if let Some(body) = &entry.body {
        ensure!(!body.cut, "its body was too long to be kept");
        let value: &RawValue = serde_json::from_str(&body.text).context("its body is no JSON")?;
        let Node::Object(fields) = Node::of(value) else { bail!("its body is no JSON object") };
        is_international |= fields.iter().any(|(name, _)| INTERNATIONAL_FIELDS.contains(&name.as_str()));
        let schema = &operation["requestBody"]["content"]["application/json"]["schema"];
        arguments.push(format!("body={}", python(value, schema, &mut imports, 2)));
    }
    let (package, client) =
        if is_international { ("huaweicloudsdkbssintl", "BssintlClient") } else { ("huaweicloudsdkbss", "BssClient") };
    imports.insert(client.to_owned());

    let base = quoted(&base(&entry.headers, listen));
    let mut text = format!("import os\n\nos.environ[\"HUAWEICLOUD_SDK_IAM_ENDPOINT\"] = {base}\n");
    text.push_str("from huaweicloudsdkcore.auth.credentials import GlobalCredentials\n");
    let _ = writeln!(text, "from {package}.v2 import {}\n", imports.into_iter().collect::<Vec<_>>().join(", "));
    text.push_str(&credentials(entry));
    let _ = writeln!(
        text,
        "client = {client}.new_builder().with_credentials(credentials).with_endpoints([{base}]).build()"
    );
    for name in UNKNOWN_TO_THE_SDK.into_iter().filter(|name| entry.headers.contains_key(*name)) {
        let _ = writeln!(text, "# The call had the header {name}, which the SDK cannot send.");
    }
    let arguments = arguments.iter().fold(String::new(), |all, one| all + "\n    " + one + ",");
    let end = if arguments.is_empty() { "" } else { "\n" };
    if arguments.contains(MASK) {
        let _ = writeln!(text, "# Where it says {MASK}, write what is hidden here.");
    }
    let _ = writeln!(text, "request = {id}Request({arguments}{end})");
    let _ = writeln!(text, "print(client.{}(request))", snake_case(id));
    Ok(text)
}

fn credentials(entry: &Entry) -> String {
    let access_key = entry.credential.as_deref().filter(|credential| *credential != "token");
    let is_temporary = access_key.is_some_and(|key| key.starts_with(TEMPORARY_KEY_PREFIX));
    let access_key = access_key.map_or_else(|| "os.environ[\"ACCESS_KEY\"]".to_owned(), quoted);
    let token = if is_temporary { ".with_security_token(os.environ[\"SECURITY_TOKEN\"])" } else { "" };
    format!("credentials = GlobalCredentials({access_key}, os.environ[\"SECRET_KEY\"]){token}\n")
}

/// An operation of the document, with its path.
fn find(id: &str) -> Option<(&'static str, &'static Value)> {
    let paths = DOCUMENT["paths"].as_object()?.iter();
    let operations =
        paths.flat_map(|(path, item)| item.as_object().into_iter().flatten().map(move |(_, of)| (path, of)));
    operations.into_iter().find(|(_, of)| of["operationId"] == id).map(|(path, of)| (path.as_str(), of))
}

/// The parameters that the call gave, as Python writes their values.
fn parameters(path: &str, operation: &Value, entry: &Entry) -> anyhow::Result<BTreeMap<String, String>> {
    let mut given: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (template, part) in path.split('/').zip(entry.path.split('/')) {
        if let Some(name) = template.strip_prefix('{').and_then(|name| name.strip_suffix('}')) {
            let part = percent_encoding::percent_decode_str(part).decode_utf8()?;
            given.entry(name.to_owned()).or_default().push(part.into_owned());
        }
    }
    for (name, value) in form_urlencoded::parse(entry.query.as_bytes()) {
        given.entry(name.into_owned()).or_default().push(value.into_owned());
    }
    if let Some(language) = entry.headers.get(LANGUAGE) {
        given.insert("X-Language".to_owned(), vec![language.to_str()?.to_owned()]);
    }
    let declared = operation["parameters"].as_array().into_iter().flatten();
    let declared: BTreeMap<&str, &Value> =
        declared.filter_map(|parameter| Some((parameter["name"].as_str()?, &parameter["schema"]))).collect();
    let known = given.into_iter().filter_map(|(name, values)| {
        // The SDK sends nothing that it does not know.
        let is_number = declared.get(name.as_str())?["type"] == "integer";
        let write = |value: &String| match value.parse::<i64>() {
            Ok(number) if is_number => number.to_string(),
            _ => quoted(value),
        };
        let written = match values.as_slice() {
            [value] => write(value),
            values => format!("[{}]", values.iter().map(write).collect::<Vec<_>>().join(", ")),
        };
        Some((name, written))
    });
    Ok(known.collect())
}

/// A value of a body: an object of the model that the schema names, else what JSON is in Python.
fn python(value: &RawValue, schema: &Value, imports: &mut BTreeSet<String>, depth: usize) -> String {
    let (model, schema) = resolve(schema);
    if depth > DEPTH_MAX {
        return "None".to_owned();
    }
    let end = format!("\n{}", "    ".repeat(depth - 1));
    let line = format!("\n{}", "    ".repeat(depth));
    match Node::of(value) {
        Node::Object(fields) => {
            let is_known = |(name, _): &(String, &RawValue)| schema["properties"].get(name).is_some();
            let class = model.filter(|_| fields.iter().all(is_known));
            let mut text = class.map_or_else(|| "{".to_owned(), |class| format!("{class}("));
            for (name, value) in &fields {
                let written = python(value, &schema["properties"][name], imports, depth + 1);
                text.push_str(&line);
                let _ = match class {
                    Some(_) => write!(text, "{}={written},", snake_case(name)),
                    None => write!(text, "{}: {written},", quoted(name)),
                };
            }
            imports.extend(class.map(str::to_owned));
            text + &end + if class.is_some() { ")" } else { "}" }
        }
        Node::Array(values) => {
            let written =
                values.into_iter().map(|value| python(value, &schema["items"], imports, depth)).collect::<Vec<_>>();
            format!("[{}]", written.join(", "))
        }
        Node::Text(text) => quoted(&text),
        Node::Plain("true") => "True".to_owned(),
        Node::Plain("false") => "False".to_owned(),
        Node::Plain("null") => "None".to_owned(),
        Node::Plain(number) => number.to_owned(),
    }
}

/// The schema itself where it is named elsewhere, with its name.
fn resolve(schema: &Value) -> (Option<&'static str>, &Value) {
    let named = |schema: &Value| schema["$ref"].as_str().and_then(|path| path.rsplit('/').next()).map(str::to_owned);
    let choices = ["oneOf", "allOf", "anyOf"].into_iter().flat_map(|key| schema[key].as_array().into_iter().flatten());
    let name = named(schema).or_else(|| choices.into_iter().find_map(named));
    let schemas = DOCUMENT["components"]["schemas"].as_object();
    match name.and_then(|name| schemas?.get_key_value(&name)) {
        Some((name, schema)) => (Some(name.as_str()), schema),
        None => (None, schema),
    }
}

/// `ListCities` is `list_cities`, `X-Language` is `x_language`.
fn snake_case(name: &str) -> String {
    let mut snake = String::with_capacity(name.len() + 8);
    for letter in name.chars() {
        if letter.is_ascii_uppercase() && !snake.is_empty() && !snake.ends_with('_') {
            snake.push('_');
        }
        snake.push(if letter == '-' { '_' } else { letter.to_ascii_lowercase() });
    }
    snake
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_become_those_of_the_sdk() {
        let names = ["ListCustomerselfResourceRecords", "X-Language", "resource_Type_code", "addressInfo", "limit"];
        let expected =
            ["list_customerself_resource_records", "x_language", "resource_type_code", "address_info", "limit"];
        assert_eq!(names.map(snake_case), expected);
    }

    #[test]
    fn a_body_is_written_with_the_classes_of_its_models() {
        let body = r#"{"project_id":"any","inquiry_precision":0,"product_infos":[{"id":"1","usage_value":1.50}]}"#;
        let value: &RawValue = serde_json::from_str(body).expect("it is JSON");
        let (_, operation) = find("ListOnDemandResourceRatings").expect("it is built");
        let schema = &operation["requestBody"]["content"]["application/json"]["schema"];
        let mut imports = BTreeSet::new();
        let written: String = python(value, schema, &mut imports, 1).split_whitespace().collect();
        let expected = r#"RateOnDemandReq(project_id="any",inquiry_precision=0,product_infos=[DemandProductInfo(id="1",usage_value=1.50,)],)"#;
        assert_eq!(written, expected);
        assert_eq!(imports.into_iter().collect::<Vec<_>>(), ["DemandProductInfo", "RateOnDemandReq"]);
    }
}
