//! Each parameter of each operation, in one table: `facts/parameters.csv`. Its range is what the document publishes, and what
//! the server does with a value beyond it, with an empty one and with null is what the table says.

use axum::http::Method;
use bss_gateway::testing::{Client, TestApp};
use serde_json::{Map, Value, json};
use sqlx::PgPool;
use std::collections::BTreeMap;

const TABLE: &str = include_str!("facts/parameters.csv");
const HEADER: &str = "operation,parameter,in,range,empty,null";
/// Examples may contain themselves; deeper than this nothing is needed.
const DEPTH_MAX: usize = 6;

/// An operation of the document.
struct Operation<'d> {
    id: &'d str,
    method: Method,
    path: &'d str,
    found: &'d Value,
}

/// A parameter of the query, or a field of the body.
struct Parameter {
    name: String,
    place: &'static str,
    schema: Value,
    is_required: bool,
}

fn document() -> Value {
    serde_json::to_value(bss_gateway::operations().document()).expect("the document serialises")
}

/// The schema behind references and behind "or null".
fn resolve(document: &Value, schema: &Value) -> Value {
    let mut schema = schema.clone();
    loop {
        let next = if let Some(reference) = schema["$ref"].as_str() {
            document.pointer(reference.trim_start_matches('#')).cloned()
        } else {
            let alternatives = ["oneOf", "anyOf", "allOf"].iter().find_map(|key| schema[key].as_array());
            alternatives.into_iter().flatten().find(|alternative| alternative["type"] != "null").cloned()
        };
        match next {
            Some(next) => schema = next,
            None => return schema,
        }
    }
}

fn operations(document: &Value) -> Vec<Operation<'_>> {
    let mut operations = Vec::new();
    for (path, item) in document["paths"].as_object().expect("a map") {
        for (method, found) in item.as_object().expect("a map") {
            // The identity service's are another vendor's, with rules of its own.
            if found["x-policy"]["service"] == "bss" {
                let id = found["operationId"].as_str().expect("a text");
                operations.push(Operation {
                    id,
                    method: method.to_uppercase().parse().expect("a method"),
                    path,
                    found,
                });
            }
        }
    }
    operations.sort_by_key(|operation| operation.id);
    operations
}

impl Operation<'_> {
    fn body(&self, document: &Value) -> Value {
        resolve(document, &self.found["requestBody"]["content"]["application/json"]["schema"])
    }

    fn parameters(&self, document: &Value) -> Vec<Parameter> {
        let query = self.found["parameters"].as_array().into_iter().flatten().filter(|found| found["in"] == "query");
        let query = query.map(|found| Parameter {
            name: found["name"].as_str().expect("a name").to_owned(),
            place: "query",
            schema: resolve(document, &found["schema"]),
            is_required: found["required"] == true,
        });
        let body = self.body(document);
        let required = body["required"].as_array().cloned().unwrap_or_default();
        let fields = body["properties"].as_object().cloned().unwrap_or_default().into_iter();
        let fields = fields.map(|(name, schema)| Parameter {
            is_required: required.contains(&json!(name)),
            place: "body",
            schema: resolve(document, &schema),
            name,
        });
        query.chain(fields).collect()
    }

    /// A target with an example of everything that is required, and of the parameters given.
    fn target(&self, document: &Value, given: &[(&str, &str)]) -> String {
        let mut target = self.path.to_owned();
        let parameters = self.found["parameters"].as_array().into_iter().flatten();
        for found in parameters.filter(|found| found["in"] == "path") {
            let name = format!("{{{}}}", found["name"].as_str().expect("a name"));
            target = target.replace(&name, &text(&example(document, &found["schema"], 0)));
        }
        let mut query: BTreeMap<String, String> = BTreeMap::new();
        for parameter in self.parameters(document).into_iter().filter(|it| it.is_required && it.place == "query") {
            query.insert(parameter.name, text(&example(document, &parameter.schema, 0)));
        }
        query.extend(given.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        let encoded = form_urlencoded::Serializer::new(String::new()).extend_pairs(&query).finish();
        if encoded.is_empty() { target } else { format!("{target}?{encoded}") }
    }

    /// The field that a request is refused for, if it is refused for one.
    async fn refused_field(&self, client: &Client<'_>, target: &str, body: &Value) -> Option<String> {
        let body = if self.found["requestBody"].is_null() { String::new() } else { body.to_string() };
        let trial = [("x-dry-run", "true")];
        let headers = if self.found["x-policy"]["writes"] == true { &trial[..] } else { &[] };
        let answer = client.call(self.method.clone(), target, headers, &body).await;
        let told = answer.body["error_msg"].as_str().unwrap_or_default().to_owned();
        let field = told.strip_prefix("Parameter error. ")?.split(':').next()?;
        Some(field.to_owned())
    }
}

