//! The document against openapi/contract.json, the wire facts of the vendor's SDKs: ids, paths, parameters, fields, types.
//!
//! Fields beyond the contract are allowed in an answer, and in a request where they are optional.

use serde_json::{Map, Value};
use std::collections::{BTreeSet, HashMap};

const CONTRACT: &str = include_str!("../openapi/contract.json");
/// Models may contain themselves; deeper than this nothing new comes.
const DEPTH_MAX: usize = 6;

struct Comparison<'a> {
    models: &'a Map<String, Value>,
    document: &'a Value,
    namespace: &'a str,
    differences: Vec<String>,
}

#[test]
fn every_operation_of_the_contract_is_built_and_conforms_to_it() {
    let contract: Value = serde_json::from_str(CONTRACT).expect("the contract is JSON");
    let document = document();
    let mut differences = Vec::new();
    for operation in contract["operations"].as_array().expect("a list") {
        let id = operation["id"].as_str().expect("a text");
        let Some(found) = find(&document, operation) else {
            differences.push(format!("{id}: is not there"));
            continue;
        };
        let mut comparison = Comparison {
            models: contract["models"].as_object().expect("a map"),
            document: &document,
            namespace: operation["namespace"].as_str().expect("a text"),
            differences: Vec::new(),
        };
        comparison.operation(operation, found);
        differences.extend(comparison.differences.into_iter().map(|difference| format!("{id}: {difference}")));
    }
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

fn document() -> Value {
    serde_json::to_value(bss_gateway::operations().document()).expect("the document serialises")
}

/// The operation of the same method and path; parameters in paths may be named differently.
fn find<'a>(document: &'a Value, operation: &Value) -> Option<&'a Value> {
    let wanted = without_names(operation["path"].as_str()?);
    let paths = document["paths"].as_object()?;
    let (_, item) = paths.iter().find(|(path, _)| without_names(path) == wanted)?;
    item.get(operation["method"].as_str()?.to_lowercase())
}

fn without_names(path: &str) -> String {
    path.split('/').map(|segment| if segment.starts_with('{') { "{}" } else { segment }).collect::<Vec<_>>().join("/")
}

