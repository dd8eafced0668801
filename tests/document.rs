//! The generated files are fresh, and the document explains itself.

use serde_json::Value;

#[test]
fn the_committed_documents_are_fresh() {
    for (name, fresh) in bss_gateway::cli::documents() {
        let path = format!("{}/openapi/{name}", env!("CARGO_MANIFEST_DIR"));
        let committed = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(committed == fresh, "openapi/{name} is stale: run `make documents`");
    }
}

#[test]
fn every_operation_parameter_and_field_is_explained() {
    let mut silent = Vec::new();
    for document in [bss_gateway::operations().document(), bss_gateway::operator::operations().document()] {
        note_silent_parts(&serde_json::to_value(document).expect("the document serialises"), &mut silent);
    }
    assert!(silent.is_empty(), "{}", silent.join("\n"));
}

fn note_silent_parts(document: &Value, silent: &mut Vec<String>) {
    for (path, item) in document["paths"].as_object().expect("a map") {
        for (method, operation) in item.as_object().expect("a map") {
            let place = format!("{method} {path}");
            note_silence(operation, &["summary", "description", "operationId", "x-policy"], &place, silent);
            for parameter in operation["parameters"].as_array().into_iter().flatten() {
                note_silence(parameter, &["description"], &format!("{place} {}", parameter["name"]), silent);
            }
            for (status, response) in operation["responses"].as_object().expect("a map") {
                note_silence(response, &["description"], &format!("{place} {status}"), silent);
            }
        }
    }
    for (name, schema) in document["components"]["schemas"].as_object().expect("a map") {
        for (field, property) in schema["properties"].as_object().into_iter().flatten() {
            let is_leaf = property.get("$ref").is_none() && property.get("oneOf").is_none();
            if is_leaf {
                note_silence(property, &["description"], &format!("{name}.{field}"), silent);
            }
        }
    }
}

fn note_silence(value: &Value, keys: &[&str], place: &str, silent: &mut Vec<String>) {
    for key in keys {
        if value[key].is_null() || value[key] == "" {
            silent.push(format!("{place} has no {key}"));
        }
    }
}