/// A value that a schema allows.
fn example(document: &Value, schema: &Value, depth: usize) -> Value {
    let schema = resolve(document, schema);
    let given = [&schema["example"], &schema["examples"][0], &schema["default"], &schema["enum"][0]];
    if let Some(given) = given.into_iter().find(|given| !given.is_null()) {
        return given.clone();
    }
    let kind = match &schema["type"] {
        Value::Array(kinds) => kinds.first().cloned().unwrap_or_default(),
        kind => kind.clone(),
    };
    match kind.as_str().unwrap_or_default() {
        "integer" | "number" => schema["minimum"].as_i64().map_or(json!(1), |minimum| json!(minimum)),
        "boolean" => json!(false),
        "array" if depth < DEPTH_MAX => json!([example(document, &schema["items"], depth + 1)]),
        "object" if depth < DEPTH_MAX => {
            let required = schema["required"].as_array().cloned().unwrap_or_default();
            let fields = required.iter().filter_map(Value::as_str);
            let field = |name: &str| (name.to_owned(), example(document, &schema["properties"][name], depth + 1));
            Value::Object(fields.map(field).collect::<Map<_, _>>())
        }
        _ => json!("x"),
    }
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// What the document says of a parameter's values.
fn range(schema: &Value) -> String {
    let number = |name: &str| schema[name].as_i64().map(|number| number.to_string()).unwrap_or_default();
    let between = |least: &str, most: &str, unit: &str| {
        let (least, most) = (number(least), number(most));
        if least.is_empty() && most.is_empty() { String::new() } else { format!("{least}..{most}{unit}") }
    };
    if let Some(values) = schema["enum"].as_array() {
        return format!("one of {}", values.len());
    }
    let ranges = [
        between("minimum", "maximum", ""),
        between("minLength", "maxLength", " characters"),
        between("minItems", "maxItems", " items"),
    ];
    ranges.into_iter().find(|range| !range.is_empty()).unwrap_or_default()
}

fn caller(operation: &Operation<'_>) -> &'static str {
    let callers = operation.found["x-policy"]["callers"].as_array().cloned().unwrap_or_default();
    let accounts = [("partner", "demo-partner"), ("distributor", "demo-distributor"), ("customer", "demo-customer")];
    let may = accounts.iter().find(|(kind, _)| callers.contains(&json!(kind)));
    may.map_or("demo-master", |(_, account)| account)
}

/// Whether a parameter is refused by its name: as it is, or as the first of its items or fields.
fn is_named(refused: Option<String>, name: &str) -> bool {
    refused.is_some_and(|field| {
        field == name || field.starts_with(&format!("{name}.")) || field.starts_with(&format!("{name}["))
    })
}

/// Published values that a caller of another kind can send, or that want another parameter beside them.
const NOT_ALONE: [(&str, &str, &str); 3] = [
    ("CreateFileSubscription", "kind", "resellers"),
    ("RequestExport", "kind", "resellers"),
    ("ListCustomerselfResourceRecordDetails", "query_type", "DAILY"),
];

#[sqlx::test]
async fn every_parameter_has_the_range_and_takes_the_empty_values_that_the_table_says(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let document = document();
    let (mut rows, mut beyond) = (vec![HEADER.to_owned()], Vec::new());
    for operation in operations(&document) {
        let client = app.client(caller(&operation));
        let bare = example(&document, &operation.body(&document), 0);
        for Parameter { name, place, schema, .. } in operation.parameters(&document) {
            let with = async |value: Value| {
                let given = text(&value);
                let (target, body) = if place == "query" {
                    (operation.target(&document, &[(&name, &given)]), bare.clone())
                } else {
                    let mut body = bare.clone();
                    body[&name] = value;
                    (operation.target(&document, &[]), body)
                };
                is_named(operation.refused_field(&client, &target, &body).await, &name)
            };
            let word = |is_refused: bool| if is_refused { "refused" } else { "taken" };
            let empty = word(with(json!("")).await);
            let null = if place == "query" { "" } else { word(with(Value::Null).await) };
            let bounds =
                [schema["minimum"].as_i64().map(|least| least - 1), schema["maximum"].as_i64().map(|most| most + 1)];
            let values = schema["enum"].as_array().into_iter().flatten().filter(|value| !value.is_null());
            for value in values {
                let is_of_others =
                    NOT_ALONE.iter().any(|(id, field, of)| (operation.id, &*name) == (*id, *field) && value == of);
                if with(value.clone()).await && !is_of_others {
                    beyond.push(format!("{} refuses {name} = {value}", operation.id));
                }
            }
            for bound in bounds.into_iter().flatten() {
                if !with(json!(bound)).await {
                    beyond.push(format!("{} takes {name} = {bound}", operation.id));
                }
            }
            rows.push(format!("{},{name},{place},{},{empty},{null}", operation.id, range(&schema)));
        }
    }
    let table: Vec<&str> = TABLE.lines().filter(|line| !line.starts_with('#')).collect();
    let told: Vec<&String> = rows.iter().filter(|row| !table.contains(&row.as_str())).collect();
    let gone: Vec<&&str> = table.iter().filter(|row| !rows.iter().any(|found| found == **row)).collect();
    assert!(told.is_empty() && gone.is_empty(), "tests/facts/parameters.csv says\n{gone:#?}\nbut it is\n{told:#?}");
    assert_eq!(beyond, Vec::<String>::new());
}