impl Comparison<'_> {
    fn operation(&mut self, contract: &Value, found: &Value) {
        if found["operationId"] != contract["id"] {
            self.differences.push(format!("operationId is {}", found["operationId"]));
        }
        let parameters = found["parameters"].as_array().cloned().unwrap_or_default();
        for wanted in contract["params"].as_array().expect("a list") {
            let place = format!("{} {}", wanted["in"], wanted["name"]);
            let is_wanted = |parameter: &&Value| {
                let names = (parameter["name"].as_str(), wanted["name"].as_str());
                let (Some(name), Some(wanted_name)) = names else { return false };
                name.eq_ignore_ascii_case(wanted_name) && parameter["in"] == wanted["in"]
            };
            let Some(parameter) = parameters.iter().find(is_wanted) else {
                self.differences.push(format!("{place}: missing"));
                continue;
            };
            let required = parameter["required"].as_bool().unwrap_or_default();
            if Some(required) != wanted["required"].as_bool() && wanted["in"] != "path" {
                self.differences.push(format!("{place}: required is {required}"));
            }
            self.same_type(&wanted["type"], &parameter["schema"], &place, true, 0);
        }
        if let Some(body) = contract["body"].as_str() {
            let schema = &found["requestBody"]["content"]["application/json"]["schema"];
            self.same_type(&Value::from(body), schema, "body", true, 0);
        }
        let response = contract["response"].as_str().expect("a text");
        if self.model(response).is_some() {
            let responses = found["responses"].as_object().expect("a map");
            let (_, success) = responses.iter().find(|(status, _)| status.starts_with('2')).expect("a success");
            let schema = &success["content"]["application/json"]["schema"];
            self.same_type(&Value::from(response), schema, "response", false, 0);
        }
    }

    fn model(&self, name: &str) -> Option<&Vec<Value>> {
        let model = self.models.get(&format!("{}{name}", self.namespace)).or_else(|| self.models.get(name));
        model.and_then(Value::as_array)
    }

    fn same_type(&mut self, wanted: &Value, schema: &Value, place: &str, is_request: bool, depth: usize) {
        let wanted = wanted.as_str().expect("a type is a text");
        let schema = self.resolve(schema);
        let kinds = kinds(&schema);
        if let Some(inner) = wanted.strip_prefix("list[").and_then(|rest| rest.strip_suffix(']')) {
            if kinds.contains("array") {
                self.same_type(&Value::from(inner), &schema["items"], &format!("{place}[]"), is_request, depth);
            } else {
                self.differences.push(format!("{place}: {wanted} expected, is {kinds:?}"));
            }
            return;
        }
        let kind = match wanted {
            "str" | "datetime" | "date" => "string",
            "int" => "integer",
            "float" | "decimal.Decimal" => "number",
            "bool" => "boolean",
            _ => "object",
        };
        if !kinds.contains(kind) {
            self.differences.push(format!("{place}: {wanted} expected, is {kinds:?}"));
        } else if kind == "object" && depth < DEPTH_MAX {
            self.fields(wanted, &schema, place, is_request, depth + 1);
        }
    }

    fn fields(&mut self, model: &str, schema: &Value, place: &str, is_request: bool, depth: usize) {
        let Some(model) = self.model(model).cloned() else { return };
        let no_fields = Map::new();
        let properties = schema["properties"].as_object().unwrap_or(&no_fields);
        let required: BTreeSet<&str> =
            schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        let names: BTreeSet<&str> = model.iter().filter_map(|field| field["name"].as_str()).collect();
        for field in &model {
            let name = field["name"].as_str().expect("a text");
            let place = format!("{place}.{name}");
            let Some(property) = properties.get(name) else {
                self.differences.push(format!("{place}: missing"));
                continue;
            };
            if is_request && field["required"].as_bool() != Some(required.contains(name)) {
                self.differences.push(format!("{place}: required is {}", required.contains(name)));
            }
            self.same_type(&field["type"], property, &place, is_request, depth);
        }
        if is_request {
            let beyond =
                required.difference(&names).map(|name| format!("{place}.{name}: required beyond the contract"));
            self.differences.extend(beyond);
        }
    }

    /// The schema behind references and behind "or null".
    fn resolve(&self, schema: &Value) -> Value {
        let mut schema = schema.clone();
        loop {
            let next = if let Some(reference) = schema["$ref"].as_str() {
                self.document.pointer(reference.trim_start_matches('#')).cloned()
            } else {
                let alternatives = ["oneOf", "anyOf", "allOf"].iter().find_map(|key| schema[key].as_array());
                let mut real = alternatives.into_iter().flatten().filter(|alternative| alternative["type"] != "null");
                real.next().cloned()
            };
            match next {
                Some(next) => schema = next,
                None => return schema,
            }
        }
    }
}

fn kinds(schema: &Value) -> BTreeSet<&str> {
    match &schema["type"] {
        Value::String(kind) => BTreeSet::from([kind.as_str()]),
        Value::Array(kinds) => kinds.iter().filter_map(Value::as_str).collect(),
        _ => BTreeSet::new(),
    }
}

#[test]
fn the_comparison_notices_what_differs() {
    let contract: Value = serde_json::from_str(CONTRACT).expect("the contract is JSON");
    let operations = contract["operations"].as_array().expect("a list");
    let specs = operations.iter().find(|operation| operation["id"] == "ListResourceSpecs").expect("it is there");
    let mut broken = document();
    let schemas = &mut broken["components"]["schemas"];
    schemas["ResourceSpecsQueryReq"]["properties"]["charge_mode"] = serde_json::json!({"type": "integer"});
    schemas["ResourceSpecsQueryReq"]["required"].as_array_mut().expect("a list").retain(|name| name != "region_code");
    schemas["PageInfo"]["properties"] = serde_json::json!({});
    let mut comparison = Comparison {
        models: contract["models"].as_object().expect("a map"),
        document: &broken,
        namespace: "",
        differences: Vec::new(),
    };
    comparison.operation(specs, find(&broken, specs).expect("it is built"));
    let found: HashMap<&str, &str> =
        comparison.differences.iter().filter_map(|difference| difference.split_once(": ")).collect();
    assert_eq!(found.len(), 3, "{found:?}");
    assert!(found.contains_key("body.charge_mode") && found.contains_key("body.region_code"));
    assert!(found.contains_key("response.page_info.next_marker"));
}
